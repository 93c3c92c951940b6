// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products y = x W^T of activation rows with weights of any type, in place, alone or several at
// once over a thread pool. The bits of y[m][n] depend on row m of x and row n of W alone: not on
// the number of rows, the range or the threads.

#include <algorithm>
#include <cstddef>
#include <span>

#include "tutti/backend/cpu/kernels.hpp"
#include "tutti/backend/cpu/product/product_job.hpp"
#include "tutti/base/threads/thread_pool.hpp"

namespace tutti::cpu {

namespace detail {

/// Rough time of one weight row, in bytes read from memory: reading it, or multiplying it where
/// that takes longer. A core multiplies about two weights in the time in which it reads a byte.
[[nodiscard]] inline std::size_t row_cost(const ProductJob& job) {
  return std::max(job.weight.row_bytes, job.x.rows * job.weight.cols / 2);
}

/// Weight rows that a share's border should not cut: a multiple of the heights of all tiles and
/// panels.
inline constexpr std::size_t kShareRows = 48;
/// Shares per thread: a thread that loses its processor holds up at most one of them.
inline constexpr std::size_t kSharesPerThread = 4;
/// Cost below which a share is not worth its own stream of weights.
inline constexpr std::size_t kMinShareCost = std::size_t{64} << 10;

/// Shares of work of `total` cost for `threads` threads, a multiple of their number.
[[nodiscard]] constexpr std::size_t share_count(std::size_t total, std::size_t threads) {
  if (threads == 1) return 1;
  return threads * std::clamp<std::size_t>(total / (threads * kMinShareCost), 1, kSharesPerThread);
}

}  // namespace detail

/// Runs all jobs over the pool. They must be independent: none reads what another writes. The work
/// is cut into contiguous shares of about equal cost. Each thread begins with neighboring shares,
/// so that with one job per expert it works on its own experts and reads one stream of weights, and
/// then takes shares of threads that are behind.
inline void run_products(ThreadPool& pool, std::span<const ProductJob> jobs,
                         const Kernels& kernels = default_kernels()) {
  std::size_t total = 0;
  for (const ProductJob& job : jobs)
    total += job.x.rows == 0 ? 0 : detail::row_cost(job) * job.weight.rows;
  if (total == 0) return;
  const std::size_t shares = detail::share_count(total, pool.size());
  pool.for_each(shares, [&](std::size_t share) {
    const std::size_t from = total / shares * share;
    const std::size_t to = share + 1 == shares ? total : total / shares * (share + 1);
    // A border in cost becomes the same row for the share before it and the one after it.
    std::size_t start = 0;
    for (const ProductJob& job : jobs) {
      if (job.x.rows == 0) continue;
      const std::size_t cost = detail::row_cost(job);
      const std::size_t end = start + cost * job.weight.rows;
      const auto row_at = [&](std::size_t border) {
        if (border <= start) return std::size_t{0};
        if (border >= end) return job.weight.rows;
        return std::min(round_up((border - start) / cost, detail::kShareRows), job.weight.rows);
      };
      kernels.product(job, row_at(from), row_at(to));
      start = end;
    }
  });
}
inline void run_product(ThreadPool& pool, const ProductJob& job,
                        const Kernels& kernels = default_kernels()) {
  run_products(pool, std::span(&job, 1), kernels);
}

/// Runs the second halves of low-rank deltas over the pool. They must be independent of one
/// another.
/// @throws ModelError for matrices that are not of floats.
inline void add_low_rank(ThreadPool& pool, std::span<const LowRankJob> jobs,
                         const Kernels& kernels = default_kernels()) {
  constexpr std::size_t kOutputs = 512;  // of one task
  std::size_t tasks = 0;                 // of the job with the most outputs
  for (const LowRankJob& job : jobs)
    tasks = std::max(tasks, (job.b.cols + kOutputs - 1) / kOutputs);
  pool.for_each(jobs.size() * tasks, [&](std::size_t task) {
    const LowRankJob& job = jobs[task / tasks];
    const std::size_t first = task % tasks * kOutputs;
    if (first >= job.b.cols) return;
    kernels.add_low_rank(job, first, std::min(kOutputs, job.b.cols - first));
  });
}

}  // namespace tutti::cpu
