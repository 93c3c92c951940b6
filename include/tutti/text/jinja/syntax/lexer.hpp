// SPDX-License-Identifier: Apache-2.0
#pragma once
// A Jinja template as a stream of tokens, with the rules of jinja2's lexer for trim_blocks=True,
// lstrip_blocks=True and keep_trailing_newline=False: what is text, what is a tag, and which white
// space around a tag is dropped.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"

namespace tutti::jinja {

enum class TokenKind : std::uint8_t {
  text,            ///< Outside of tags.
  variable_begin,  ///< {{
  variable_end,    ///< }}
  block_begin,     ///< {%
  block_end,       ///< %}
  name,
  string,
  integer,
  real,
  symbol,  ///< An operator or a bracket.
  end,
};

struct Lexeme {
  TokenKind kind = TokenKind::end;
  std::size_t line = 1;
  std::string text;  ///< The text, the name, the string without escapes, or the symbol.
  std::int64_t integer = 0;
  double real = 0;
};

class Lexer {
 public:
  /// @throws FormatError when `source` is not UTF-8.
  explicit Lexer(std::string_view source);

  /// The next token; `end` again and again after the last one.
  /// @throws FormatError with the line of what is malformed.
  [[nodiscard]] Lexeme next();

 private:
  enum class Mode : std::uint8_t { text, variable, block };

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    tutti::fail<FormatError>("chat template, line ", line_, ": ", parts...);
  }

  [[nodiscard]] bool lex_text(Lexeme& lexeme);
  [[nodiscard]] bool lex_end_of_tag(Lexeme& lexeme);
  void lex_in_tag(Lexeme& lexeme);
  void lex_number(Lexeme& lexeme);
  void lex_string(Lexeme& lexeme);
  void lex_symbol(Lexeme& lexeme);
  void append_escape(std::string& text, std::size_t& at, std::size_t end) const;

  [[nodiscard]] std::size_t skip_comment(std::size_t at) const;
  [[nodiscard]] std::size_t raw_text_begin(std::size_t at) const;
  [[nodiscard]] std::size_t raw_end(std::size_t at, std::size_t& text_end) const;
  [[nodiscard]] std::size_t strip_before_tag(std::size_t begin, std::size_t end, char sign,
                                             bool is_variable) const;
  [[nodiscard]] std::size_t skip_spaces(std::size_t at) const;
  [[nodiscard]] std::size_t skip_newline(std::size_t at) const;
  [[nodiscard]] bool at(std::size_t position, std::string_view text) const;
  void advance(std::size_t position);

  std::string source_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;
  Mode mode_ = Mode::text;
  bool line_starting_ = true;  // nothing stands before position_ on its line
  std::vector<char> brackets_;
};

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/syntax/lexer-inl.hpp"
#endif
