// SPDX-License-Identifier: Apache-2.0
#pragma once
// The pushdown automaton of a Program made deterministic as it is used: a state is a set of stacks,
// equal states are one number, and a transition is computed once. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/grammar/detail/program.hpp"

namespace tutti::grammar {

/// Numbers the distinct values that a caller stores elsewhere: finds the index of an equal one.
class IndexTable {
 public:
  /// @param equals whether the value with this index is the wanted one.
  /// @param hash_of the hash of the value with this index.
  /// @returns its index, or `next`, which is then in the table.
  template <class Equals, class HashOf>
  std::uint32_t find_or_insert(std::uint64_t hash, std::uint32_t next, Equals equals,
                               HashOf hash_of) {
    if (2 * (count_ + 1) > slots_.size()) grow(hash_of);
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at] != kFree) {
      if (equals(slots_[at])) return slots_[at];
      at = (at + 1) & (slots_.size() - 1);
    }
    slots_[at] = next;
    ++count_;
    return next;
  }

  [[nodiscard]] std::size_t bytes() const { return slots_.size() * sizeof(std::uint32_t); }

 private:
  static constexpr std::uint32_t kFree = std::numeric_limits<std::uint32_t>::max();

  template <class HashOf>
  void grow(HashOf hash_of) {
    const std::vector<std::uint32_t> old = std::move(slots_);
    slots_.assign(old.empty() ? 64 : 2 * old.size(), kFree);
    for (const std::uint32_t index : old) {
      if (index == kFree) continue;
      std::size_t at = hash_of(index) & (slots_.size() - 1);
      while (slots_[at] != kFree) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = index;
    }
  }

  std::vector<std::uint32_t> slots_;
  std::size_t count_ = 0;
};

/// A set of 64-bit keys that is emptied in constant time.
class StampedSet {
 public:
  void clear() {
    if (++stamp_ == 0) {
      slots_.clear();
      stamp_ = 1;
    }
    count_ = 0;
  }
  /// @returns whether it was not there.
  TUTTI_INLINE bool insert(std::uint64_t key);

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t stamp = 0;
  };
  std::vector<Slot> slots_;
  std::uint32_t stamp_ = 0;
  std::size_t count_ = 0;
};

class Automaton {
 public:
  using State = std::uint32_t;

  static constexpr State kDead = 0;
  /// Deeper stacks are dropped: a text nested deeper does not match.
  static constexpr std::uint32_t kMaxDepth = 4096;
  /// Parses that go on at the same time. A text that needs more does not match: which of them were
  /// dropped would otherwise depend on what has been computed before.
  static constexpr std::size_t kMaxStacks = 4096;
  /// Moves that read nothing, per byte. Beyond it a text does not match.
  static constexpr std::size_t kMaxMoves = 65536;

  /// @param longest_token bytes that one token has at most; states whose counters differ only
  /// further from their limits have the same mask. See canonical().
  TUTTI_INLINE Automaton(std::shared_ptr<const Program> program, std::uint32_t longest_token);

  [[nodiscard]] State start() const { return start_; }
  [[nodiscard]] std::uint32_t class_of(std::uint8_t byte) const {
    return program_->byte_class[byte];
  }
  /// Whether a text may end here.
  [[nodiscard]] bool accepts(State state) const { return states_[state].accepts; }
  [[nodiscard]] std::uint32_t stack_count(State state) const { return states_[state].count; }

  /// The state after a byte of this class.
  [[nodiscard]] State next(State state, std::uint32_t byte_class) {
    const State known = transitions_[row(state) + byte_class];
    return known == kUnknown ? compute_next(state, byte_class) : known;
  }

  /// The state after `text`, if all its transitions are known.
  /// @returns whether they are.
  [[nodiscard]] bool find_next(State& state, std::string_view text) const {
    State at = state;
    for (const char c : text) {
      at = transitions_[row(at) + class_of(static_cast<std::uint8_t>(c))];
      if (at == kUnknown) return false;
    }
    state = at;
    return true;
  }

  /// The state after `text`.
  [[nodiscard]] State next(State state, std::string_view text) {
    for (const char c : text) state = next(state, class_of(static_cast<std::uint8_t>(c)));
    return state;
  }

  /// A state with the same token mask: counters that no token can bring near their limits are
  /// replaced by one value.
  [[nodiscard]] TUTTI_INLINE State canonical(State state);
  /// canonical(state) if that has been called before, else nothing that has a mask.
  [[nodiscard]] State known_canonical(State state) const { return states_[state].canonical; }

  /// The state of `other`, an automaton of the same program, as one of this.
  [[nodiscard]] TUTTI_INLINE State import(const Automaton& other, State state);

  [[nodiscard]] TUTTI_INLINE std::size_t bytes() const;
  /// Whether a text did not match because of kMaxDepth, kMaxStacks or kMaxMoves.
  [[nodiscard]] bool reached_limit() const { return reached_limit_; }
  /// Moves made so far, for limits on the work of a caller.
  [[nodiscard]] std::size_t moves() const { return moves_; }
  [[nodiscard]] std::size_t state_count() const { return states_.size(); }

 private:
  static constexpr State kUnknown = std::numeric_limits<State>::max();
  static constexpr std::uint32_t kNoCount = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint32_t kBottom = 0;

  /// A frame, or the top of a stack. With kNoCount: where to go on. Else an iteration of the loop
  /// that begins at `node`, the count-th.
  struct Frame {
    std::uint32_t node = 0;
    std::uint32_t count = kNoCount;
    std::uint32_t parent = kBottom;
    std::uint32_t depth = 0;
  };

  struct StateInfo {
    std::uint32_t first = 0;  ///< Of its stacks in stacks_.
    std::uint32_t count = 0;
    State canonical = kUnknown;
    bool accepts = false;
  };

  /// A node to go on at, with the frame below.
  struct Item {
    std::uint32_t node;
    std::uint32_t parent;
  };

  [[nodiscard]] std::size_t row(State state) const {
    return std::size_t{state} * program_->class_count;
  }
  TUTTI_INLINE State compute_next(State state, std::uint32_t byte_class);
  /// Follows all moves that read nothing from the items in `pending_`. @returns the state.
  TUTTI_INLINE State close();
  TUTTI_INLINE void step(Item item);
  TUTTI_INLINE void pop(std::uint32_t frame);
  TUTTI_INLINE void iterate(std::uint32_t node, std::uint32_t count, std::uint32_t parent);
  /// @returns kNoFrame when the stack would be too deep.
  TUTTI_INLINE std::uint32_t push(std::uint32_t node, std::uint32_t count, std::uint32_t parent);
  TUTTI_INLINE State intern_state(bool accepts);
  [[nodiscard]] static std::uint64_t hash_of(const Frame& frame);
  [[nodiscard]] TUTTI_INLINE std::uint64_t hash_of_state(std::span<const std::uint32_t> stacks,
                                                         bool accepts) const;
  [[nodiscard]] std::span<const std::uint32_t> stacks_of(State state) const {
    return std::span(stacks_).subspan(states_[state].first, states_[state].count);
  }
  /// Copies a stack, with `change(frame)` applied to each of its frames.
  template <class Change>
  std::uint32_t copy_stack(const std::vector<Frame>& frames, std::uint32_t top, Change change);
  TUTTI_INLINE void canonicalize(Frame& frame) const;

  std::shared_ptr<const Program> program_;
  std::uint32_t longest_token_;
  State start_ = kDead;

  std::vector<Frame> frames_;  ///< The first is the bottom of every stack.
  IndexTable frame_table_;
  std::vector<StateInfo> states_;  ///< The first is dead.
  std::vector<std::uint32_t> stacks_;
  IndexTable state_table_;
  std::vector<State> transitions_;  ///< One row of classes per state.

  // Of close(), kept for their memory.
  std::vector<Item> pending_;
  StampedSet seen_;
  std::vector<std::uint32_t> found_;
  bool found_end_ = false;
  std::size_t moves_ = 0;
  bool reached_limit_ = false;
};

}  // namespace tutti::grammar

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/detail/automaton-inl.hpp"
#endif
