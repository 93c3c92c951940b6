// SPDX-License-Identifier: Apache-2.0
#pragma once
// The part of the parser that reads expressions, by recursive descent as jinja2/parser.py. Its
// members are defined by subject in expression_operators.hpp, expression_operands.hpp and
// expression_filters.hpp.

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/jinja/python/operator.hpp"
#include "tutti/text/jinja/syntax/detail/token_stream.hpp"
#include "tutti/text/jinja/syntax/syntax_tree.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja::detail {

class ExpressionParser : protected TokenStream {
 protected:
  using Node = ExpressionPtr;

  explicit ExpressionParser(std::string_view source) : TokenStream(source) {}
  ~ExpressionParser() = default;

  /// One level of recursion.
  class Level {
   public:
    explicit Level(ExpressionParser& parser) : parser_(parser) {
      if (++parser_.depth_ > kMaxSyntaxDepth) {
        parser_.fail_at(parser_.current_.line, "more than ", kMaxSyntaxDepth, " levels of nesting");
      }
    }
    ~Level() { --parser_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    ExpressionParser& parser_;
  };

  [[nodiscard]] Node make(ExpressionKind kind, std::size_t line, std::string name = {}) const;
  [[nodiscard]] Node make_literal(std::size_t line, Value value) const;
  void adopt(Expression& parent, ExpressionPtr child) const;

  /// What is assigned to: a name, an attribute of a namespace if allowed, or a tuple of these.
  Node parse_target(bool with_namespace);
  Node parse_target_name(bool with_namespace);

  // Operators, from those that bind loosest to those that bind tightest.

  /// Expressions with commas between them are a tuple.
  Node parse_tuple(bool with_condition = true, std::string_view end = {});
  [[nodiscard]] bool is_tuple_end(std::string_view end) const;
  Node parse_expression(bool with_condition = true);
  Node parse_conditional();
  Node parse_or();
  Node parse_and();
  Node parse_not();
  Node parse_comparison();
  [[nodiscard]] bool take_comparison(Operator& operation);
  Node parse_sum();
  Node parse_concatenation();
  Node parse_product();
  Node parse_unary(bool with_filters);

  using Symbols = std::initializer_list<std::pair<std::string_view, Operator>>;

  /// Operands with the operators `symbols` between them, combined from left to right.
  template <class ParseOperand>
  Node parse_chain(Symbols symbols, ParseOperand parse_operand);
  [[nodiscard]] bool take_operator(Symbols symbols, Operator& operation);

  // Operands.

  Node parse_primary();
  Node parse_name();
  /// Attributes, subscripts and calls after an operand.
  Node parse_postfix(Node node);
  Node parse_attribute(Node object);
  Node parse_subscript(Node object);
  Node parse_call(Node callee);
  void parse_arguments(Expression& call);

  // Filters and tests.

  Node parse_filters_and_tests(Node node);
  /// @param inline_start the first filter has no "|" before it.
  Node parse_filters(Node node, bool inline_start);
  /// map('upper') and select('odd') name filters and tests in strings.
  void check_names_in_arguments(const Expression& filter) const;
  Node parse_test(Node node);
  std::string parse_dotted_name();

  std::size_t depth_ = 0;
  std::array<bool, 3> special_names_{};  // the macro uses caller, varargs, kwargs
};

inline ExpressionPtr ExpressionParser::parse_target(bool with_namespace) {
  const std::size_t line = current_.line;
  std::vector<ExpressionPtr> parts;
  bool is_tuple = false;
  while (!is_symbol("=") && !is_name("in") && !is(TokenKind::block_end)) {
    const bool in_brackets = skip_symbol("(");
    if (in_brackets) {
      const Level level(*this);
      parts.push_back(parse_target(with_namespace));
      expect_symbol(")");
    } else if (!parts.empty() && is_symbol(")")) {
      break;
    } else {
      parts.push_back(parse_target_name(with_namespace));
    }
    if (!skip_symbol(",")) break;
    is_tuple = true;
  }
  if (parts.empty()) fail_at(line, "expected a name to assign to, found ", found());
  Node target = make(is_tuple ? ExpressionKind::tuple : ExpressionKind::name, line);
  for (ExpressionPtr& part : parts) adopt(*target, std::move(part));
  if (is_tuple) return target;
  return std::move(target->children.front());  // a single part stands for itself
}

inline ExpressionPtr ExpressionParser::parse_target_name(bool with_namespace) {
  constexpr std::array<std::string_view, 6> kConstants{"true", "false", "none",
                                                       "True", "False", "None"};
  const std::size_t line = current_.line;
  std::string name = expect_any_name();
  if (std::find(kConstants.begin(), kConstants.end(), name) != kConstants.end()) {
    fail_at(line, "cannot assign to ", name);
  }
  Node target = make(ExpressionKind::name, line, std::move(name));
  if (!with_namespace || !skip_symbol(".")) return target;
  Node attribute = make(ExpressionKind::attribute, line, expect_any_name());
  adopt(*attribute, std::move(target));
  return attribute;
}

inline ExpressionPtr ExpressionParser::make(ExpressionKind kind, std::size_t line,
                                            std::string name) const {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = line;
  node->name = std::move(name);
  return node;
}

inline ExpressionPtr ExpressionParser::make_literal(std::size_t line, Value value) const {
  Node node = make(ExpressionKind::literal, line);
  node->literal = std::move(value);
  return node;
}

inline void ExpressionParser::adopt(Expression& parent, ExpressionPtr child) const {
  if (child != nullptr) parent.depth = std::max(parent.depth, child->depth + 1);
  if (parent.depth > kMaxSyntaxDepth) {
    fail_at(parent.line, "an expression of more than ", kMaxSyntaxDepth, " levels");
  }
  parent.children.push_back(std::move(child));
}

}  // namespace tutti::jinja::detail
