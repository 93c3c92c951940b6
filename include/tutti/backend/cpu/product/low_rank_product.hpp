// SPDX-License-Identifier: Apache-2.0
#pragma once
// Kernel of the second half of a low-rank delta: y += B (A x).

#include <cstddef>

#include "tutti/backend/cpu/product/column_product.hpp"
#include "tutti/backend/cpu/product/product_job.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/numeric/float16.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

template <class T>
void add_low_rank(const LowRankJob& job, std::size_t first, std::size_t count) {
  const T* b = reinterpret_cast<const T*>(job.b.data) + first;
  for_row_tiles(job.t.rows, [&](auto rows, std::size_t row) {
    const float* t[rows];
    float* y[rows];
    for (std::size_t i = 0; i < rows; ++i) {
      t[i] = job.t.row(row + i);
      y[i] = job.y.row(row + i) + first;
    }
    accumulate_rows(t, 0, job.b.rows, b, job.b.cols, y, count);
  });
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI

namespace tutti::cpu::inline TUTTI_ABI {

/// Adds outputs [first, first + count) of `job`.
/// @throws ModelError for matrices that are not of floats.
inline void add_low_rank(const LowRankJob& job, std::size_t first, std::size_t count) {
  switch (job.b.type) {
    case DType::f32: return detail::add_low_rank<float>(job, first, count);
    case DType::f16: return detail::add_low_rank<Float16>(job, first, count);
    case DType::bf16: return detail::add_low_rank<BFloat16>(job, first, count);
    default: break;
  }
  fail<ModelError>("the second matrix of an adapter is in ", layout_of(job.b.type).name,
                   ": F32, F16 and BF16 can be used");
}

}  // namespace tutti::cpu::inline TUTTI_ABI
