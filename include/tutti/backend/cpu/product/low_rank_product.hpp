// SPDX-License-Identifier: Apache-2.0
#pragma once
// The second half of a low-rank delta: y += B (A x), for all experts' adapters of a phase.

#include <algorithm>
#include <cstddef>
#include <span>

#include "tutti/backend/cpu/product/column_product.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/float16.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/thread_pool.hpp"

namespace tutti::cpu {

/// y[m][n] += sum_k t[m][k] b[k][n], k ascending.
struct LowRankJob {
  WeightMatrix b;             ///< [rank, outputs], of floats.
  MatrixView<const float> t;  ///< [rows, rank]
  MatrixView<float> y;        ///< [rows, outputs]
};

namespace detail {

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

}  // namespace detail

/// Runs all jobs over the pool. They must be independent of one another.
/// @throws ModelError for matrices that are not of floats.
inline void add_low_rank(ThreadPool& pool, std::span<const LowRankJob> jobs) {
  constexpr std::size_t kOutputs = 512;  // a task's
  std::size_t most = 0;
  for (const LowRankJob& job : jobs) most = std::max(most, (job.b.cols + kOutputs - 1) / kOutputs);
  pool.for_each(jobs.size() * most, [&](std::size_t task) {
    const LowRankJob& job = jobs[task / most];
    const std::size_t first = task % most * kOutputs;
    if (first >= job.b.cols) return;
    const std::size_t count = std::min(kOutputs, job.b.cols - first);
    switch (job.b.type) {
      case DType::f32: return detail::add_low_rank<float>(job, first, count);
      case DType::f16: return detail::add_low_rank<Float16>(job, first, count);
      case DType::bf16: return detail::add_low_rank<BFloat16>(job, first, count);
      default:
        fail<ModelError>("the second matrix of an adapter is in ", layout_of(job.b.type).name,
                         ": F32, F16 and BF16 can be used");
    }
  });
}

}  // namespace tutti::cpu
