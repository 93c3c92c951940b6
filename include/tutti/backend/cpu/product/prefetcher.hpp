// SPDX-License-Identifier: Apache-2.0
#pragma once
// Software prefetching of weights. The rows of a tile are short streams, which the hardware
// prefetcher loses at every new tile: without this, products with few rows reach half of the memory
// bandwidth.

#include <algorithm>
#include <cstddef>

#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Prefetches the weights that follow the current ones, in the order of their addresses. It may run
/// past their end: prefetching an invalid address does nothing.
template <int level = 1>
class Prefetcher {
 public:
  /// @param bytes size of the current weights, which begin at `first`.
  Prefetcher(const std::byte* first, std::size_t bytes)
      : next_(first + std::max(bytes, kMinDistance)), end_(next_) {}

  /// Prefetches `lines` cache lines and advances by `bytes`, at most 64 per line; without a branch
  /// that could be mispredicted.
  template <std::size_t lines>
  TUTTI_ALWAYS_INLINE void advance_lines(std::size_t bytes = lines * kCacheLine) {
    unroll<lines>([&](auto line)
                      TUTTI_ALWAYS_INLINE { prefetch<level>(next_ + line * kCacheLine); });
    next_ += bytes;
  }

  /// Prefetches the next `bytes`.
  TUTTI_ALWAYS_INLINE void advance(std::size_t bytes) {
    for (end_ += bytes; next_ < end_; next_ += kCacheLine) prefetch<level>(next_);
  }

 private:
  // Enough for the latency of memory.
  static constexpr std::size_t kMinDistance = 4096;

  const std::byte* next_;
  const std::byte* end_;
};

}  // namespace tutti::cpu::detail::inline TUTTI_ABI
