// SPDX-License-Identifier: Apache-2.0
#pragma once
// Problem sets: the same (split, seed, count) gives the same problems on every machine.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "programs/behaviour.hpp"
#include "programs/problem.hpp"

namespace programs {

/// `count` problems of functions that belong to the split, half of them of each language, no two with the same behaviour.
[[nodiscard]] std::vector<Problem> make_problems(Split split, std::uint64_t seed, std::size_t count);

}  // namespace programs
