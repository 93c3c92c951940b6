// SPDX-License-Identifier: Apache-2.0
#pragma once
// A batch of rows, grouped by expert. Each row has the slot where its key and value are stored and
// the pages it attends to.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tutti/backend/kv_page_table.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// The contiguous rows of one expert.
struct RowGroup {
  std::uint32_t expert = 0;
  std::size_t first = 0;
  std::size_t count = 0;
};

/// The rows of one step, as the phases of a layer need them.
struct Batch {
  std::vector<Row> rows;         ///< Grouped by expert, in ascending order of experts.
  std::vector<RowGroup> groups;  ///< One for each expert that has rows.
  std::vector<PageSlot> slots;   ///< Slot of row r's key and value.
  std::vector<PageCopy> copies;  ///< To be made before the slots are written.
  std::vector<PageSpan> spans;   ///< The pages of all rows, one row after the other.
  /// Row r attends to spans [span_begin[r], span_begin[r + 1]).
  std::vector<std::size_t> span_begin;

  [[nodiscard]] std::size_t size() const { return rows.size(); }
  [[nodiscard]] std::span<const PageSpan> spans_of(std::size_t row) const {
    return {spans.data() + span_begin[row], span_begin[row + 1] - span_begin[row]};
  }
};

namespace detail {

/// Checks that the rows of every sequence are neighbors, begin at its end and fit into the cache.
inline void check_order(std::span<const Row> rows, const KvPageTable& cache) {
  std::size_t pages = 0;
  for (std::size_t first = 0, next = 0; first < rows.size(); first = next) {
    const std::size_t length = cache.length(rows[first].sequence);
    for (; next < rows.size() && rows[next].sequence == rows[first].sequence; ++next) {
      const Row& row = rows[next];
      require<OptionError>(next == 0 || row.expert >= rows[next - 1].expert, "row ", next,
                           " is of expert ", row.expert, " but follows expert ",
                           next == 0 ? 0 : rows[next - 1].expert,
                           ": group the rows by ascending expert");
      require<OptionError>(row.position == length + (next - first), "row ", next, " has position ",
                           row.position, " in a sequence of ", length + (next - first),
                           " tokens: append its tokens in order");
    }
    pages += cache.pages_to_append(rows[first].sequence, next - first);
  }
  cache.require_pages(pages);
}

}  // namespace detail

/// Allocates a slot in `cache` for every row and groups the rows by expert.
/// @throws OptionError when the rows are not grouped by ascending expert or a position is not the
/// next of its sequence.
/// @throws CapacityError when the cache has too few pages; no sequence has changed then.
[[nodiscard]] inline Batch plan_batch(std::span<const Row> rows, KvPageTable& cache) {
  detail::check_order(rows, cache);
  Batch batch;
  batch.rows.assign(rows.begin(), rows.end());
  batch.span_begin.reserve(rows.size() + 1);
  batch.span_begin.push_back(0);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const Row& row = rows[r];
    if (batch.groups.empty() || batch.groups.back().expert != row.expert)
      batch.groups.push_back({row.expert, r, 0});
    ++batch.groups.back().count;
    batch.slots.push_back(cache.append(row.sequence, row.token));
    cache.append_spans(row.sequence, row.position + std::size_t{1}, batch.spans);
    batch.span_begin.push_back(batch.spans.size());
  }
  batch.copies = cache.take_copies();
  return batch;
}

/// Start of a row's attention window: index of the span, and offset within it.
struct WindowStart {
  std::uint32_t span = 0;
  std::uint32_t position = 0;
};

/// A row attends to the last `window` positions of `spans`, including its own; 0 means all.
[[nodiscard]] inline WindowStart window_start(std::span<const PageSpan> spans, std::size_t window) {
  if (window == 0) return {};
  std::size_t left = window;
  for (std::size_t s = spans.size(); s-- > 0;) {
    if (spans[s].count >= left)
      return {static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(spans[s].count - left)};
    left -= spans[s].count;
  }
  return {};
}

/// Groups of the rows `outputs` (ascending indices into the batch) once they are gathered: `first`
/// counts within `outputs`.
[[nodiscard]] inline std::vector<RowGroup> groups_of(const Batch& batch,
                                                     std::span<const std::uint32_t> outputs) {
  std::vector<RowGroup> groups;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::uint32_t expert = batch.rows[outputs[i]].expert;
    if (groups.empty() || groups.back().expert != expert) groups.push_back({expert, i, 0});
    ++groups.back().count;
  }
  return groups;
}

}  // namespace tutti
