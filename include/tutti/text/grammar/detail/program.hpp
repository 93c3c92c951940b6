// SPDX-License-Identifier: Apache-2.0
#pragma once
// A grammar compiled to a nondeterministic pushdown automaton over bytes. Code points are UTF-8;
// calls in tail position do not push, so right-recursive lists need no stack.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/grammar/detail/expressions.hpp"

namespace tutti::grammar {

enum class NodeKind : std::uint8_t {
  match,  ///< Reads a byte: edges [first, first + second).
  split,  ///< Goes on at each of targets [first, first + second); dead if there are none.
  call,   ///< Pushes the node `second`, goes on at the node `first`.
  loop,   ///< Begins loop `first`; its exit is the node `second`.
  end,    ///< Pops a frame and goes on there.
};

struct Node {
  NodeKind kind = NodeKind::split;
  std::uint32_t first = 0;
  std::uint32_t second = 0;
};

/// Bytes low to high lead to `target`.
struct Edge {
  std::uint8_t low = 0;
  std::uint8_t high = 0;
  std::uint32_t target = 0;
};

/// A repetition that is counted on the stack instead of expanded. Its body reads at least a byte.
struct Loop {
  std::uint32_t min = 0;
  std::uint32_t max = 0;   ///< kUnbounded for no limit.
  std::uint32_t body = 0;  ///< A node; the body ends with `end`.
};

struct Program {
  static constexpr std::uint32_t kDead = 0;  ///< The node from which nothing follows.
  static constexpr std::uint32_t kEnd = 1;   ///< The node `end`.

  std::vector<Node> nodes;
  std::vector<Edge> edges;
  std::vector<std::uint32_t> targets;
  std::vector<Loop> loops;
  std::uint32_t start = kDead;
  /// Bytes of one class have the same edges everywhere.
  std::array<std::uint8_t, 256> byte_class{};
  std::uint32_t class_count = 1;
};

inline constexpr std::size_t kMaxProgramNodes = std::size_t{1} << 20;

/// @throws UnsatisfiableGrammar when no text matches `start`; GrammarError for left recursion and
/// for programs with more than kMaxProgramNodes nodes.
[[nodiscard]] TUTTI_INLINE Program compile(const Expressions& expressions, RuleId start);

}  // namespace tutti::grammar

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/detail/program-inl.hpp"
#endif
