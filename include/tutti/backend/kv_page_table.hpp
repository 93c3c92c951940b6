// SPDX-License-Identifier: Apache-2.0
#pragma once
// Page table of the KV cache: which page holds which positions of which sequence. Page i of a
// sequence holds its positions from i * kPagePositions on, so which positions are summed together,
// and in which order, depends on absolute positions only: a sequence that was forked, truncated,
// continued or served from the cache gives the same bits as one that was computed in one go.
//
// Sequences share pages. A fork shares all pages of its parent; whoever first writes to a page that
// others use receives a copy of it (copy on write). Sequences made by `open` also share full pages
// by content, and the pages that they leave behind stay in the cache until memory is needed.
//
// This class is bookkeeping only; the backend owns the memory and makes the copies.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tutti/backend/page.hpp"
#include "tutti/backend/prefix_tree.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// The sequences of all requests and their pages.
class KvPageTable {
 public:
  /// @param page_limit maximum number of pages in use at once.
  explicit KvPageTable(std::size_t page_limit) : page_limit_(page_limit) {}

  /// A new, empty sequence, whose pages only its forks share.
  [[nodiscard]] SequenceId create() { return add({}); }

  /// A new sequence for the text `tokens` of `expert`: it begins with the longest prefix of whole
  /// pages that the cache holds, but leaves at least the last token to compute. Its length says how
  /// many positions that is. Its full pages can be found by later sequences.
  [[nodiscard]] SequenceId open(std::uint32_t expert, std::span<const Token> tokens) {
    Sequence sequence;
    sequence.expert = expert;
    PrefixTree::NodeId node = PrefixTree::kNone;
    for (std::size_t begin = 0; begin + kPagePositions < tokens.size(); begin += kPagePositions) {
      node = prefixes_.find(expert, node, tokens.subspan(begin, kPagePositions));
      if (node == PrefixTree::kNone) break;
      use_page(prefixes_.page(node));
      sequence.pages.push_back(prefixes_.page(node));
      sequence.length += kPagePositions;
    }
    return add(std::move(sequence));
  }

  /// A new sequence that begins with the first `length` positions of `parent`.
  /// @throws CapacityError when the parent is shorter than that.
  [[nodiscard]] SequenceId fork(SequenceId parent, std::size_t length) {
    const std::size_t available = this->length(parent);
    require<CapacityError>(length <= available, "cannot share ", length,
                           " positions of a sequence that has ", available,
                           ": fork at most at its end");
    Sequence child = at(parent);
    for (const PageId page : child.pages) use_page(page);
    cut(child, length);
    return add(std::move(child));
  }

  /// Shortens a sequence to its first `length` positions; what is appended then replaces the rest.
  /// @throws CapacityError when it is shorter than that.
  void truncate(SequenceId id, std::size_t length) {
    Sequence& sequence = at(id);
    require<CapacityError>(length <= sequence.length, "cannot truncate a sequence of ",
                           sequence.length, " positions to ", length, ": it has fewer");
    cut(sequence, length);
  }

  /// Removes a sequence. Its pages are free once no other sequence uses them, or idle if they can
  /// be found by content.
  void release(SequenceId id) {
    cut(at(id), 0);
    std::erase(filled_, id);
    sequences_[id].reset();
    free_sequences_.push_back(id);
  }

  /// Removes all sequences and all cached pages.
  void clear() { *this = KvPageTable(page_limit_); }

  /// Tokens in the sequence.
  [[nodiscard]] std::size_t length(SequenceId id) const { return at(id).length; }

  /// Allocates the slot of the next position of a sequence. Idle pages are evicted when there is no
  /// other.
  /// @param token its token; without one, the pages of the sequence cannot be found by content from
  /// here on.
  /// @throws CapacityError when all pages are in use.
  PageSlot append(SequenceId id, std::optional<Token> token = std::nullopt) {
    Sequence& sequence = at(id);
    const std::size_t offset = sequence.length % kPagePositions;
    if (offset == 0) {
      sequence.pages.push_back(take_page());
    } else if (is_shared(sequence.pages.back())) {
      const PageId copy = take_page();
      copies_.push_back({sequence.pages.back(), copy});
      leave_page(sequence.pages.back());
      sequence.pages.back() = copy;
    }
    if (!token) sequence.expert.reset();
    if (sequence.expert) {
      sequence.last_tokens.push_back(*token);
      if (offset + 1 == kPagePositions) filled_.push_back(id);
    }
    ++sequence.length;
    return {sequence.pages.back(), static_cast<std::uint32_t>(offset)};
  }

  /// The copies that the backend must make before it writes to the slots appended since the last
  /// call.
  [[nodiscard]] std::vector<PageCopy> take_copies() { return std::exchange(copies_, {}); }

  /// To be called after the appended positions have been computed: their full pages can be found by
  /// content from now on. A sequence whose page is there already uses that one instead.
  void publish_pages() {
    for (const SequenceId id : std::exchange(filled_, {})) publish_pages(at(id));
  }

  /// Says what the tokens of a sequence are of which some were appended without their tokens. Its
  /// full pages can be found by content from now on.
  /// Precondition: all positions have been computed, for this expert.
  /// @throws OptionError unless there are as many tokens as positions.
  void publish(SequenceId id, std::uint32_t expert, std::span<const Token> tokens) {
    Sequence& sequence = at(id);
    require<OptionError>(tokens.size() == sequence.length, tokens.size(),
                         " tokens were given for a sequence of ", sequence.length,
                         " positions: give one per position");
    std::size_t published = 0;
    while ((published + 1) * kPagePositions <= tokens.size() &&
           pages_[sequence.pages[published]].node != PrefixTree::kNone)
      ++published;
    sequence.expert = expert;
    const auto rest = tokens.subspan(published * kPagePositions);
    sequence.last_tokens.assign(rest.begin(), rest.end());
    publish_pages(sequence);
  }

  /// @throws CapacityError unless `count` more pages can be taken, counting those that can be
  /// evicted.
  void require_pages(std::size_t count) const {
    require<CapacityError>(count <= pages_left(), "the KV cache is full: ", count,
                           " more pages are needed, and ", pages_in_use(), " of all ", page_limit_,
                           " pages of ", kPagePositions,
                           " positions are in use; shorten the prompt, take fewer samples or raise "
                           "StackOptions::max_cache_bytes");
  }

  /// The number of pages that appending `count` positions to a sequence takes at most.
  [[nodiscard]] std::size_t pages_to_append(SequenceId id, std::size_t count) const {
    const Sequence& sequence = at(id);
    const std::size_t pages = (sequence.length + count + kPagePositions - 1) / kPagePositions;
    const bool copies = count > 0 && sequence.length % kPagePositions != 0 &&
                        is_shared(sequence.pages.back());
    return pages - sequence.pages.size() + (copies ? 1 : 0);
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
    for (std::size_t i = 0; i * kPagePositions < length; ++i) {
      const std::size_t count = std::min(length - i * kPagePositions, kPagePositions);
      result.push_back({sequence.pages[i], static_cast<std::uint32_t>(count)});
    }
  }

  /// Evicts all idle pages. @returns all free pages, whose memory the backend may release.
  [[nodiscard]] std::vector<PageId> evict_idle() {
    while (prefixes_.idle_pages() > 0) free_evicted_page();
    return free_pages_;
  }

  [[nodiscard]] std::size_t page_limit() const { return page_limit_; }
  /// Number of pages that need memory: one more than the highest page ever used.
  [[nodiscard]] std::size_t pages_needed() const { return pages_.size(); }
  /// Number of pages that can be taken.
  [[nodiscard]] std::size_t pages_left() const { return page_limit_ - pages_in_use(); }
  /// Number of pages that sequences use.
  [[nodiscard]] std::size_t pages_in_use() const {
    return pages_.size() - free_pages_.size() - idle_pages();
  }
  /// Number of pages kept for later sequences that begin alike.
  [[nodiscard]] std::size_t idle_pages() const { return prefixes_.idle_pages(); }

 private:
  struct Sequence {
    std::vector<PageId> pages;
    std::size_t length = 0;
    /// The expert whose text this is, if its full pages can be found by content.
    std::optional<std::uint32_t> expert;
    std::vector<Token> last_tokens;  ///< Of the positions whose pages have not been published.
  };

  struct Page {
    std::uint32_t users = 0;  ///< Number of sequences that have it.
    PrefixTree::NodeId node = PrefixTree::kNone;
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

  /// Shortens a sequence and leaves the pages that it no longer needs.
  void cut(Sequence& sequence, std::size_t length) {
    const std::size_t published = sequence.length - sequence.last_tokens.size();
    if (sequence.expert && length < published) {
      // The last page that stays may be one that has been published, whose tokens the tree knows.
      const std::size_t whole = length / kPagePositions;
      sequence.last_tokens.clear();
      if (length % kPagePositions != 0) {
        const auto tokens = prefixes_.tokens(pages_[sequence.pages[whole]].node);
        sequence.last_tokens.assign(
            tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(length % kPagePositions));
      }
    } else if (sequence.expert) {
      sequence.last_tokens.resize(length - published);
    }
    const std::size_t keep = (length + kPagePositions - 1) / kPagePositions;
    // The last page first, as a page is idle only when those after it are.
    for (; sequence.pages.size() > keep; sequence.pages.pop_back())
      leave_page(sequence.pages.back());
    sequence.length = length;
  }

  void publish_pages(Sequence& sequence) {
    while (sequence.expert && sequence.last_tokens.size() >= kPagePositions) {
      const std::size_t index = (sequence.length - sequence.last_tokens.size()) / kPagePositions;
      const PrefixTree::NodeId parent = index == 0 ? PrefixTree::kNone
                                                   : pages_[sequence.pages[index - 1]].node;
      const std::span<const Token> tokens(sequence.last_tokens.data(), kPagePositions);
      PageId& page = sequence.pages[index];
      if (pages_[page].node == PrefixTree::kNone) {
        const PrefixTree::NodeId present = prefixes_.find(*sequence.expert, parent, tokens);
        if (present == PrefixTree::kNone) {
          pages_[page].node = prefixes_.add(*sequence.expert, parent, tokens, page);
        } else {
          use_page(prefixes_.page(present));
          leave_page(page);
          page = prefixes_.page(present);
        }
      }
      sequence.last_tokens.erase(sequence.last_tokens.begin(),
                                 sequence.last_tokens.begin() + kPagePositions);
    }
  }

  [[nodiscard]] bool is_shared(PageId page) const {
    return pages_[page].users > 1 || pages_[page].node != PrefixTree::kNone;
  }

  void use_page(PageId page) {
    if (pages_[page].users++ == 0) prefixes_.set_used(pages_[page].node);
  }

  void leave_page(PageId page) {
    if (--pages_[page].users > 0) return;
    if (pages_[page].node != PrefixTree::kNone) {
      prefixes_.set_idle(pages_[page].node);
    } else {
      free_pages_.push_back(page);
    }
  }

  void free_evicted_page() {
    const PageId page = prefixes_.evict();
    pages_[page].node = PrefixTree::kNone;
    free_pages_.push_back(page);
  }

  PageId take_page() {
    if (free_pages_.empty() && pages_.size() >= page_limit_ && idle_pages() > 0)
      free_evicted_page();
    if (free_pages_.empty()) {
      require_pages(1);
      pages_.emplace_back();
      free_pages_.push_back(static_cast<PageId>(pages_.size() - 1));
    }
    const PageId page = free_pages_.back();
    free_pages_.pop_back();
    pages_[page].users = 1;
    return page;
  }

  std::size_t page_limit_;
  std::vector<std::optional<Sequence>> sequences_;
  std::vector<SequenceId> free_sequences_;
  std::vector<Page> pages_;
  std::vector<PageId> free_pages_;
  PrefixTree prefixes_;
  std::vector<PageCopy> copies_;
  std::vector<SequenceId> filled_;  ///< Sequences with full pages that have not been published.
};

}  // namespace tutti
