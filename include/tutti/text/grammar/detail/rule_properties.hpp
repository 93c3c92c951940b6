// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Program must know of the rules of a grammar before it compiles them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/grammar/detail/expressions.hpp"
#include "tutti/text/grammar/grammar_error.hpp"

namespace tutti::grammar {

/// Which rules can be empty, and which match any text at all.
class RuleProperties {
 public:
  explicit RuleProperties(const Expressions& expressions)
      : expressions_(expressions),
        nullable_(expressions.rules().size()),
        productive_(expressions.rules().size()) {
    std::vector<std::vector<std::uint32_t>> users(nullable_.size());
    for (std::uint32_t r = 0; r < users.size(); ++r)
      collect_users(expressions.rules()[r].body, r, users);
    std::deque<std::uint32_t> pending;
    for (std::uint32_t r = 0; r < users.size(); ++r) pending.push_back(r);
    std::vector<bool> is_pending(users.size(), true);
    // A property of a rule only ever changes from false to true, so this ends.
    while (!pending.empty()) {
      const std::uint32_t rule = pending.front();
      pending.pop_front();
      is_pending[rule] = false;
      const ExprId body = expressions.rules()[rule].body;
      const bool nullable = nullable_[rule] || is_nullable(body);
      const bool productive = productive_[rule] || is_productive(body);
      if (nullable == nullable_[rule] && productive == productive_[rule]) continue;
      nullable_[rule] = nullable;
      productive_[rule] = productive;
      for (const std::uint32_t user : users[rule]) {
        if (!is_pending[user]) pending.push_back(user);
        is_pending[user] = true;
      }
    }
    // Now of every expression; children have smaller numbers than their parents.
    const std::size_t count = expressions.expression_count();
    nullable_exprs_.reserve(count);
    productive_exprs_.reserve(count);
    for (std::uint32_t e = 0; e < count; ++e) {
      nullable_exprs_.push_back(compute_nullable(ExprId{e}));
      productive_exprs_.push_back(compute_productive(ExprId{e}));
    }
  }

  [[nodiscard]] bool is_nullable(ExprId id) const {
    const std::size_t index = Expressions::index(id);
    return index < nullable_exprs_.size() ? nullable_exprs_[index] : compute_nullable(id);
  }

  [[nodiscard]] bool is_productive(ExprId id) const {
    const std::size_t index = Expressions::index(id);
    return index < productive_exprs_.size() ? productive_exprs_[index] : compute_productive(id);
  }

  [[nodiscard]] bool compute_nullable(ExprId id) const {
    count_step();
    const Expr& expr = expressions_[id];
    const auto children = expressions_.children(expr);
    const auto test = [this](ExprId child) { return is_nullable(child); };
    switch (expr.kind) {
      case ExprKind::nothing:
      case ExprKind::characters: return false;
      // The texts are sorted.
      case ExprKind::bytes:
      case ExprKind::literals: return expressions_.texts(expr).front().empty();
      case ExprKind::sequence: return std::all_of(children.begin(), children.end(), test);
      case ExprKind::choice: return std::any_of(children.begin(), children.end(), test);
      case ExprKind::repeat: return expr.min == 0 || is_nullable(children[0]);
      case ExprKind::rule: return nullable_[expr.first];
    }
    return false;
  }

  [[nodiscard]] bool compute_productive(ExprId id) const {
    count_step();
    const Expr& expr = expressions_[id];
    const auto children = expressions_.children(expr);
    const auto test = [this](ExprId child) { return is_productive(child); };
    switch (expr.kind) {
      case ExprKind::nothing: return false;
      case ExprKind::bytes:
      case ExprKind::literals:
      case ExprKind::characters: return true;
      case ExprKind::sequence: return std::all_of(children.begin(), children.end(), test);
      case ExprKind::choice: return std::any_of(children.begin(), children.end(), test);
      case ExprKind::repeat: return expr.min == 0 || is_productive(children[0]);
      case ExprKind::rule: return productive_[expr.first];
    }
    return false;
  }

  [[nodiscard]] bool is_productive(RuleId rule) const {
    return productive_[Expressions::index(rule)];
  }

  /// Calls `visit(rule)` for every rule with which a text of `id` can begin. @returns whether `id`
  /// can be empty.
  template <class Visit>
  bool visit_leftmost(ExprId id, const Visit& visit) const {
    const Expr& expr = expressions_[id];
    if (expr.kind == ExprKind::rule) {
      visit(expr.first);
    } else if (expr.kind == ExprKind::sequence) {
      for (const ExprId child : expressions_.children(expr)) {
        if (!visit_leftmost(child, visit)) return false;
      }
      return true;
    } else if (expr.kind == ExprKind::choice || expr.kind == ExprKind::repeat) {
      for (const ExprId child : expressions_.children(expr)) visit_leftmost(child, visit);
    }
    return is_nullable(id);
  }

 private:
  void count_step() const {
    require<GrammarError>(++steps_ <= kMaxSteps,
                          "the rules refer to one another in a way that takes "
                          "more than ",
                          kMaxSteps, " steps to analyze: simplify the grammar");
  }

  void collect_users(ExprId id, std::uint32_t user,
                     std::vector<std::vector<std::uint32_t>>& users) const {
    const Expr& expr = expressions_[id];
    if (expr.kind == ExprKind::rule) {
      if (users[expr.first].empty() || users[expr.first].back() != user)
        users[expr.first].push_back(user);
    } else if (expr.kind == ExprKind::sequence || expr.kind == ExprKind::choice ||
               expr.kind == ExprKind::repeat) {
      for (const ExprId child : expressions_.children(expr)) collect_users(child, user, users);
    }
  }

  static constexpr std::size_t kMaxSteps = std::size_t{1} << 27;

  const Expressions& expressions_;
  mutable std::size_t steps_ = 0;
  std::vector<bool> nullable_;
  std::vector<bool> productive_;
  std::vector<bool> nullable_exprs_;  ///< Complete once the rules are known, empty before.
  std::vector<bool> productive_exprs_;
};

/// @throws GrammarError for a rule that can begin with itself: an automaton that reads from left to
/// right would not end.
inline void refuse_left_recursion(const Expressions& expressions,
                                  const RuleProperties& properties) {
  enum class Mark : std::uint8_t { unseen, open, closed };
  struct Visit {
    std::uint32_t rule;
    std::vector<std::uint32_t> next;
  };
  std::vector<Mark> marks(expressions.rules().size(), Mark::unseen);
  const auto open = [&](std::uint32_t rule) {
    Visit visit{rule, {}};
    properties.visit_leftmost(expressions.rules()[rule].body,
                              [&visit](std::uint32_t r) { visit.next.push_back(r); });
    marks[rule] = Mark::open;
    return visit;
  };
  std::vector<Visit> path;
  for (std::uint32_t root = 0; root < marks.size(); ++root) {
    if (marks[root] != Mark::unseen) continue;
    path.push_back(open(root));
    while (!path.empty()) {
      if (path.back().next.empty()) {
        marks[path.back().rule] = Mark::closed;
        path.pop_back();
        continue;
      }
      const std::uint32_t rule = path.back().next.back();
      path.back().next.pop_back();
      require<GrammarError>(marks[rule] != Mark::open, "rule ",
                            in_quotes(expressions.rules()[rule].name),
                            " is left-recursive: it can begin with itself; write it with a "
                            "repetition (*) or let it recurse at its end");
      if (marks[rule] == Mark::unseen) path.push_back(open(rule));
    }
  }
}

}  // namespace tutti::grammar
