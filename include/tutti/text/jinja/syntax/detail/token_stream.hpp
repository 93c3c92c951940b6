// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokens of a template with one token of lookahead, for the parser.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/syntax/lexer.hpp"

namespace tutti::jinja::detail {

class TokenStream {
 protected:
  explicit TokenStream(std::string_view source) : lexer_(source) {
    current_ = lexer_.next();
    ahead_ = lexer_.next();
  }
  ~TokenStream() = default;

  template <class... Parts>
  [[noreturn]] void fail_at(std::size_t line, const Parts&... parts) const {
    fail<FormatError>("chat template, line ", line, ": ", parts...);
  }

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

  Lexeme current_;
  Lexeme ahead_;

 private:
  Lexer lexer_;
};

}  // namespace tutti::jinja::detail
