// SPDX-License-Identifier: Apache-2.0
#pragma once
// The instruction sets that the CPU kernels are written for, and which of them this program uses.
// Header-only programs use the one that their compiler flags allow. Programs that link
// tutti::compiled contain several and choose at run time.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "tutti/base/macros.hpp"

namespace tutti {

/// Names are those of the inline namespaces that hold the code (base/macros.hpp).
enum class InstructionSet : std::uint8_t {
  portable,      ///< What every processor of the architecture has; on x86-64 SSE2.
  portable_fma,  ///< The same, compiled with fused multiply-add (header-only programs).
  avx2,          ///< AVX2, FMA, F16C.
  avx512,        ///< AVX-512 F, BW, VL, DQ, VNNI.
  avx512_bf16,   ///< The same and AVX-512 BF16.
  neon,          ///< AArch64's base.
  neon_dotprod,  ///< The same and integer dot products.
  neon_i8mm,     ///< The same and 8-bit integer matrix products.
};

[[nodiscard]] constexpr std::string_view name_of(InstructionSet set) {
  constexpr std::array<std::string_view, 8> kNames{"portable",     "portable_fma", "avx2",
                                                   "avx512",       "avx512_bf16",  "neon",
                                                   "neon_dotprod", "neon_i8mm"};
  return kNames[static_cast<std::size_t>(set)];
}

inline namespace TUTTI_ABI {

/// The instruction set that CPU backends and samplers use unless an option says otherwise.
[[nodiscard]] TUTTI_INLINE InstructionSet instruction_set();

/// The instruction sets that this program contains and this processor can run, best first.
[[nodiscard]] TUTTI_INLINE std::span<const InstructionSet> available_instruction_sets();

/// Makes `set` the one that samplers, and CPU backends constructed from now on, use; for equal bits
/// on processors of different kinds. The environment variable TUTTI_INSTRUCTION_SET, a name as
/// name_of gives it, does the same when the program starts.
/// @throws OptionError when the program does not contain `set` or the processor lacks it, with what
/// is available.
TUTTI_INLINE void use_instruction_set(InstructionSet set);

}  // namespace TUTTI_ABI

namespace detail::inline TUTTI_ABI {

/// What the compiler flags of this translation unit allow.
inline constexpr InstructionSet kCompiledInstructionSet = InstructionSet::TUTTI_INSTRUCTION_SET;

}  // namespace detail::inline TUTTI_ABI
}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/base/instruction_set-inl.hpp"
#endif
