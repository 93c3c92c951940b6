// SPDX-License-Identifier: Apache-2.0
#pragma once
// The table of the kernels that this translation unit is compiled for.

#include "tutti/backend/cpu/attention/attention.hpp"
#include "tutti/backend/cpu/elementwise.hpp"
#include "tutti/backend/cpu/kernels.hpp"
#include "tutti/backend/cpu/product/low_rank_product.hpp"
#include "tutti/backend/cpu/product/product_kernel.hpp"
#include "tutti/backend/cpu/product/quantize_activations.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"

namespace tutti::cpu::inline TUTTI_ABI {

inline constexpr Kernels kKernels{
    .instruction_set = tutti::detail::kCompiledInstructionSet,
    .multiplies_bfloat16 = kMultipliesBFloat16,
    .prepare_activations = prepare_activations,
    .product = product,
    .add_low_rank = add_low_rank,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .add = add,
    .multiply = multiply,
    .activate = activate,
    .gated_unit = gated_unit,
    .rope = rope,
    .store_key_value = store_key_value,
    .attend_chunk = attend_chunk,
    .finish_attention = finish_attention,
};

TUTTI_KERNELS_INLINE const Kernels& default_kernels() { return kKernels; }

TUTTI_KERNELS_INLINE const Kernels& kernels_of(InstructionSet set) {
  use_instruction_set(set);  // checks that it is the only one there is
  return kKernels;
}

}  // namespace tutti::cpu::inline TUTTI_ABI
