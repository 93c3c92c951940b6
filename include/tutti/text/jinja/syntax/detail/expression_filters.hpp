// SPDX-License-Identifier: Apache-2.0
#pragma once
// Members of ExpressionParser: filters and tests.

#include <cstddef>
#include <string>
#include <utility>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/filters.hpp"
#include "tutti/text/jinja/builtins/tests.hpp"
#include "tutti/text/jinja/syntax/detail/expression_parser.hpp"
#include "tutti/text/jinja/syntax/syntax_tree.hpp"

namespace tutti::jinja::detail {

inline ExpressionPtr ExpressionParser::parse_filters_and_tests(Node node) {
  while (true) {
    if (is_symbol("|")) {
      node = parse_filters(std::move(node), false);
    } else if (is_name("is")) {
      node = parse_test(std::move(node));
    } else if (is_symbol("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

inline std::string ExpressionParser::parse_dotted_name() {
  std::string name = expect_any_name();
  while (skip_symbol(".")) (name += '.') += expect_any_name();
  return name;
}

inline ExpressionPtr ExpressionParser::parse_filters(Node node, bool inline_start) {
  while (inline_start || is_symbol("|")) {
    if (!inline_start) take();
    inline_start = false;
    const std::size_t line = current_.line;
    Node filter = make(ExpressionKind::filter, line, parse_dotted_name());
    filter->filter = find_filter(filter->name);
    if (filter->filter == nullptr) {
      fail_at(line, "the filter ", in_quotes(filter->name), " is not supported");
    }
    adopt(*filter, std::move(node));
    if (is_symbol("(")) parse_arguments(*filter);
    check_names_in_arguments(*filter);
    node = std::move(filter);
  }
  return node;
}

inline void ExpressionParser::check_names_in_arguments(const Expression& filter) const {
  const bool is_select = filter.name == "select" || filter.name == "reject";
  const bool is_select_attribute = filter.name == "selectattr" || filter.name == "rejectattr";
  const std::size_t at = is_select_attribute ? 2 : 1;
  if (!(filter.name == "map" || is_select || is_select_attribute)) return;
  const std::size_t positional = filter.children.size() - filter.keywords.size();
  if (positional <= at || filter.children[at]->kind != ExpressionKind::literal) return;
  const TaintedText* name = filter.children[at]->literal.string();
  if (name == nullptr) return;
  if (filter.name == "map" && find_filter(name->bytes()) == nullptr) {
    fail_at(filter.line, "the filter ", in_quotes(name->bytes()), " is not supported");
  }
  if (filter.name != "map" && find_test(name->bytes()) == nullptr) {
    fail_at(filter.line, "the test ", in_quotes(name->bytes()), " is not supported");
  }
}

inline ExpressionPtr ExpressionParser::parse_test(Node node) {
  take();
  const std::size_t line = current_.line;
  const bool negated = skip_name("not");
  Node test = make(ExpressionKind::test, line, parse_dotted_name());
  test->test = find_test(test->name);
  if (test->test == nullptr) {
    fail_at(line, "the test ", in_quotes(test->name), " is not supported");
  }
  adopt(*test, std::move(node));
  const bool is_operator_name = is_name("else") || is_name("or") || is_name("and");
  if (is_symbol("(")) {
    parse_arguments(*test);
  } else if ((is(TokenKind::name) && !is_operator_name) || is(TokenKind::string) ||
             is(TokenKind::integer) || is(TokenKind::real) || is_symbol("[") || is_symbol("{")) {
    if (is_name("is")) fail_at(line, "tests cannot be chained with \"is\"");
    const Level level(*this);
    adopt(*test, parse_postfix(parse_primary()));
  }
  if (!negated) return test;
  Node negation = make(ExpressionKind::logical_not, line);
  adopt(*negation, std::move(test));
  return negation;
}

}  // namespace tutti::jinja::detail
