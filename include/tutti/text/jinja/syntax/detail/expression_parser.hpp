// SPDX-License-Identifier: Apache-2.0
#pragma once
// The part of the parser that reads expressions. It has one function per level of precedence, as
// jinja2/parser.py has.

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/filters.hpp"
#include "tutti/text/jinja/builtins/methods.hpp"
#include "tutti/text/jinja/builtins/tests.hpp"
#include "tutti/text/jinja/syntax/lexer.hpp"
#include "tutti/text/jinja/syntax/syntax_tree.hpp"

namespace tutti::jinja::detail {

class ExpressionParser {
 protected:
  using Node = ExpressionPtr;

  explicit ExpressionParser(std::string_view source) : lexer_(source) {
    current_ = lexer_.next();
    ahead_ = lexer_.next();
  }

  template <class... Parts>
  [[noreturn]] void fail_at(std::size_t line, const Parts&... parts) const {
    fail<FormatError>("chat template, line ", line, ": ", parts...);
  }

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

  Lexeme take() {
    Lexeme taken = std::exchange(current_, std::move(ahead_));
    ahead_ = lexer_.next();
    return taken;
  }

  [[nodiscard]] bool is(TokenKind kind) const { return current_.kind == kind; }
  [[nodiscard]] static bool is_symbol(const Lexeme& lexeme, std::string_view symbol) {
    return lexeme.kind == TokenKind::symbol && lexeme.text == symbol;
  }
  [[nodiscard]] bool is_symbol(std::string_view symbol) const {
    return is_symbol(current_, symbol);
  }
  [[nodiscard]] static bool is_name(const Lexeme& lexeme, std::string_view name) {
    return lexeme.kind == TokenKind::name && lexeme.text == name;
  }
  [[nodiscard]] bool is_name(std::string_view name) const { return is_name(current_, name); }

  bool skip_symbol(std::string_view symbol) {
    const bool found = is_symbol(symbol);
    if (found) take();
    return found;
  }
  bool skip_name(std::string_view name) {
    const bool found = is_name(name);
    if (found) take();
    return found;
  }

  [[nodiscard]] std::string found() const {
    switch (current_.kind) {
      case TokenKind::end: return "the end of the template";
      case TokenKind::text: return "the end of the tag";
      case TokenKind::variable_begin: return "\"{{\"";
      case TokenKind::variable_end: return "\"}}\"";
      case TokenKind::block_begin: return "\"{%\"";
      case TokenKind::block_end: return "\"%}\"";
      case TokenKind::string: return "the string " + in_quotes(current_.text);
      default: return in_quotes(current_.text);
    }
  }

  void expect_symbol(std::string_view symbol) {
    if (!skip_symbol(symbol)) {
      fail_at(current_.line, "expected \"", symbol, "\", found ", found());
    }
  }
  void expect_name(std::string_view name) {
    if (!skip_name(name)) fail_at(current_.line, "expected \"", name, "\", found ", found());
  }
  std::string expect_any_name() {
    if (!is(TokenKind::name)) fail_at(current_.line, "expected a name, found ", found());
    return take().text;
  }
  void expect(TokenKind kind, std::string_view spelling) {
    if (!is(kind)) fail_at(current_.line, "expected \"", spelling, "\", found ", found());
    take();
  }

  /// What is assigned to: a name, an attribute of a namespace if allowed, or a tuple of these.
  Node parse_target(bool with_namespace) {
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

  Node parse_target_name(bool with_namespace) {
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

  [[nodiscard]] Node make(ExpressionKind kind, std::size_t line, std::string name = {}) const {
    auto node = std::make_unique<Expression>();
    node->kind = kind;
    node->line = line;
    node->name = std::move(name);
    return node;
  }

  void adopt(Expression& parent, ExpressionPtr child) const {
    if (child != nullptr) parent.depth = std::max(parent.depth, child->depth + 1);
    if (parent.depth > kMaxSyntaxDepth) {
      fail_at(parent.line, "an expression of more than ", kMaxSyntaxDepth, " levels");
    }
    parent.children.push_back(std::move(child));
  }

  /// Expressions with commas between them are a tuple.
  Node parse_tuple(bool with_condition = true, std::string_view end = {}) {
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

  [[nodiscard]] bool is_tuple_end(std::string_view end) const {
    return is(TokenKind::variable_end) || is(TokenKind::block_end) || is_symbol(")") ||
           (!end.empty() && is_name(end));
  }

  Node parse_expression(bool with_condition = true) {
    const Level level(*this);
    return with_condition ? parse_conditional() : parse_or();
  }

  Node parse_conditional() {
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

  Node parse_or() {
    Node first = parse_and();
    if (!is_name("or")) return first;
    Node node = make(ExpressionKind::logical_or, current_.line);
    adopt(*node, std::move(first));
    while (skip_name("or")) adopt(*node, parse_and());
    return node;
  }

  Node parse_and() {
    Node first = parse_not();
    if (!is_name("and")) return first;
    Node node = make(ExpressionKind::logical_and, current_.line);
    adopt(*node, std::move(first));
    while (skip_name("and")) adopt(*node, parse_not());
    return node;
  }

  Node parse_not() {
    if (!is_name("not")) return parse_comparison();
    const Level level(*this);
    Node node = make(ExpressionKind::logical_not, take().line);
    adopt(*node, parse_not());
    return node;
  }

  [[nodiscard]] bool take_comparison(Operator& operation) {
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

  Node parse_comparison() {
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

  using Symbols = std::initializer_list<std::pair<std::string_view, Operator>>;

  [[nodiscard]] bool take_operator(Symbols symbols, Operator& operation) {
    for (const auto& [symbol, meaning] : symbols) {
      if (skip_symbol(symbol)) {
        operation = meaning;
        return true;
      }
    }
    return false;
  }

  template <class ParseOperand>
  Node parse_chain(Symbols symbols, ParseOperand parse_operand) {
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

  Node parse_sum() {
    return parse_chain({{"+", Operator::add}, {"-", Operator::subtract}},
                       [this] { return parse_concatenation(); });
  }

  Node parse_concatenation() {
    Node first = parse_product();
    if (!is_symbol("~")) return first;
    Node node = make(ExpressionKind::concatenation, first->line);
    adopt(*node, std::move(first));
    while (skip_symbol("~")) adopt(*node, parse_product());
    return node;
  }

  Node parse_product() {
    return parse_chain(
        {{"*", Operator::multiply},
         {"/", Operator::divide},
         {"//", Operator::floor_divide},
         {"%", Operator::modulo}},
        [this] {
          return parse_chain({{"**", Operator::power}}, [this] { return parse_unary(true); });
        });
  }

  Node parse_unary(bool with_filters) {
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

  Node parse_primary() {
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

  [[nodiscard]] Node make_literal(std::size_t line, Value value) const {
    Node node = make(ExpressionKind::literal, line);
    node->literal = std::move(value);
    return node;
  }

  Node parse_name() {
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

  Node parse_postfix(Node node) {
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

  Node parse_attribute(Node object) {
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

  Node parse_subscript(Node object) {
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

  Node parse_call(Node callee) {
    Node call = make(ExpressionKind::call, current_.line);
    if (callee->kind == ExpressionKind::attribute && is_unsupported_method(callee->name)) {
      fail_at(callee->line, "the method ", in_quotes(callee->name), " is not supported");
    }
    adopt(*call, std::move(callee));
    parse_arguments(*call);
    return call;
  }

  void parse_arguments(Expression& call) {
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

  Node parse_filters_and_tests(Node node) {
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

  std::string parse_dotted_name() {
    std::string name = expect_any_name();
    while (skip_symbol(".")) (name += '.') += expect_any_name();
    return name;
  }

  /// @param inline_start the first filter has no "|" before it.
  Node parse_filters(Node node, bool inline_start) {
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

  /// map('upper') and select('odd') name filters and tests in strings.
  void check_names_in_arguments(const Expression& filter) const {
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

  Node parse_test(Node node) {
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

  Lexer lexer_;
  Lexeme current_;
  Lexeme ahead_;
  std::size_t depth_ = 0;
  std::array<bool, 3> special_names_{};  // the macro uses caller, varargs, kwargs
};

}  // namespace tutti::jinja::detail
