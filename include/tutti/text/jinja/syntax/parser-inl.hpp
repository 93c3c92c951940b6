// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of parser.hpp: the part of the parser that reads statements, by recursive descent as
// jinja2/parser.py.

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/syntax/detail/expression_filters.hpp"
#include "tutti/text/jinja/syntax/detail/expression_operands.hpp"
#include "tutti/text/jinja/syntax/detail/expression_operators.hpp"
#include "tutti/text/jinja/syntax/detail/expression_parser.hpp"
#include "tutti/text/jinja/syntax/lexer.hpp"
#include "tutti/text/jinja/syntax/parser.hpp"
#include "tutti/text/jinja/syntax/syntax_tree.hpp"

namespace tutti::jinja {

namespace detail {

class Parser : private ExpressionParser {
 public:
  explicit Parser(std::string_view source) : ExpressionParser(source) {}

  [[nodiscard]] std::shared_ptr<const SyntaxTree> parse() {
    auto tree = std::make_shared<SyntaxTree>();
    tree->body = parse_block({});
    return tree;
  }

 private:
  using Ends = std::initializer_list<std::string_view>;

  /// Sets how many loops `break` may end, and restores it.
  class LoopScope {
   public:
    LoopScope(Parser& parser, std::size_t loops)
        : parser_(parser), outer_(std::exchange(parser.loops_, loops)) {}
    ~LoopScope() { parser_.loops_ = outer_; }
    LoopScope(const LoopScope&) = delete;
    LoopScope& operator=(const LoopScope&) = delete;

   private:
    Parser& parser_;
    std::size_t outer_;
  };

  /// Statements up to the tag that one of `ends` names, which becomes the current token; up to the
  /// end of the template if there are none.
  Block parse_block(Ends ends) {
    const Level level(*this);
    Block block;
    while (!is(TokenKind::end)) {
      if (is(TokenKind::text)) {
        Statement& statement = add(block, StatementKind::text);
        statement.text = Value(take().text);
      } else if (is(TokenKind::variable_begin)) {
        take();
        add(block, StatementKind::output).expressions.push_back(parse_tuple());
        expect(TokenKind::variable_end, "}}");
      } else {
        expect(TokenKind::block_begin, "{%");
        if (is(TokenKind::name) &&
            std::find(ends.begin(), ends.end(), current_.text) != ends.end()) {
          return block;
        }
        parse_statement(block);
        expect(TokenKind::block_end, "%}");
      }
    }
    if (ends.size() > 0) {
      fail_at(current_.line, "the template ends before the tag \"", *(ends.end() - 1), '"');
    }
    return block;
  }

  /// The block after a tag; the tag that ends it is current afterwards.
  Block parse_body(Ends ends) {
    skip_symbol(":");
    expect(TokenKind::block_end, "%}");
    return parse_block(ends);
  }

  Statement& add(Block& block, StatementKind kind) const {
    Statement& statement = block.emplace_back();
    statement.kind = kind;
    statement.line = current_.line;
    return statement;
  }

  void parse_statement(Block& block) {
    if (!is(TokenKind::name)) fail_at(current_.line, "expected a tag, found ", found());
    const std::string tag = current_.text;
    if (tag == "for") return parse_for(block);
    if (tag == "if") return parse_if(block);
    if (tag == "set") return parse_set(block);
    if (tag == "macro") return parse_macro(block);
    if (tag == "call") return parse_call_block(block);
    if (tag == "filter") return parse_filter_block(block);
    if (tag == "with") return parse_with(block);
    if (tag == "print") return parse_print(block);
    if (tag == "generation") {
      Statement& statement = add(block, StatementKind::scope);
      take();
      const LoopScope no_loop(*this, 0);
      statement.blocks.push_back(parse_body({"endgeneration"}));
      take();
      return;
    }
    if (tag == "break" || tag == "continue") {
      if (loops_ == 0) fail_at(current_.line, "\"", tag, "\" outside of a loop");
      add(block, tag == "break" ? StatementKind::break_loop : StatementKind::continue_loop);
      take();
      return;
    }
    constexpr std::array<std::string_view, 7> kUnsupported{
        "autoescape", "block", "extends", "from", "import", "include", "trans"};
    if (std::find(kUnsupported.begin(), kUnsupported.end(), tag) != kUnsupported.end()) {
      fail_at(current_.line, "the tag \"", tag, "\" is not supported");
    }
    fail_at(current_.line, "unexpected tag ", in_quotes(tag));
  }

  void parse_for(Block& block) {
    Statement& statement = add(block, StatementKind::for_loop);
    take();
    statement.targets.push_back(parse_target(false));
    expect_name("in");
    statement.expressions.push_back(parse_tuple(false, "recursive"));
    ExpressionPtr condition;
    if (skip_name("if")) condition = parse_expression();
    statement.expressions.push_back(std::move(condition));
    if (is_name("recursive")) fail_at(current_.line, "recursive loops are not supported");
    {
      const LoopScope in_loop(*this, loops_ + 1);
      statement.blocks.push_back(parse_body({"else", "endfor"}));
    }
    if (take().text == "else") {
      statement.blocks.push_back(parse_body({"endfor"}));
      take();
    }
  }

  void parse_if(Block& block) {
    Statement& statement = add(block, StatementKind::if_else);
    while (true) {
      take();
      statement.expressions.push_back(parse_tuple(false));
      statement.blocks.push_back(parse_body({"elif", "else", "endif"}));
      if (!is_name("elif")) break;
    }
    if (take().text == "else") {
      statement.blocks.push_back(parse_body({"endif"}));
      take();
    }
  }

  void parse_set(Block& block) {
    const std::size_t line = take().line;
    ExpressionPtr target = parse_target(true);
    const bool is_assignment = skip_symbol("=");
    Statement& statement = add(block,
                               is_assignment ? StatementKind::set : StatementKind::set_block);
    statement.line = line;
    statement.targets.push_back(std::move(target));
    if (is_assignment) {
      statement.expressions.push_back(parse_tuple());
      return;
    }
    statement.expressions.push_back(is_symbol("|") ? parse_filters(nullptr, false) : nullptr);
    statement.blocks.push_back(parse_body({"endset"}));
    take();
  }

  void parse_macro(Block& block) {
    Statement& statement = add(block, StatementKind::macro);
    take();
    auto signature = std::make_unique<Signature>();
    signature->name = expect_any_name();
    parse_function(statement, std::move(signature), "endmacro", true);
  }

  void parse_call_block(Block& block) {
    Statement& statement = add(block, StatementKind::call_block);
    take();
    auto signature = std::make_unique<Signature>();
    signature->name = "caller";
    if (is_symbol("(")) parse_signature(*signature);
    Node call = parse_expression();
    if (call->kind != ExpressionKind::call) fail_at(statement.line, "expected a call");
    statement.expressions.push_back(std::move(call));
    parse_function(statement, std::move(signature), "endcall", false);
  }

  /// The signature and the body of a macro, or the body alone.
  void parse_function(Statement& statement, std::unique_ptr<Signature> signature,
                      std::string_view end, bool has_signature) {
    const std::array<bool, 3> outer = std::exchange(special_names_, {});
    if (has_signature) parse_signature(*signature);
    const LoopScope no_loop(*this, 0);
    statement.blocks.push_back(parse_body({end}));
    take();
    signature->uses_caller = special_names_[0];
    signature->uses_varargs = special_names_[1];
    signature->uses_kwargs = special_names_[2];
    for (std::size_t i = 0; i < outer.size(); ++i) special_names_[i] |= outer[i];
    statement.macro = std::move(signature);
  }

  void parse_signature(Signature& signature) {
    expect_symbol("(");
    while (!is_symbol(")")) {
      if (!signature.parameters.empty()) expect_symbol(",");
      signature.parameters.push_back(expect_any_name());
      if (skip_symbol("=")) {
        signature.defaults.push_back(parse_expression());
      } else if (!signature.defaults.empty()) {
        fail_at(current_.line, "a parameter without default after one with default");
      }
    }
    take();
  }

  void parse_filter_block(Block& block) {
    Statement& statement = add(block, StatementKind::filter_block);
    take();
    statement.expressions.push_back(parse_filters(nullptr, true));
    statement.blocks.push_back(parse_body({"endfilter"}));
    take();
  }

  void parse_with(Block& block) {
    Statement& statement = add(block, StatementKind::with);
    take();
    while (!is(TokenKind::block_end)) {
      if (!statement.targets.empty()) expect_symbol(",");
      statement.targets.push_back(parse_target(false));
      expect_symbol("=");
      statement.expressions.push_back(parse_expression());
    }
    statement.blocks.push_back(parse_body({"endwith"}));
    take();
  }

  void parse_print(Block& block) {
    take();
    for (bool first = true; !is(TokenKind::block_end); first = false) {
      if (!first) expect_symbol(",");
      add(block, StatementKind::output).expressions.push_back(parse_expression());
    }
  }

  std::size_t loops_ = 0;
};

}  // namespace detail

TUTTI_INLINE std::shared_ptr<const SyntaxTree> parse(std::string_view source) {
  return detail::Parser(source).parse();
}

}  // namespace tutti::jinja
