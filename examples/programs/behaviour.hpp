// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a program does, on fixed probe inputs, and the split that its function belongs to.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "programs/language.hpp"
#include "programs/value.hpp"

namespace programs {

enum class Split : std::uint8_t { training, development, test };

/// The program's output for every probe input of a domain.
[[nodiscard]] std::vector<Value> outputs_on_probes(const Program& program, std::size_t domain);

}  // namespace programs
