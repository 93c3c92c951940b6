// SPDX-License-Identifier: Apache-2.0
#pragma once
// Measures the memory bandwidth of this machine. On a shared machine it changes within seconds, so
// benchmarks of memory-bound work measure it in the same run and report ratios.

#include <chrono>
#include <cstddef>
#include <numeric>
#include <vector>

#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"
#include "tutti/base/threads/thread_pool.hpp"

namespace tutti::bench {

/// Only reads memory, with all threads of a pool, each its own part.
class BandwidthProbe {
 public:
  /// @param bytes several times the last-level cache.
  explicit BandwidthProbe(std::size_t bytes = std::size_t{256} << 20)
      : memory_(bytes / sizeof(float)) {
    std::fill_n(memory_.data(), memory_.size(), 1.0F);
  }

  /// Bytes per second, the better of two passes over the next quarter of the memory.
  [[nodiscard]] double measure(ThreadPool& pool) {
    double best = 0.0;
    for (int pass = 0; pass < 2; ++pass) {
      const std::size_t quarter = memory_.size() / 4;
      const float* from = memory_.data() + quarter_++ % 4 * quarter;
      std::vector<float> sums(pool.size() * 16);
      const auto start = std::chrono::steady_clock::now();
      pool.for_each(pool.size(), [&](std::size_t thread) {
        const std::size_t share = quarter / pool.size() / kStep * kStep;
        sums[thread * 16] = sum_all(from + thread * share, share);
      });
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      sink_ = std::accumulate(sums.begin(), sums.end(), 0.0F);
      best = std::max(best, static_cast<double>(quarter * sizeof(float)) / seconds.count());
    }
    return best;
  }

 private:
  static constexpr std::size_t kStep = 8 * cpu::kLanes;

  static float sum_all(const float* from, std::size_t count) {
    cpu::FloatLanes sums[8];
    for (auto& sum : sums) sum = cpu::broadcast(0.0F);
    for (std::size_t i = 0; i < count; i += kStep) {
      for (std::size_t j = 0; j < 8; ++j) sums[j] = sums[j] + cpu::load(from + i + j * cpu::kLanes);
    }
    for (std::size_t j = 1; j < 8; ++j) sums[0] = sums[0] + sums[j];
    return cpu::sum(sums[0]);
  }

  cpu::AlignedBuffer<float> memory_;
  std::size_t quarter_ = 0;
  volatile float sink_ = 0.0F;
};

}  // namespace tutti::bench
