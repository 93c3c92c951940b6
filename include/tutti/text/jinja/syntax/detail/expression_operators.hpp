// SPDX-License-Identifier: Apache-2.0
#pragma once
// Members of ExpressionParser: operators, one function per level of precedence, as in
// jinja2/parser.py.

#include <array>
#include <string_view>
#include <utility>

#include "tutti/text/jinja/python/operator.hpp"
#include "tutti/text/jinja/syntax/detail/expression_parser.hpp"
#include "tutti/text/jinja/syntax/syntax_tree.hpp"

namespace tutti::jinja::detail {

inline ExpressionPtr ExpressionParser::parse_tuple(bool with_condition, std::string_view end) {
  const std::size_t line = current_.line;
  if (is_tuple_end(end)) fail_at(line, "expected an expression, found ", found());
  Node first = parse_expression(with_condition);
  if (!is_symbol(",")) return first;
  Node tuple = make(ExpressionKind::tuple, line);
  adopt(*tuple, std::move(first));
  while (skip_symbol(",") && !is_tuple_end(end)) {
    adopt(*tuple, parse_expression(with_condition));
  }
  return tuple;
}

inline bool ExpressionParser::is_tuple_end(std::string_view end) const {
  return is(TokenKind::variable_end) || is(TokenKind::block_end) || is_symbol(")") ||
         (!end.empty() && is_name(end));
}

inline ExpressionPtr ExpressionParser::parse_expression(bool with_condition) {
  const Level level(*this);
  return with_condition ? parse_conditional() : parse_or();
}

inline ExpressionPtr ExpressionParser::parse_conditional() {
  Node value = parse_or();
  while (is_name("if")) {
    Node node = make(ExpressionKind::conditional, take().line);
    Node condition = parse_or();
    adopt(*node, std::move(condition));
    adopt(*node, std::move(value));
    ExpressionPtr otherwise;
    if (skip_name("else")) otherwise = parse_expression();
    adopt(*node, std::move(otherwise));
    value = std::move(node);
  }
  return value;
}

inline ExpressionPtr ExpressionParser::parse_or() {
  Node first = parse_and();
  if (!is_name("or")) return first;
  Node node = make(ExpressionKind::logical_or, current_.line);
  adopt(*node, std::move(first));
  while (skip_name("or")) adopt(*node, parse_and());
  return node;
}

inline ExpressionPtr ExpressionParser::parse_and() {
  Node first = parse_not();
  if (!is_name("and")) return first;
  Node node = make(ExpressionKind::logical_and, current_.line);
  adopt(*node, std::move(first));
  while (skip_name("and")) adopt(*node, parse_not());
  return node;
}

inline ExpressionPtr ExpressionParser::parse_not() {
  if (!is_name("not")) return parse_comparison();
  const Level level(*this);
  Node node = make(ExpressionKind::logical_not, take().line);
  adopt(*node, parse_not());
  return node;
}

inline bool ExpressionParser::take_comparison(Operator& operation) {
  constexpr std::array<std::pair<std::string_view, Operator>, 6> kSymbols{
      {{"==", Operator::equal},
       {"!=", Operator::not_equal},
       {"<", Operator::less},
       {"<=", Operator::less_equal},
       {">", Operator::greater},
       {">=", Operator::greater_equal}}};
  for (const auto& [symbol, meaning] : kSymbols) {
    if (skip_symbol(symbol)) {
      operation = meaning;
      return true;
    }
  }
  if (skip_name("in")) {
    operation = Operator::in;
    return true;
  }
  if (is_name("not") && is_name(ahead_, "in")) {
    take();
    take();
    operation = Operator::not_in;
    return true;
  }
  return false;
}

inline ExpressionPtr ExpressionParser::parse_comparison() {
  Node first = parse_sum();
  Operator operation{};
  if (!take_comparison(operation)) return first;
  Node node = make(ExpressionKind::comparison, first->line);
  adopt(*node, std::move(first));
  do {
    node->operators.push_back(operation);
    adopt(*node, parse_sum());
  } while (take_comparison(operation));
  return node;
}

inline bool ExpressionParser::take_operator(Symbols symbols, Operator& operation) {
  for (const auto& [symbol, meaning] : symbols) {
    if (skip_symbol(symbol)) {
      operation = meaning;
      return true;
    }
  }
  return false;
}

template <class ParseOperand>
ExpressionPtr ExpressionParser::parse_chain(Symbols symbols, ParseOperand parse_operand) {
  Node first = parse_operand();
  Operator operation{};
  if (!take_operator(symbols, operation)) return first;
  Node node = make(ExpressionKind::arithmetic, first->line);
  adopt(*node, std::move(first));
  do {
    node->operators.push_back(operation);
    adopt(*node, parse_operand());
  } while (take_operator(symbols, operation));
  return node;
}

inline ExpressionPtr ExpressionParser::parse_sum() {
  return parse_chain({{"+", Operator::add}, {"-", Operator::subtract}},
                     [this] { return parse_concatenation(); });
}

inline ExpressionPtr ExpressionParser::parse_concatenation() {
  Node first = parse_product();
  if (!is_symbol("~")) return first;
  Node node = make(ExpressionKind::concatenation, first->line);
  adopt(*node, std::move(first));
  while (skip_symbol("~")) adopt(*node, parse_product());
  return node;
}

inline ExpressionPtr ExpressionParser::parse_product() {
  return parse_chain(
      {{"*", Operator::multiply},
       {"/", Operator::divide},
       {"//", Operator::floor_divide},
       {"%", Operator::modulo}},
      [this] {
        return parse_chain({{"**", Operator::power}}, [this] { return parse_unary(true); });
      });
}

inline ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  Node node;
  if (is_symbol("-") || is_symbol("+")) {
    const Level level(*this);
    node = make(is_symbol("-") ? ExpressionKind::negation : ExpressionKind::identity,
                current_.line);
    take();
    adopt(*node, parse_unary(false));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filters ? parse_filters_and_tests(std::move(node)) : std::move(node);
}

}  // namespace tutti::jinja::detail
