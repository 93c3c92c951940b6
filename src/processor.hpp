// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the processor that the program runs on can do.

#include "tutti/base/instruction_set.hpp"

namespace tutti::detail {

/// Whether the processor and the operating system support all instructions of `set`.
[[nodiscard]] bool processor_runs(InstructionSet set);

}  // namespace tutti::detail
