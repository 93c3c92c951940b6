// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the page table and the backends call a page of the KV cache.

#include <cstddef>
#include <cstdint>

namespace tutti {

/// Positions per page of the KV cache: page i of a sequence holds the positions from
/// i * kPagePositions on, and attention sums are computed page by page. The order of a row's sums
/// is therefore a function of its position alone.
inline constexpr std::size_t kPagePositions = 64;

using SequenceId = std::uint32_t;
using PageId = std::uint32_t;

/// The first `count` positions of one page.
struct PageSpan {
  PageId page = 0;
  std::uint32_t count = 0;

  friend bool operator==(const PageSpan&, const PageSpan&) = default;
};

/// Where one new position is stored.
struct PageSlot {
  PageId page = 0;
  std::uint32_t offset = 0;
};

/// A page whose contents another page needs before the next pass writes to it.
struct PageCopy {
  PageId from = 0;
  PageId to = 0;

  friend bool operator==(const PageCopy&, const PageCopy&) = default;
};

}  // namespace tutti
