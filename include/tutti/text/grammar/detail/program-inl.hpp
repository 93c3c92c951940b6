// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of program.hpp.

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/grammar/detail/program.hpp"
#include "tutti/text/grammar/detail/rule_properties.hpp"
#include "tutti/text/grammar/grammar_error.hpp"

namespace tutti::grammar {

/// Translates expressions to nodes, each with the node that follows it ("continuation"), so that
/// sequences need no nodes of their own.
class Compiler {
 public:
  Compiler(const Expressions& expressions, const RuleProperties& properties)
      : expressions_(expressions), properties_(properties), weights_(weights()) {
    add_node({NodeKind::split, 0, 0});
    add_node({NodeKind::end, 0, 0});
  }

  Program compile(RuleId start) && {
    program_.start = entry(Entry{static_cast<std::uint32_t>(start), false});
    while (!pending_.empty()) {
      const Entry next = pending_.back();
      pending_.pop_back();
      const ExprId body = expressions_.rules()[next.rule].body;
      const std::uint32_t node = next.nonempty ? lower_nonempty(body, Program::kEnd)
                                               : lower(body, Program::kEnd);
      const std::uint32_t at = entries_.at(next);
      program_.nodes[at] = {NodeKind::split, add_targets(std::span(&node, 1)), 1};
    }
    find_byte_classes();
    return std::move(program_);
  }

 private:
  /// A rule, or the rule without the empty text.
  struct Entry {
    std::uint32_t rule;
    bool nonempty;
    friend bool operator<(const Entry& a, const Entry& b) {
      return std::pair(a.rule, a.nonempty) < std::pair(b.rule, b.nonempty);
    }
  };

  static constexpr std::uint32_t kDead = Program::kDead;
  /// Repetitions of at most so many nodes are expanded instead of counted.
  static constexpr std::size_t kMaxExpansion = 64;

  std::uint32_t add_node(Node node) {
    require<GrammarError>(program_.nodes.size() < kMaxProgramNodes,
                          "the grammar compiles to more than ", kMaxProgramNodes,
                          " nodes: make its texts shorter or fewer");
    program_.nodes.push_back(node);
    return static_cast<std::uint32_t>(program_.nodes.size() - 1);
  }

  std::uint32_t add_targets(std::span<const std::uint32_t> targets) {
    const auto first = static_cast<std::uint32_t>(program_.targets.size());
    program_.targets.insert(program_.targets.end(), targets.begin(), targets.end());
    return first;
  }

  std::uint32_t add_split(std::vector<std::uint32_t> targets) {
    std::erase(targets, kDead);
    if (targets.empty()) return kDead;
    if (targets.size() == 1) return targets.front();
    return add_node(
        {NodeKind::split, add_targets(targets), static_cast<std::uint32_t>(targets.size())});
  }

  std::uint32_t add_match(std::span<const Edge> edges) {
    if (edges.empty()) return kDead;
    const auto first = static_cast<std::uint32_t>(program_.edges.size());
    program_.edges.insert(program_.edges.end(), edges.begin(), edges.end());
    return add_node({NodeKind::match, first, static_cast<std::uint32_t>(edges.size())});
  }

  std::uint32_t entry(Entry wanted) {
    const auto [found, is_new] = entries_.try_emplace(wanted, 0);
    if (is_new) {
      found->second = add_node({NodeKind::split, 0, 0});
      pending_.push_back(wanted);
    }
    return found->second;
  }

  std::uint32_t lower_call(Entry callee, std::uint32_t next) {
    if (!properties_.is_productive(RuleId{callee.rule})) return kDead;
    const std::uint32_t node = entry(callee);
    return next == Program::kEnd ? node : add_node({NodeKind::call, node, next});
  }

  /// Precondition: next != kDead.
  std::uint32_t lower(ExprId id, std::uint32_t next) {
    const Expr& expr = expressions_[id];
    switch (expr.kind) {
      case ExprKind::nothing: return kDead;
      case ExprKind::bytes: return lower_bytes(expressions_.texts(expr).front(), next);
      case ExprKind::literals: return lower_literals(expressions_.texts(expr), 0, next);
      case ExprKind::characters: return lower_characters(expressions_.set(expr), next);
      case ExprKind::sequence: return lower_sequence(expr, next);
      case ExprKind::choice: return lower_choice(expr, next, false);
      case ExprKind::repeat: {
        const ExprId child = expressions_.children(expr)[0];
        const std::uint32_t min = properties_.is_nullable(child) ? 0 : expr.min;
        return lower_repeat(child, min, expr.max, next);
      }
      case ExprKind::rule: return lower_call({expr.first, false}, next);
    }
    return kDead;
  }

  /// As lower, without the empty text.
  std::uint32_t lower_nonempty(ExprId id, std::uint32_t next) {
    if (!properties_.is_nullable(id)) return lower(id, next);
    const Expr& expr = expressions_[id];
    switch (expr.kind) {
      case ExprKind::literals: return lower_literals(expressions_.texts(expr).subspan(1), 0, next);
      case ExprKind::sequence: return lower_nonempty_sequence(expr, next);
      case ExprKind::choice: return lower_choice(expr, next, true);
      case ExprKind::repeat: return lower_repeat(expressions_.children(expr)[0], 1, expr.max, next);
      case ExprKind::rule: return lower_call({expr.first, true}, next);
      default: return kDead;  // the empty text
    }
  }

  std::uint32_t lower_bytes(std::string_view text, std::uint32_t next) {
    for (std::size_t i = text.size(); i-- > 0;) {
      const auto byte = static_cast<std::uint8_t>(text[i]);
      const Edge edge{byte, byte, next};
      next = add_match(std::span(&edge, 1));
    }
    return next;
  }

  /// A trie, so that many texts are few nodes at a time. `texts` share their first `depth` bytes.
  std::uint32_t lower_literals(std::span<const std::string> texts, std::size_t depth,
                               std::uint32_t next) {
    if (texts.empty()) return kDead;
    const std::string_view first = texts.front();
    const std::string_view last = texts.back();
    std::size_t common = depth;
    while (common < first.size() && common < last.size() && first[common] == last[common]) ++common;
    const std::string_view prefix = first.substr(depth, common - depth);
    const bool ends_here = first.size() == common;
    std::span<const std::string> rest = texts.subspan(ends_here ? 1 : 0);
    std::vector<Edge> edges;
    while (!rest.empty()) {
      const char byte = rest.front()[common];
      const auto group_end = std::find_if(
          rest.begin(), rest.end(), [&](const std::string& text) { return text[common] != byte; });
      const auto count = static_cast<std::size_t>(group_end - rest.begin());
      const auto value = static_cast<std::uint8_t>(byte);
      edges.push_back({value, value, lower_literals(rest.first(count), common + 1, next)});
      rest = rest.subspan(count);
    }
    const std::uint32_t branches = add_match(edges);
    return lower_bytes(prefix, ends_here ? add_split({next, branches}) : branches);
  }

  // UTF-8: a lead byte, then 0 to 3 continuation bytes of six bits each.

  /// The sub-ranges of `ranges` from `first` to `last`, relative to `first`.
  static std::vector<CodePointSet::Range> clip(std::span<const CodePointSet::Range> ranges,
                                               char32_t first, char32_t last) {
    std::vector<CodePointSet::Range> clipped;
    for (const CodePointSet::Range& range : ranges) {
      const char32_t begin = std::max(range.first, first);
      const char32_t end = std::min(range.last, last);
      if (begin <= end) clipped.push_back({begin - first, end - first});
    }
    return clipped;
  }

  static void append_edge(std::vector<Edge>& edges, std::uint8_t byte, std::uint32_t target) {
    if (target == kDead) return;
    const bool joins = !edges.empty() && edges.back().target == target &&
                       edges.back().high + 1 == byte;
    if (joins) {
      edges.back().high = byte;
    } else {
      edges.push_back({byte, byte, target});
    }
  }

  /// `count` continuation bytes whose value is in `ranges`.
  std::uint32_t lower_continuation(std::span<const CodePointSet::Range> ranges, unsigned count,
                                   std::uint32_t next) {
    if (ranges.empty()) return kDead;
    if (count == 0) return next;
    const char32_t end = char32_t{1} << (6 * count);
    const bool full = ranges[0].first == 0 && ranges[0].last == end - 1;
    if (full) {
      const auto known = full_continuations_.find({next, count});
      if (known != full_continuations_.end()) return known->second;
    }
    const char32_t block = end / 64;
    std::vector<Edge> edges;
    for (char32_t bits = 0; bits < 64; ++bits) {
      const auto part = clip(ranges, bits * block, bits * block + block - 1);
      append_edge(edges, static_cast<std::uint8_t>(0x80 + bits),
                  lower_continuation(part, count - 1, next));
    }
    const std::uint32_t node = add_match(edges);
    if (full) full_continuations_[{next, count}] = node;
    return node;
  }

  std::uint32_t lower_characters(const CodePointSet& set, std::uint32_t next) {
    std::vector<Edge> edges;
    for (char32_t byte = 0; byte < 0x80; ++byte) {
      if (!clip(set.ranges(), byte, byte).empty())
        append_edge(edges, static_cast<std::uint8_t>(byte), next);
    }
    struct Form {
      char32_t first_lead, last_lead, mark;
      unsigned continuation;
    };
    for (const Form form :
         {Form{0xC2, 0xDF, 0xC0, 1}, Form{0xE0, 0xEF, 0xE0, 2}, Form{0xF0, 0xF4, 0xF0, 3}}) {
      const char32_t least = form.continuation == 1   ? 0x80
                             : form.continuation == 2 ? 0x800
                                                      : 0x10000;
      for (char32_t lead = form.first_lead; lead <= form.last_lead; ++lead) {
        const unsigned shift = 6 * form.continuation;
        const char32_t begin = (lead - form.mark) << shift;
        const char32_t end = begin + (char32_t{1} << shift) - 1;
        // Overlong forms are cut off: they would encode code points below `least`.
        std::vector<CodePointSet::Range> part = clip(set.ranges(), std::max(begin, least), end);
        for (CodePointSet::Range& range : part) {
          range.first += std::max(begin, least) - begin;
          range.last += std::max(begin, least) - begin;
        }
        append_edge(edges, static_cast<std::uint8_t>(lead),
                    lower_continuation(part, form.continuation, next));
      }
    }
    return add_match(edges);
  }

  std::uint32_t lower_sequence(const Expr& expr, std::uint32_t next) {
    const auto children = expressions_.children(expr);
    for (std::size_t i = children.size(); i-- > 0 && next != kDead;)
      next = lower(children[i], next);
    return next;
  }

  /// The first nonempty child is the first, or the second after an empty first, and so on.
  std::uint32_t lower_nonempty_sequence(const Expr& expr, std::uint32_t next) {
    const auto children = expressions_.children(expr);
    std::vector<std::uint32_t> starts;
    for (std::size_t i = children.size(); i-- > 0;) {
      starts.push_back(lower_nonempty(children[i], next));
      next = lower(children[i], next);
      if (next == kDead) return kDead;
    }
    return add_split(std::move(starts));
  }

  std::uint32_t lower_choice(const Expr& expr, std::uint32_t next, bool nonempty) {
    std::vector<std::uint32_t> starts;
    for (const ExprId child : expressions_.children(expr))
      starts.push_back(nonempty ? lower_nonempty(child, next) : lower(child, next));
    return add_split(std::move(starts));
  }

  /// `min` to `max` iterations of `child`, each of which reads: a loop must not turn without
  /// reading. With a child that can be empty, min is 0 for all texts, or 1 for the nonempty ones.
  std::uint32_t lower_repeat(ExprId child, std::uint32_t min, std::uint32_t max,
                             std::uint32_t next) {
    if (!properties_.is_productive(child)) return min == 0 ? next : kDead;
    if (max == kUnbounded && min <= 1) return lower_star(child, min == 1, next);
    const std::size_t copies = max == kUnbounded ? std::size_t{min} + 1 : max;
    if (copies <= kMaxExpansion && copies * weights_[Expressions::index(child)] <= kMaxExpansion)
      return lower_expanded(child, min, max, next);
    const auto loop = static_cast<std::uint32_t>(program_.loops.size());
    program_.loops.push_back({min, max, kDead});
    const std::uint32_t node = add_node({NodeKind::loop, loop, next});
    const std::uint32_t body = lower_nonempty(child, Program::kEnd);
    program_.loops[loop].body = body;
    return node;
  }

  std::uint32_t lower_star(ExprId child, bool at_least_once, std::uint32_t next) {
    const std::uint32_t node = add_node({NodeKind::split, 0, 0});
    const std::uint32_t body = lower_nonempty(child, node);
    const std::uint32_t targets[] = {body, next};
    program_.nodes[node] = {NodeKind::split, add_targets(targets), 2};
    return at_least_once ? body : node;
  }

  std::uint32_t lower_expanded(ExprId child, std::uint32_t min, std::uint32_t max,
                               std::uint32_t next) {
    std::uint32_t rest = next;
    if (max == kUnbounded) {
      rest = lower_star(child, false, next);
    } else {
      for (std::uint32_t i = min; i < max; ++i)
        rest = add_split({lower_nonempty(child, rest), next});
    }
    for (std::uint32_t i = 0; i < min; ++i) rest = lower_nonempty(child, rest);
    return rest;
  }

  /// About the number of nodes of every expression; those above kMaxExpansion are not exact.
  [[nodiscard]] std::vector<std::size_t> weights() const {
    std::vector<std::size_t> weights;
    for (std::uint32_t e = 0; e < expressions_.expression_count(); ++e) {
      const Expr& expr = expressions_[ExprId{e}];
      std::size_t sum = 1;
      if (expr.kind == ExprKind::bytes || expr.kind == ExprKind::literals) {
        for (const std::string& text : expressions_.texts(expr)) sum += text.size();
      } else if (expr.kind == ExprKind::characters) {
        const auto& ranges = expressions_.set(expr).ranges();
        sum = ranges.back().last < 0x80 ? 1 : 10 + 2 * ranges.size();
      } else if (expr.kind != ExprKind::nothing && expr.kind != ExprKind::rule) {
        for (const ExprId child : expressions_.children(expr))
          sum += weights[Expressions::index(child)];
      }
      if (expr.kind == ExprKind::repeat) {
        const std::size_t copies = expr.max == kUnbounded ? std::size_t{expr.min} + 1 : expr.max;
        if (copies <= kMaxExpansion && sum * copies <= kMaxExpansion) sum *= copies;
      }
      weights.push_back(std::min(sum, 2 * kMaxExpansion));
    }
    return weights;
  }

  /// Bytes that no edge distinguishes get one class.
  void find_byte_classes() {
    std::bitset<257> begins;
    for (const Edge& edge : program_.edges) {
      begins.set(edge.low);
      begins.set(std::size_t{edge.high} + 1);
    }
    std::uint32_t current = 0;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      if (byte > 0 && begins.test(byte)) ++current;
      program_.byte_class[byte] = static_cast<std::uint8_t>(current);
    }
    program_.class_count = current + 1;
  }

  const Expressions& expressions_;
  const RuleProperties& properties_;
  std::vector<std::size_t> weights_;
  Program program_;
  std::map<Entry, std::uint32_t> entries_;
  std::vector<Entry> pending_;
  std::map<std::pair<std::uint32_t, unsigned>, std::uint32_t> full_continuations_;
};

TUTTI_INLINE Program compile(const Expressions& expressions, RuleId start) {
  const RuleProperties properties(expressions);
  refuse_left_recursion(expressions, properties);
  require<UnsatisfiableGrammar>(
      properties.is_productive(start), "no text matches rule ",
      in_quotes(expressions.rules()[Expressions::index(start)].name),
      ": every way through it contains something that nothing matches, or never ends");
  return Compiler(expressions, properties).compile(start);
}

}  // namespace tutti::grammar
