// SPDX-License-Identifier: Apache-2.0
#pragma once
// The merge loop of byte-pair encoding (Sennrich, Haddow and Birch, "Neural machine translation of
// rare words with subword units", ACL 2016) over symbols that are tokens: the adjacent pair of
// lowest rank first, the leftmost on ties, until no pair has a rule.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/numeric/narrow.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// `left` `right` -> `merged`.
struct BpeMerge {
  Token left = 0;
  Token right = 0;
  Token merged = 0;
};

struct BpeOptions {
  /// A piece that is a token as a whole becomes that token, regardless of the merges.
  bool ignore_merges = false;
  /// Replaces a byte or character that has no token; if absent it is dropped, as in tokenizers.
  std::optional<Token> unknown = std::nullopt;
  bool fuse_unknown = false;  ///< One `unknown` for a run of them.
};

namespace detail {

/// Hash table from a pair of tokens to its merge rule.
class MergeTable {
 public:
  static constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();

  struct Rule {
    std::uint32_t rank = kNoRank;
    Token merged = 0;
  };

  explicit MergeTable(std::span<const BpeMerge> merges)
      : slots_(std::bit_ceil(2 * merges.size() + 2)), shift_(64 - std::countr_zero(slots_.size())) {
    require<FormatError>(merges.size() < kNoRank, merges.size(),
                         " merges; at most 2^32 - 2 are supported");
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
      Slot& slot = slots_[slot_of(key_of(merges[rank].left, merges[rank].right))];
      require<FormatError>(slot.rule.rank == kNoRank, "merges ", slot.rule.rank, " and ", rank,
                           " join the same two tokens");
      slot = {key_of(merges[rank].left, merges[rank].right),
              {static_cast<std::uint32_t>(rank), merges[rank].merged}};
    }
  }

  /// The rule for `left` `right`; its rank is kNoRank if there is none.
  [[nodiscard]] Rule find(Token left, Token right) const {
    return slots_[slot_of(key_of(left, right))].rule;
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    Rule rule;  // rank kNoRank marks an empty slot
  };

  static std::uint64_t key_of(Token left, Token right) {
    return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) |
           static_cast<std::uint32_t>(right);
  }

  [[nodiscard]] std::size_t slot_of(std::uint64_t key) const {
    // Fibonacci hashing: the upper bits of the product depend on all bits of the key. At least half
    // of the slots are empty.
    auto slot = narrow<std::size_t>((key * 0x9E3779B97F4A7C15U) >> shift_);
    while (slots_[slot].rule.rank != kNoRank && slots_[slot].key != key)
      slot = (slot + 1) & (slots_.size() - 1);
    return slot;
  }

  std::vector<Slot> slots_;
  int shift_;
};

/// Merges symbols by a fixed list of rules. Immutable.
class BpeMerger {
 public:
  /// @param merges in order of rank, the first merged first.
  /// @throws FormatError when two merges join the same tokens.
  explicit BpeMerger(std::span<const BpeMerge> merges) : merges_(merges) {}

  /// Merges in place. Time O(n log n) in the number of symbols.
  /// @returns the number of remaining symbols, at the beginning of `symbols`.
  [[nodiscard]] std::size_t merge(std::span<Token> symbols) const {
    return symbols.size() <= kShortPiece ? merge_short(symbols) : merge_long(symbols);
  }

 private:
  // Up to this length a scan over all pairs for each merge is faster than a heap. Words are
  // shorter; runs of punctuation may be longer.
  static constexpr std::size_t kShortPiece = 32;

  /// Merges in place and returns the number of remaining symbols. Quadratic; at most kShortPiece
  /// symbols.
  [[nodiscard]] std::size_t merge_short(std::span<Token> symbols) const {
    std::size_t count = symbols.size();
    if (count < 2) return count;
    std::array<MergeTable::Rule, kShortPiece> rules;  // rules[i] joins symbols i and i + 1
    for (std::size_t i = 0; i + 1 < count; ++i) rules[i] = merges_.find(symbols[i], symbols[i + 1]);
    while (count > 1) {
      std::size_t best = 0;
      for (std::size_t i = 1; i + 1 < count; ++i) {
        if (rules[i].rank < rules[best].rank) best = i;
      }
      if (rules[best].rank == MergeTable::kNoRank) break;
      symbols[best] = rules[best].merged;
      std::copy(symbols.data() + best + 2, symbols.data() + count, symbols.data() + best + 1);
      std::copy(rules.data() + best + 1, rules.data() + count - 1, rules.data() + best);
      --count;
      if (best + 1 < count) rules[best] = merges_.find(symbols[best], symbols[best + 1]);
      if (best > 0) rules[best - 1] = merges_.find(symbols[best - 1], symbols[best]);
    }
    return count;
  }

  /// As merge_short, O(n log n): a heap of candidate pairs over a linked list of symbols.
  [[nodiscard]] std::size_t merge_long(std::span<Token> symbols) const {
    constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
    struct Link {
      std::size_t previous;
      std::size_t next;
      MergeTable::Rule rule;  // joins this symbol and the next
    };
    using RankedPair =
        std::pair<std::uint32_t, std::size_t>;  // (rank, position), in order of merging
    std::vector<Link> links(symbols.size());
    std::priority_queue<RankedPair, std::vector<RankedPair>, std::greater<>> candidates;
    const auto update_rule = [&](std::size_t i) {
      links[i].rule = links[i].next == kNone ? MergeTable::Rule{}
                                             : merges_.find(symbols[i], symbols[links[i].next]);
      if (links[i].rule.rank != MergeTable::kNoRank) candidates.emplace(links[i].rule.rank, i);
    };
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      links[i].previous = i == 0 ? kNone : i - 1;
      links[i].next = i + 1 == symbols.size() ? kNone : i + 1;
      update_rule(i);
    }
    while (!candidates.empty()) {
      const auto [rank, left] = candidates.top();
      candidates.pop();
      if (links[left].rule.rank != rank) continue;  // one of the two has been merged already
      const std::size_t right = links[left].next;
      symbols[left] = links[left].rule.merged;
      links[left].next = links[right].next;
      links[right].rule = {};
      if (links[left].next != kNone) links[links[left].next].previous = left;
      update_rule(left);
      if (links[left].previous != kNone) update_rule(links[left].previous);
    }
    std::size_t count = 0;
    for (std::size_t i = symbols.empty() ? kNone : 0; i != kNone; i = links[i].next)
      symbols[count++] = symbols[i];
    return count;
  }

  MergeTable merges_;
};

}  // namespace detail

}  // namespace tutti
