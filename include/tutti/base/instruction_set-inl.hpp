// SPDX-License-Identifier: Apache-2.0
#pragma once
// Header-only programs contain one instruction set. The compiled library has bodies of its own
// (src/dispatch.cpp).

#include "tutti/base/error.hpp"
#include "tutti/base/instruction_set.hpp"

namespace tutti::inline TUTTI_ABI {

inline InstructionSet instruction_set() { return detail::kCompiledInstructionSet; }

inline std::span<const InstructionSet> available_instruction_sets() {
  return std::span(&detail::kCompiledInstructionSet, 1);
}

inline void use_instruction_set(InstructionSet set) {
  require<OptionError>(set == instruction_set(), "the instruction set ", name_of(set),
                       " was asked for, but this program was compiled for ",
                       name_of(instruction_set()),
                       " alone: link tutti::compiled to choose at run time");
}

}  // namespace tutti::inline TUTTI_ABI
