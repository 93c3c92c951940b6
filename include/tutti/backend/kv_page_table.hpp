// SPDX-License-Identifier: Apache-2.0
#pragma once
// Page table of the KV cache: which page holds which position of which sequence. A sequence shares
// the first positions of its parent (a prompt) and appends its own after them, so that all samples
// of an expert share one copy of their prompt.
//
// A page holds kPagePositions positions of all layers. This class is bookkeeping only; the backend
// owns the memory. A shared prefix always ends a page, and a sequence's own tokens always begin
// one. The pages that a position attends to, and their order, therefore depend only on its own
// sequence, never on the rest of the batch.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// Positions per cache page; attention sums are computed per page.
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

/// The sequences of a generation and their pages.
class KvPageTable {
 public:
  /// @param page_limit maximum number of pages in use at once.
  explicit KvPageTable(std::size_t page_limit) : page_limit_(page_limit) {}

  /// A new, empty sequence.
  [[nodiscard]] SequenceId create() { return add({}); }

  /// A new sequence that shares the first `length` positions of `parent`.
  /// @throws CapacityError when the parent is shorter than that.
  [[nodiscard]] SequenceId fork(SequenceId parent, std::size_t length) {
    const std::size_t available = this->length(parent);
    require<CapacityError>(length <= available, "cannot share ", length,
                           " positions of a sequence that has ", available,
                           ": fork at most at its end");
    Sequence child;
    child.shared = spans(parent, length);
    child.shared_length = length;
    for (const PageSpan& span : child.shared) ++page_users_[span.page];
    return add(std::move(child));
  }

  /// Removes a sequence; its pages return to the pool once no other sequence shares them.
  void release(SequenceId id) {
    Sequence& sequence = at(id);
    for (const PageSpan& span : sequence.shared) drop_page(span.page);
    for (const PageId page : sequence.own_pages) drop_page(page);
    sequences_[id].reset();
    free_sequences_.push_back(id);
  }

  /// Removes all sequences.
  void clear() { *this = KvPageTable(page_limit_); }

  /// Tokens in the sequence, including shared ones.
  [[nodiscard]] std::size_t length(SequenceId id) const {
    const Sequence& sequence = at(id);
    return sequence.shared_length + sequence.own_length;
  }

  /// Allocates the slot of the next position of a sequence.
  /// @throws CapacityError when all pages are in use.
  PageSlot append(SequenceId id) {
    Sequence& sequence = at(id);
    const std::size_t offset = sequence.own_length % kPagePositions;
    if (offset == 0) sequence.own_pages.push_back(take_page());
    ++sequence.own_length;
    return {sequence.own_pages.back(), static_cast<std::uint32_t>(offset)};
  }

  /// The pages that hold the first `length` positions, in order.
  [[nodiscard]] std::vector<PageSpan> spans(SequenceId id, std::size_t length) const {
    std::vector<PageSpan> result;
    append_spans(id, length, result);
    return result;
  }

  /// The same, appended to `result`.
  void append_spans(SequenceId id, std::size_t length, std::vector<PageSpan>& result) const {
    const Sequence& sequence = at(id);
    std::size_t left = length;
    const auto take = [&](PageId page, std::size_t most) {
      const std::size_t count = left < most ? left : most;
      if (count > 0) result.push_back({page, static_cast<std::uint32_t>(count)});
      left -= count;
    };
    for (const PageSpan& span : sequence.shared) take(span.page, span.count);
    for (const PageId page : sequence.own_pages) take(page, kPagePositions);
  }

  /// Number of pages that need memory: one more than the highest page ever used.
  [[nodiscard]] std::size_t pages_needed() const { return page_users_.size(); }
  /// Number of free pages.
  [[nodiscard]] std::size_t pages_left() const { return page_limit_ - pages_in_use(); }
  [[nodiscard]] std::size_t pages_in_use() const { return page_users_.size() - free_pages_.size(); }

 private:
  struct Sequence {
    std::vector<PageSpan> shared;
    std::size_t shared_length = 0;
    std::vector<PageId> own_pages;
    std::size_t own_length = 0;
  };

  SequenceId add(Sequence sequence) {
    if (free_sequences_.empty()) {
      sequences_.emplace_back(std::move(sequence));
      return static_cast<SequenceId>(sequences_.size() - 1);
    }
    const SequenceId id = free_sequences_.back();
    free_sequences_.pop_back();
    sequences_[id] = std::move(sequence);
    return id;
  }

  [[nodiscard]] const Sequence& at(SequenceId id) const {
    require<OptionError>(id < sequences_.size() && sequences_[id].has_value(), "sequence ", id,
                         " does not exist; there are ", sequences_.size() - free_sequences_.size(),
                         ": create or fork it first");
    return *sequences_[id];
  }
  [[nodiscard]] Sequence& at(SequenceId id) {
    return const_cast<Sequence&>(std::as_const(*this).at(id));
  }

  PageId take_page() {
    if (!free_pages_.empty()) {
      const PageId page = free_pages_.back();
      free_pages_.pop_back();
      page_users_[page] = 1;
      return page;
    }
    require<CapacityError>(page_users_.size() < page_limit_, "the KV cache is full: all ",
                           page_limit_, " pages of ", kPagePositions,
                           " positions are in use; shorten the prompt, take fewer samples or raise "
                           "StackOptions::max_cache_bytes");
    page_users_.push_back(1);
    return static_cast<PageId>(page_users_.size() - 1);
  }

  void drop_page(PageId page) {
    if (--page_users_[page] == 0) free_pages_.push_back(page);
  }

  std::size_t page_limit_;
  std::vector<std::optional<Sequence>> sequences_;
  std::vector<SequenceId> free_sequences_;
  std::vector<std::uint32_t> page_users_;
  std::vector<PageId> free_pages_;
};

}  // namespace tutti
