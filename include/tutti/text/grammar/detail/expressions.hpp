// SPDX-License-Identifier: Apache-2.0
#pragma once
// A context-free grammar as expression trees: what the readers of GBNF, regular expressions, JSON
// Schema and choice lists produce, and what Program compiles.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/grammar/detail/code_point_set.hpp"

namespace tutti::grammar {

/// An expression of an Expressions object. Children have smaller numbers than their parents.
enum class ExprId : std::uint32_t {};
enum class RuleId : std::uint32_t {};

inline constexpr std::uint32_t kUnbounded = std::numeric_limits<std::uint32_t>::max();

enum class ExprKind : std::uint8_t {
  nothing,     ///< No text: the empty language.
  bytes,       ///< One text; the empty one is the empty byte string.
  literals,    ///< One of several texts, sorted and distinct.
  characters,  ///< One code point of a set.
  sequence,
  choice,
  repeat,  ///< `min` to `max` times its child.
  rule,
};

struct Expr {
  ExprKind kind = ExprKind::nothing;
  std::uint32_t first = 0;  ///< Of its children, texts or set, or the rule.
  std::uint32_t count = 0;  ///< Number of children or texts.
  std::uint32_t min = 0;
  std::uint32_t max = 0;
};

struct Rule {
  std::string name;  ///< For messages.
  ExprId body{};
};

/// Grows only. The factory functions simplify: a sequence with `nothing` in it is `nothing`, and so
/// on. All throw GrammarError when the grammar exceeds kMaxExpressions.
class Expressions {
 public:
  static constexpr std::size_t kMaxExpressions = std::size_t{1} << 20;

  TUTTI_INLINE Expressions();

  [[nodiscard]] ExprId nothing() const { return ExprId{0}; }
  [[nodiscard]] ExprId empty() const { return ExprId{1}; }
  [[nodiscard]] TUTTI_INLINE ExprId bytes(std::string_view text);
  [[nodiscard]] TUTTI_INLINE ExprId literals(std::vector<std::string> texts);
  [[nodiscard]] TUTTI_INLINE ExprId characters(CodePointSet set);
  [[nodiscard]] TUTTI_INLINE ExprId sequence(std::span<const ExprId> children);
  [[nodiscard]] ExprId sequence(std::initializer_list<ExprId> children) {
    return sequence(std::span(children.begin(), children.size()));
  }
  [[nodiscard]] TUTTI_INLINE ExprId choice(std::span<const ExprId> children);
  [[nodiscard]] ExprId choice(std::initializer_list<ExprId> children) {
    return choice(std::span(children.begin(), children.size()));
  }
  /// @param max kUnbounded for no limit.
  [[nodiscard]] TUTTI_INLINE ExprId repeat(ExprId child, std::uint32_t min, std::uint32_t max);
  [[nodiscard]] ExprId optional(ExprId child) { return repeat(child, 0, 1); }
  [[nodiscard]] TUTTI_INLINE ExprId rule(RuleId rule);
  /// A rule whose body is `nothing` until set_body.
  [[nodiscard]] TUTTI_INLINE RuleId add_rule(std::string name);
  void set_body(RuleId rule, ExprId body) { rules_[index(rule)].body = body; }

  [[nodiscard]] const Expr& operator[](ExprId id) const { return exprs_[index(id)]; }
  [[nodiscard]] std::size_t expression_count() const { return exprs_.size(); }
  /// None for the kinds that have none.
  [[nodiscard]] std::span<const ExprId> children(const Expr& expr) const {
    const bool has_children = expr.kind == ExprKind::sequence || expr.kind == ExprKind::choice ||
                              expr.kind == ExprKind::repeat;
    return has_children ? std::span(children_).subspan(expr.first, expr.count)
                        : std::span<const ExprId>();
  }
  [[nodiscard]] std::span<const std::string> texts(const Expr& expr) const {
    return std::span(texts_).subspan(expr.first, expr.count);
  }
  [[nodiscard]] const CodePointSet& set(const Expr& expr) const { return sets_[expr.first]; }
  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }
  [[nodiscard]] static RuleId rule_of(const Expr& expr) { return RuleId{expr.first}; }

  template <class Id>
  [[nodiscard]] static std::size_t index(Id id) {
    return static_cast<std::size_t>(id);
  }

 private:
  TUTTI_INLINE ExprId add(const Expr& expr);

  std::vector<Expr> exprs_;
  std::vector<ExprId> children_;
  std::vector<std::string> texts_;
  std::vector<CodePointSet> sets_;
  std::vector<Rule> rules_;
};

}  // namespace tutti::grammar

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/detail/expressions-inl.hpp"
#endif
