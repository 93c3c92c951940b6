// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of expressions.hpp.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/grammar/detail/expressions.hpp"
#include "tutti/text/grammar/grammar_error.hpp"

namespace tutti::grammar {

TUTTI_INLINE Expressions::Expressions() {
  exprs_.push_back({});
  texts_.emplace_back();
  exprs_.push_back({ExprKind::bytes, 0, 1, 0, 0});
}

TUTTI_INLINE ExprId Expressions::add(const Expr& expr) {
  require<GrammarError>(exprs_.size() + children_.size() + texts_.size() < kMaxExpressions,
                        "the grammar has more than ", kMaxExpressions,
                        " expressions: make it smaller");
  exprs_.push_back(expr);
  return ExprId{static_cast<std::uint32_t>(exprs_.size() - 1)};
}

TUTTI_INLINE ExprId Expressions::bytes(std::string_view text) {
  if (text.empty()) return empty();
  texts_.emplace_back(text);
  return add({ExprKind::bytes, static_cast<std::uint32_t>(texts_.size() - 1), 1, 0, 0});
}

TUTTI_INLINE ExprId Expressions::literals(std::vector<std::string> texts) {
  if (texts.empty()) return nothing();
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  if (texts.size() == 1) return bytes(texts.front());
  const auto first = static_cast<std::uint32_t>(texts_.size());
  const auto count = static_cast<std::uint32_t>(texts.size());
  texts_.insert(texts_.end(), std::make_move_iterator(texts.begin()),
                std::make_move_iterator(texts.end()));
  return add({ExprKind::literals, first, count, 0, 0});
}

TUTTI_INLINE ExprId Expressions::characters(CodePointSet set) {
  if (set.empty()) return nothing();
  sets_.push_back(std::move(set));
  return add({ExprKind::characters, static_cast<std::uint32_t>(sets_.size() - 1), 1, 0, 0});
}

TUTTI_INLINE ExprId Expressions::sequence(std::span<const ExprId> children) {
  const auto first = static_cast<std::uint32_t>(children_.size());
  for (const ExprId child : children) {
    if (child == nothing()) {
      children_.resize(first);
      return nothing();
    }
    if (child != empty()) children_.push_back(child);
  }
  const auto count = static_cast<std::uint32_t>(children_.size() - first);
  if (count < 2) {
    const ExprId only = count == 0 ? empty() : children_.back();
    children_.resize(first);
    return only;
  }
  return add({ExprKind::sequence, first, count, 0, 0});
}

TUTTI_INLINE ExprId Expressions::choice(std::span<const ExprId> children) {
  const auto first = static_cast<std::uint32_t>(children_.size());
  std::copy_if(children.begin(), children.end(), std::back_inserter(children_),
               [this](ExprId child) { return child != nothing(); });
  const auto count = static_cast<std::uint32_t>(children_.size() - first);
  if (count < 2) {
    const ExprId only = count == 0 ? nothing() : children_.back();
    children_.resize(first);
    return only;
  }
  return add({ExprKind::choice, first, count, 0, 0});
}

TUTTI_INLINE ExprId Expressions::repeat(ExprId child, std::uint32_t min, std::uint32_t max) {
  if (min > max) return nothing();
  if (child == nothing()) return min == 0 ? empty() : nothing();
  if (max == 0 || child == empty()) return empty();
  if (min == 1 && max == 1) return child;
  children_.push_back(child);
  return add({ExprKind::repeat, static_cast<std::uint32_t>(children_.size() - 1), 1, min, max});
}

TUTTI_INLINE ExprId Expressions::rule(RuleId rule) {
  return add({ExprKind::rule, static_cast<std::uint32_t>(rule), 0, 0, 0});
}

TUTTI_INLINE RuleId Expressions::add_rule(std::string name) {
  require<GrammarError>(rules_.size() < kMaxExpressions, "the grammar has more than ",
                        kMaxExpressions, " rules: make it smaller");
  rules_.push_back({std::move(name), nothing()});
  return RuleId{static_cast<std::uint32_t>(rules_.size() - 1)};
}

}  // namespace tutti::grammar
