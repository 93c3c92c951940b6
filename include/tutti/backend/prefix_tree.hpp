// SPDX-License-Identifier: Apache-2.0
#pragma once
// Full pages of the KV cache by content. A node is one page: the kPagePositions tokens it holds and
// the page before it, which is its parent; the first page of a text belongs to an expert. Two
// sequences of an expert whose texts begin with the same pages therefore find the same nodes.
// Tokens are compared on every hit, so that a collision of hashes cannot return a wrong page.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tutti/backend/page.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

class PrefixTree {
 public:
  using NodeId = std::uint32_t;
  static constexpr NodeId kNone = std::numeric_limits<NodeId>::max();

  /// The page after `parent` that holds `tokens`, or kNone.
  /// @param parent kNone for the first page of a text.
  /// @param tokens [kPagePositions]
  [[nodiscard]] NodeId find(std::uint32_t expert, NodeId parent,
                            std::span<const Token> tokens) const {
    const auto [first, last] = by_hash_.equal_range(hash_of(expert, parent, tokens));
    for (auto entry = first; entry != last; ++entry) {
      const Node& node = nodes_[entry->second];
      if (node.expert == expert && node.parent == parent &&
          std::equal(tokens.begin(), tokens.end(), node.tokens.begin(), node.tokens.end()))
        return entry->second;
    }
    return kNone;
  }

  /// Adds a page, which is in use. Precondition: `find` returns kNone.
  NodeId add(std::uint32_t expert, NodeId parent, std::span<const Token> tokens, PageId page) {
    NodeId id = static_cast<NodeId>(nodes_.size());
    if (free_nodes_.empty()) {
      nodes_.emplace_back();
    } else {
      id = free_nodes_.back();
      free_nodes_.pop_back();
    }
    Node& node = nodes_[id];
    node = Node{expert, parent, page, 0, 0, {}};
    std::copy_n(tokens.begin(), kPagePositions, node.tokens.begin());
    by_hash_.emplace(hash_of(expert, parent, tokens), id);
    if (parent != kNone) ++nodes_[parent].children;
    return id;
  }

  [[nodiscard]] PageId page(NodeId id) const { return nodes_[id].page; }
  [[nodiscard]] std::span<const Token> tokens(NodeId id) const { return nodes_[id].tokens; }

  /// No sequence uses the page any more: it may be evicted. Precondition: none uses its children.
  void set_idle(NodeId id) {
    Node& node = nodes_[id];
    node.idle_since = ++clock_;
    ++idle_;
    if (node.children == 0) evictable_.emplace(node.idle_since, id);
  }
  /// A sequence uses an idle page again.
  void set_used(NodeId id) {
    Node& node = nodes_[id];
    evictable_.erase({node.idle_since, id});
    node.idle_since = 0;
    --idle_;
  }

  [[nodiscard]] bool is_idle(NodeId id) const { return nodes_[id].idle_since != 0; }
  /// Number of pages that no sequence uses. All of them can be evicted.
  [[nodiscard]] std::size_t idle_pages() const { return idle_; }

  /// Forgets the idle page that was used least recently and has no child, and returns it.
  /// Precondition: idle_pages() > 0.
  PageId evict() {
    const NodeId id = evictable_.begin()->second;
    evictable_.erase(evictable_.begin());
    const Node& node = nodes_[id];
    const auto [first, last] = by_hash_.equal_range(hash_of(node.expert, node.parent, node.tokens));
    by_hash_.erase(
        std::find_if(first, last, [&](const auto& entry) { return entry.second == id; }));
    if (node.parent != kNone) {
      Node& parent = nodes_[node.parent];
      if (--parent.children == 0 && parent.idle_since != 0)
        evictable_.emplace(parent.idle_since, node.parent);
    }
    --idle_;
    free_nodes_.push_back(id);
    return node.page;
  }

 private:
  struct Node {
    std::uint32_t expert = 0;
    NodeId parent = kNone;
    PageId page = 0;
    std::uint32_t children = 0;
    std::uint64_t idle_since = 0;  ///< When its last user left; 0 while it is in use.
    std::array<Token, kPagePositions> tokens{};
  };

  /// FNV-1a over 32-bit words.
  [[nodiscard]] static std::uint64_t hash_of(std::uint32_t expert, NodeId parent,
                                             std::span<const Token> tokens) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    const auto add = [&](std::uint32_t word) { hash = (hash ^ word) * 0x100000001b3U; };
    add(expert);
    add(parent);
    for (const Token token : tokens) add(static_cast<std::uint32_t>(token));
    return hash ^ (hash >> 32);
  }

  std::vector<Node> nodes_;
  std::vector<NodeId> free_nodes_;
  std::unordered_multimap<std::uint64_t, NodeId> by_hash_;
  /// Idle nodes without children, the least recently used first.
  std::set<std::pair<std::uint64_t, NodeId>> evictable_;
  std::uint64_t clock_ = 0;
  std::size_t idle_ = 0;
};

}  // namespace tutti
