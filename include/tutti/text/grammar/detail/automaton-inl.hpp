// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of automaton.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tutti/text/grammar/detail/automaton.hpp"

namespace tutti::grammar {

/// The finalizer of splitmix64.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

TUTTI_INLINE bool StampedSet::insert(std::uint64_t key) {
  if (2 * (count_ + 1) > slots_.size()) {
    const std::vector<Slot> old = std::move(slots_);
    slots_.assign(old.empty() ? 64 : 2 * old.size(), Slot{});
    count_ = 0;
    for (const Slot& slot : old) {
      if (slot.stamp == stamp_) insert(slot.key);
    }
  }
  std::size_t at = mix(key) & (slots_.size() - 1);
  while (slots_[at].stamp == stamp_) {
    if (slots_[at].key == key) return false;
    at = (at + 1) & (slots_.size() - 1);
  }
  slots_[at] = {key, stamp_};
  ++count_;
  return true;
}

TUTTI_INLINE Automaton::Automaton(std::shared_ptr<const Program> program,
                                  std::uint32_t longest_token)
    : program_(std::move(program)), longest_token_(longest_token) {
  frames_.push_back({});
  found_.clear();
  static_cast<void>(intern_state(false));
  std::fill(transitions_.begin(), transitions_.end(), kDead);
  states_[kDead].canonical = kDead;
  pending_.push_back({program_->start, kBottom});
  start_ = close();
}

inline std::uint64_t Automaton::hash_of(const Frame& frame) {
  const std::uint64_t position = (std::uint64_t{frame.node} << 32) | frame.count;
  return mix(position * 0x9E3779B97F4A7C15U + frame.parent);
}

TUTTI_INLINE std::uint64_t Automaton::hash_of_state(std::span<const std::uint32_t> stacks,
                                                    bool accepts) const {
  std::uint64_t hash = accepts ? 1 : 0;
  for (const std::uint32_t stack : stacks) hash = mix(hash * 0x9E3779B97F4A7C15U + stack + 1);
  return hash;
}

TUTTI_INLINE std::uint32_t Automaton::push(std::uint32_t node, std::uint32_t count,
                                           std::uint32_t parent) {
  const Frame frame{node, count, parent, frames_[parent].depth + 1};
  if (frame.depth > kMaxDepth) {
    reached_limit_ = true;
    return kUnknown;
  }
  const auto next = static_cast<std::uint32_t>(frames_.size());
  const std::uint32_t found = frame_table_.find_or_insert(
      hash_of(frame), next,
      [&](std::uint32_t i) {
        const Frame& other = frames_[i];
        return other.node == node && other.count == count && other.parent == parent;
      },
      [this](std::uint32_t i) { return hash_of(frames_[i]); });
  if (found == next) frames_.push_back(frame);
  return found;
}

TUTTI_INLINE void Automaton::iterate(std::uint32_t node, std::uint32_t count,
                                     std::uint32_t parent) {
  const std::uint32_t exit = program_->nodes[node].second;
  const Loop& loop = program_->loops[program_->nodes[node].first];
  if (count >= loop.min) pending_.push_back({exit, parent});
  if (count >= loop.max) return;
  // Without a limit, only whether the minimum has been reached matters.
  const std::uint32_t after = loop.max == kUnbounded ? std::min(count + 1, loop.min) : count + 1;
  const bool is_last = after == loop.max;
  const std::uint32_t frame = is_last ? push(exit, kNoCount, parent) : push(node, after, parent);
  if (frame != kUnknown) pending_.push_back({loop.body, frame});
}

TUTTI_INLINE void Automaton::pop(std::uint32_t frame) {
  if (frame == kBottom) {
    found_end_ = true;
    return;
  }
  const Frame top = frames_[frame];
  if (top.count == kNoCount) {
    pending_.push_back({top.node, top.parent});
  } else {
    iterate(top.node, top.count, top.parent);
  }
}

TUTTI_INLINE void Automaton::step(Item item) {
  const Node node = program_->nodes[item.node];
  switch (node.kind) {
    case NodeKind::match:
      if (const std::uint32_t top = push(item.node, kNoCount, item.parent); top != kUnknown)
        found_.push_back(top);
      break;
    case NodeKind::split:
      for (std::uint32_t i = 0; i < node.second; ++i)
        pending_.push_back({program_->targets[node.first + i], item.parent});
      break;
    case NodeKind::call:
      if (const std::uint32_t frame = push(node.second, kNoCount, item.parent); frame != kUnknown)
        pending_.push_back({node.first, frame});
      break;
    case NodeKind::loop: iterate(item.node, 0, item.parent); break;
    case NodeKind::end: pop(item.parent); break;
  }
}

TUTTI_INLINE Automaton::State Automaton::close() {
  seen_.clear();
  found_.clear();
  found_end_ = false;
  std::size_t moves = 0;
  while (!pending_.empty() && found_.size() <= kMaxStacks && moves <= kMaxMoves) {
    const Item item = pending_.back();
    pending_.pop_back();
    if (!seen_.insert((std::uint64_t{item.node} << 32) | item.parent)) continue;
    ++moves;
    step(item);
  }
  pending_.clear();
  moves_ += moves;
  if (found_.size() > kMaxStacks || moves > kMaxMoves) {
    reached_limit_ = true;
    return kDead;
  }
  std::sort(found_.begin(), found_.end());
  return found_.empty() && !found_end_ ? kDead : intern_state(found_end_);
}

TUTTI_INLINE Automaton::State Automaton::intern_state(bool accepts) {
  const auto next = static_cast<State>(states_.size());
  const State state = state_table_.find_or_insert(
      hash_of_state(found_, accepts), next,
      [&](State other) {
        const auto stacks = stacks_of(other);
        return states_[other].accepts == accepts &&
               std::equal(stacks.begin(), stacks.end(), found_.begin(), found_.end());
      },
      [this](State other) { return hash_of_state(stacks_of(other), states_[other].accepts); });
  if (state != next) return state;
  states_.push_back({static_cast<std::uint32_t>(stacks_.size()),
                     static_cast<std::uint32_t>(found_.size()), kUnknown, accepts});
  stacks_.insert(stacks_.end(), found_.begin(), found_.end());
  transitions_.resize(states_.size() * program_->class_count, kUnknown);
  return state;
}

TUTTI_INLINE Automaton::State Automaton::compute_next(State state, std::uint32_t byte_class) {
  for (const std::uint32_t stack : stacks_of(state)) {
    const Frame& top = frames_[stack];
    const Node node = program_->nodes[top.node];
    const Edge* const edges = program_->edges.data() + node.first;
    for (const Edge& edge : std::span(edges, node.second)) {
      if (class_of(edge.low) <= byte_class && byte_class <= class_of(edge.high))
        pending_.push_back({edge.target, top.parent});
    }
  }
  const State after = pending_.empty() ? kDead : close();
  transitions_[row(state) + byte_class] = after;
  return after;
}

TUTTI_INLINE void Automaton::canonicalize(Frame& frame) const {
  if (frame.count == kNoCount) return;
  const Loop& loop = program_->loops[program_->nodes[frame.node].first];
  // A token of n bytes ends at most n iterations, the last of which can begin another one.
  const std::uint64_t reach = std::uint64_t{longest_token_} + 1;
  if (frame.count + reach < loop.min) {
    frame.count = 1;
  } else if (frame.count >= loop.min && loop.max != kUnbounded && frame.count + reach < loop.max) {
    frame.count = std::max(loop.min, 1U);
  }
}

template <class Change>
std::uint32_t Automaton::copy_stack(const std::vector<Frame>& frames, std::uint32_t top,
                                    Change change) {
  std::vector<std::uint32_t> path;
  for (std::uint32_t at = top; at != kBottom; at = frames[at].parent) path.push_back(at);
  std::uint32_t copy = kBottom;
  for (std::size_t i = path.size(); i-- > 0;) {
    Frame frame = frames[path[i]];
    change(frame);
    copy = push(frame.node, frame.count, copy);
  }
  return copy;
}

TUTTI_INLINE Automaton::State Automaton::canonical(State state) {
  if (program_->loops.empty()) states_[state].canonical = state;
  if (states_[state].canonical != kUnknown) return states_[state].canonical;
  found_.clear();
  for (std::uint32_t i = 0; i < states_[state].count; ++i) {
    found_.push_back(copy_stack(frames_, stacks_[states_[state].first + i],
                                [this](Frame& frame) { canonicalize(frame); }));
  }
  std::sort(found_.begin(), found_.end());
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
  const State canonical = intern_state(states_[state].accepts);
  states_[state].canonical = canonical;
  states_[canonical].canonical = canonical;
  return canonical;
}

TUTTI_INLINE Automaton::State Automaton::import(const Automaton& other, State state) {
  if (state == kDead) return kDead;
  found_.clear();
  for (const std::uint32_t stack : other.stacks_of(state))
    found_.push_back(copy_stack(other.frames_, stack, [](Frame&) {}));
  std::sort(found_.begin(), found_.end());
  return intern_state(other.accepts(state));
}

TUTTI_INLINE std::size_t Automaton::bytes() const {
  return frames_.size() * sizeof(Frame) + frame_table_.bytes() +
         states_.size() * sizeof(StateInfo) + stacks_.size() * sizeof(std::uint32_t) +
         state_table_.bytes() + transitions_.size() * sizeof(State);
}

}  // namespace tutti::grammar
