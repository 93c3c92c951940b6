// SPDX-License-Identifier: Apache-2.0
#pragma once
// Asking memory for weights before they are needed. The rows of a tile are short streams, which the
// processor's own prefetching loses at every new tile: without this, products with few rows reach
// half of the memory's speed.

#include <algorithm>
#include <cstddef>

#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Walks along the weights that follow those in work, in the order of their addresses. It may walk
/// past their end: asking for an address that is not there does nothing.
template <int level = 1>
class Lookahead {
 public:
  /// @param bytes of the weights in work, which begin at `first`.
  Lookahead(const std::byte* first, std::size_t bytes)
      : next_(first + std::max(bytes, kMinDistance)), end_(next_) {}

  /// Asks for `lines` cache lines and goes on by `bytes`, at most 64 for each line: without a
  /// branch that could be mispredicted.
  template <std::size_t lines>
  TUTTI_ALWAYS_INLINE void advance_lines(std::size_t bytes = lines * kCacheLine) {
    unroll<lines>([&](auto line)
                      TUTTI_ALWAYS_INLINE { prefetch<level>(next_ + line * kCacheLine); });
    next_ += bytes;
  }

  /// Asks for the next `bytes`.
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
