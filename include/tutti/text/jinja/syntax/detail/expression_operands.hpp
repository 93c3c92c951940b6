// SPDX-License-Identifier: Apache-2.0
#pragma once
// Members of ExpressionParser: literals, names, attributes, subscripts and calls.

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/methods.hpp"
#include "tutti/text/jinja/syntax/detail/expression_parser.hpp"
#include "tutti/text/jinja/syntax/syntax_tree.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja::detail {

inline ExpressionPtr ExpressionParser::parse_primary() {
  const std::size_t line = current_.line;
  if (is(TokenKind::name)) return parse_name();
  if (is(TokenKind::string)) {
    std::string text = take().text;
    while (is(TokenKind::string)) text += take().text;
    return make_literal(line, Value(std::move(text)));
  }
  if (is(TokenKind::integer)) return make_literal(line, Value(take().integer));
  if (is(TokenKind::real)) return make_literal(line, Value(take().real));
  if (skip_symbol("(")) {
    Node inside = is_symbol(")") ? make(ExpressionKind::tuple, line) : parse_tuple();
    expect_symbol(")");
    return inside;
  }
  if (skip_symbol("[")) {
    Node list = make(ExpressionKind::list, line);
    while (!is_symbol("]")) {
      if (!list->children.empty()) expect_symbol(",");
      if (is_symbol("]")) break;
      adopt(*list, parse_expression());
    }
    take();
    return list;
  }
  if (skip_symbol("{")) {
    Node dict = make(ExpressionKind::dict, line);
    while (!is_symbol("}")) {
      if (!dict->children.empty()) expect_symbol(",");
      if (is_symbol("}")) break;
      adopt(*dict, parse_expression());
      expect_symbol(":");
      adopt(*dict, parse_expression());
    }
    take();
    return dict;
  }
  fail_at(line, "expected an expression, found ", found());
}

inline ExpressionPtr ExpressionParser::parse_name() {
  Lexeme token = take();
  const std::string& name = token.text;
  if (name == "true" || name == "True") return make_literal(token.line, Value(true));
  if (name == "false" || name == "False") return make_literal(token.line, Value(false));
  if (name == "none" || name == "None") return make_literal(token.line, Value(None{}));
  if (name == "lipsum") fail_at(token.line, "the function \"lipsum\" is not supported");
  if (name == "caller") special_names_[0] = true;
  if (name == "varargs") special_names_[1] = true;
  if (name == "kwargs") special_names_[2] = true;
  return make(ExpressionKind::name, token.line, std::move(token.text));
}

inline ExpressionPtr ExpressionParser::parse_postfix(Node node) {
  while (true) {
    if (is_symbol(".")) {
      node = parse_attribute(std::move(node));
    } else if (is_symbol("[")) {
      node = parse_subscript(std::move(node));
    } else if (is_symbol("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

inline ExpressionPtr ExpressionParser::parse_attribute(Node object) {
  const std::size_t line = take().line;
  if (is(TokenKind::integer)) {
    Node item = make(ExpressionKind::item, line);
    adopt(*item, std::move(object));
    adopt(*item, make_literal(line, Value(take().integer)));
    return item;
  }
  Node attribute = make(ExpressionKind::attribute, line, expect_any_name());
  adopt(*attribute, std::move(object));
  return attribute;
}

inline ExpressionPtr ExpressionParser::parse_subscript(Node object) {
  const std::size_t line = take().line;
  ExpressionPtr first;
  if (!is_symbol(":")) first = parse_expression();
  if (is_symbol(",")) fail_at(line, "an index of several parts is not supported");
  if (!is_symbol(":")) {
    Node item = make(ExpressionKind::item, line);
    adopt(*item, std::move(object));
    adopt(*item, std::move(first));
    expect_symbol("]");
    return item;
  }
  Node slice = make(ExpressionKind::slice, line);
  adopt(*slice, std::move(object));
  adopt(*slice, std::move(first));
  for (int i = 0; i < 2; ++i) {
    ExpressionPtr bound;
    if (skip_symbol(":") && !is_symbol(":") && !is_symbol("]")) bound = parse_expression();
    adopt(*slice, std::move(bound));
  }
  expect_symbol("]");
  return slice;
}

inline ExpressionPtr ExpressionParser::parse_call(Node callee) {
  Node call = make(ExpressionKind::call, current_.line);
  if (callee->kind == ExpressionKind::attribute && is_unsupported_method(callee->name)) {
    fail_at(callee->line, "the method ", in_quotes(callee->name), " is not supported");
  }
  adopt(*call, std::move(callee));
  parse_arguments(*call);
  return call;
}

inline void ExpressionParser::parse_arguments(Expression& call) {
  expect_symbol("(");
  for (bool first = true; !is_symbol(")"); first = false) {
    if (!first) expect_symbol(",");
    if (is_symbol(")")) break;
    if (is_symbol("*") || is_symbol("**")) {
      fail_at(current_.line, "unpacking of arguments is not supported");
    }
    if (is(TokenKind::name) && is_symbol(ahead_, "=")) {
      std::string name = take().text;
      take();
      if (std::find(call.keywords.begin(), call.keywords.end(), name) != call.keywords.end()) {
        fail_at(current_.line, "the argument ", in_quotes(name), " is given twice");
      }
      call.keywords.push_back(std::move(name));
    } else if (!call.keywords.empty()) {
      fail_at(current_.line, "an argument without name after one with name");
    }
    adopt(call, parse_expression());
  }
  take();
}

}  // namespace tutti::jinja::detail
