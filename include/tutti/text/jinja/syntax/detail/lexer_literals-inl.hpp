// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of lexer.hpp: numbers, and strings with their escape sequences.

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

#include "tutti/base/macros.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/strings/digits.hpp"
#include "tutti/text/jinja/syntax/lexer.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::jinja {

TUTTI_INLINE void Lexer::lex_number(Lexeme& lexeme) {
  // Digits may have single underscores between them.
  const auto digits_end = [this](std::size_t from, unsigned base) {
    std::size_t end = from;
    while (end < source_.size()) {
      const std::size_t digit = end > from && source_[end] == '_' ? end + 1 : end;
      if (digit >= source_.size() || detail::digit_value(source_[digit]) >= base) break;
      end = digit + 1;
    }
    return end;
  };
  const std::size_t begin = position_;
  std::size_t end = digits_end(begin, 10);
  bool is_real = false;
  const bool after_dot = begin > 0 && source_[begin - 1] == '.';
  if (!after_dot && at(end, ".") && digits_end(end + 1, 10) > end + 1) {
    is_real = true;
    end = digits_end(end + 1, 10);
  }
  if (!after_dot && (at(end, "e") || at(end, "E"))) {
    const std::size_t exponent = end + (at(end + 1, "+") || at(end + 1, "-") ? 2 : 1);
    if (digits_end(exponent, 10) > exponent) {
      is_real = true;
      end = digits_end(exponent, 10);
    }
  }
  unsigned base = 10;
  std::size_t digits = begin;
  if (!is_real && source_[begin] == '0') {
    const char mark = begin + 1 < source_.size() ? source_[begin + 1] : '\0';
    const unsigned marked = mark == 'b' || mark == 'B'   ? 2
                            : mark == 'o' || mark == 'O' ? 8
                            : mark == 'x' || mark == 'X' ? 16
                                                         : 0;
    const std::size_t first = begin + (at(begin + 2, "_") ? 3 : 2);
    if (marked != 0 && digits_end(first, marked) > first) {
      base = marked;
      digits = first;
      end = digits_end(first, marked);
    } else {  // a decimal number has no leading zeros: "007" is 0 and what follows
      end = digits_end(begin, 1);
    }
  }
  std::string text = source_.substr(digits, end - digits);
  std::erase(text, '_');
  lexeme.kind = is_real ? TokenKind::real : TokenKind::integer;
  lexeme.text = text;
  if (is_real) {
    lexeme.real = std::strtod(text.c_str(), nullptr);
  } else {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(),
                                               lexeme.integer, static_cast<int>(base));
    if (error != std::errc()) fail("the number ", escaped(text, 40), " does not fit in 64 bits");
  }
  advance(end);
}

TUTTI_INLINE void Lexer::lex_string(Lexeme& lexeme) {
  const char quote = source_[position_];
  std::size_t end = position_ + 1;
  while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2U : 1U;
  if (end >= source_.size()) fail("a string has no end");
  lexeme.kind = TokenKind::string;
  lexeme.text.clear();
  for (std::size_t i = position_ + 1; i < end;) {
    if (source_[i] == '\\') {
      append_escape(lexeme.text, i, end);
    } else {
      lexeme.text += source_[i++];
    }
  }
  advance(end + 1);
}

/// The escape sequence at byte `i`, as in Python's strings; an unknown one stays as it is.
TUTTI_INLINE void Lexer::append_escape(std::string& text, std::size_t& i, std::size_t end) const {
  const char kind = source_[i + 1];
  constexpr std::string_view kSimple = "\\'\"abfnrtv";
  constexpr std::string_view kMeaning = "\\'\"\a\b\f\n\r\t\v";
  if (const std::size_t simple = kSimple.find(kind); simple != std::string_view::npos) {
    text += kMeaning[simple];
    i += 2;
    return;
  }
  if (kind == '\n') {  // the line goes on
    i += 2;
    return;
  }
  const bool is_octal = kind >= '0' && kind <= '7';
  const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 3;
  if (is_octal || digits != 3) {
    std::size_t at = i + (is_octal ? 1 : 2);
    const std::size_t first = at;
    std::uint32_t code_point = 0;
    while (at < end && at < first + digits &&
           detail::digit_value(source_[at]) < (is_octal ? 8U : 16U)) {
      code_point = code_point * (is_octal ? 8 : 16) + detail::digit_value(source_[at++]);
    }
    if (!is_octal && at < first + digits) fail("the escape \\", kind, " needs ", digits, " digits");
    if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) {
      fail("the escape \\", kind, " names no character");
    }
    append_utf8(text, code_point);
    i = at;
    return;
  }
  if (kind == 'N') fail("the escape \\N is not supported");
  text += '\\';
  ++i;
  const DecodedCodePoint next = decode_utf8(source_, i);
  if (next.length > 1) {  // jinja2 writes such a character as an escape first, and reads its text
    const std::string_view format = next.code_point < 0x100     ? "x"
                                    : next.code_point < 0x10000 ? "u"
                                                                : "U";
    const int width = next.code_point < 0x100 ? 2 : next.code_point < 0x10000 ? 4 : 8;
    text += format;
    for (int shift = 4 * (width - 1); shift >= 0; shift -= 4) {
      text += "0123456789abcdef"[(next.code_point >> shift) & 15];
    }
  } else {
    text += source_[i];
  }
  i += next.length;
}

}  // namespace tutti::jinja
