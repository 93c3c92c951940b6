// SPDX-License-Identifier: Apache-2.0
#pragma once
// Kernel of a product with weights of any type; one template per kind of type.

#include <cstddef>

#include "tutti/backend/cpu/product/block_product.hpp"
#include "tutti/backend/cpu/product/dense_product.hpp"
#include "tutti/backend/cpu/product/group_product.hpp"
#include "tutti/backend/cpu/product/product_job.hpp"
#include "tutti/backend/cpu/product/widened_product.hpp"

namespace tutti::cpu::inline TUTTI_ABI {

/// Computes output columns [first, last) of `job`, that is weight rows, in the calling thread.
inline void product(const ProductJob& job, std::size_t first, std::size_t last) {
  if (first >= last || job.x.rows == 0) return;
  switch (job.weight.type) {
    case DType::f32: return detail::dense_product<float>(job, first, last);
#if defined(TUTTI_HAS_ROW_LANES)
    case DType::f16: return detail::dense_product<Float16>(job, first, last);
    case DType::bf16:
#if defined(TUTTI_HAS_BFLOAT16_PAIRS)
      if (job.x.bfloat16 != nullptr)
        return detail::dense_product<detail::PairedBFloat16>(job, first, last);
#endif
      return detail::dense_product<BFloat16>(job, first, last);
    case DType::q4_0: return detail::block_product<DType::q4_0>(job, first, last);
    case DType::q4_1: return detail::block_product<DType::q4_1>(job, first, last);
    case DType::q5_0: return detail::block_product<DType::q5_0>(job, first, last);
    case DType::q5_1: return detail::block_product<DType::q5_1>(job, first, last);
    case DType::q8_0: return detail::block_product<DType::q8_0>(job, first, last);
    case DType::q4_k: return detail::block_product<DType::q4_k>(job, first, last);
    case DType::q5_k: return detail::block_product<DType::q5_k>(job, first, last);
    case DType::q6_k: return detail::block_product<DType::q6_k>(job, first, last);
#else
    case DType::f16:
    case DType::bf16: return detail::widened_product(job, first, last);
    default: return detail::group_product(job, first, last);
#endif
  }
}

}  // namespace tutti::cpu::inline TUTTI_ABI
