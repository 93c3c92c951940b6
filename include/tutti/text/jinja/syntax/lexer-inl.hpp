// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of lexer.hpp.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/python/digits.hpp"
#include "tutti/text/jinja/python/python_space.hpp"
#include "tutti/text/jinja/syntax/lexer.hpp"
#include "tutti/text/unicode/unicode_categories.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::jinja {

namespace detail {

/// Line ends of Windows and of old Macs become \n.
[[nodiscard]] inline std::string normalize_newlines(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      result += '\n';
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace detail

TUTTI_INLINE Lexer::Lexer(std::string_view source) : source_(detail::normalize_newlines(source)) {
  const std::size_t valid = valid_utf8_length(source_);
  line_ += static_cast<std::size_t>(
      std::count(source_.begin(), source_.begin() + static_cast<std::ptrdiff_t>(valid), '\n'));
  if (valid < source_.size()) fail("invalid UTF-8");
  line_ = 1;
  if (!source_.empty() && source_.back() == '\n') source_.pop_back();
}

TUTTI_INLINE Lexeme Lexer::next() {
  Lexeme lexeme;
  while (position_ < source_.size()) {
    if (mode_ == Mode::text) {
      if (lex_text(lexeme)) return lexeme;
      continue;
    }
    if (lex_end_of_tag(lexeme)) return lexeme;
    const std::size_t after_spaces = skip_spaces(position_);
    if (after_spaces > position_) {
      advance(after_spaces);
      continue;
    }
    lex_in_tag(lexeme);
    return lexeme;
  }
  lexeme.kind = TokenKind::end;
  lexeme.line = line_;
  return lexeme;
}

TUTTI_INLINE bool Lexer::at(std::size_t position, std::string_view text) const {
  return std::string_view(source_).substr(std::min(position, source_.size())).starts_with(text);
}

TUTTI_INLINE void Lexer::advance(std::size_t position) {
  for (std::size_t i = position_; i < position; ++i) line_ += source_[i] == '\n' ? 1U : 0U;
  line_starting_ = position > position_ && source_[position - 1] == '\n';
  position_ = position;
}

TUTTI_INLINE std::size_t Lexer::skip_spaces(std::size_t position) const {
  return skip_python_spaces(source_, position);
}

TUTTI_INLINE std::size_t Lexer::skip_newline(std::size_t position) const {
  return position + (at(position, "\n") ? 1 : 0);
}

/// Where the text [begin, end) before a tag ends once its white space is dropped: all of it before
/// "{%-", and the indentation of a tag that begins its line, unless it is "{%+" or "{{".
TUTTI_INLINE std::size_t Lexer::strip_before_tag(std::size_t begin, std::size_t end, char sign,
                                                 bool is_variable) const {
  if (sign == '-') return skip_python_spaces_back(source_, begin, end);
  if (sign == '+' || is_variable) return end;
  const std::string_view text = std::string_view(source_).substr(begin, end - begin);
  const std::size_t newline = text.rfind('\n');
  if (newline == std::string_view::npos && !line_starting_) return end;
  const std::size_t line = newline == std::string_view::npos ? begin : begin + newline + 1;
  return skip_spaces(line) >= end ? line : end;
}

/// Lexes the text before the next tag and the beginning of that tag. Without text, or after a
/// comment, there may be nothing to return yet.
TUTTI_INLINE bool Lexer::lex_text(Lexeme& lexeme) {
  const auto return_text = [&](std::size_t begin, std::size_t end) {
    lexeme.kind = TokenKind::text;
    lexeme.text = source_.substr(begin, end - begin);
    return !lexeme.text.empty();
  };
  const std::size_t begin = position_;
  lexeme.line = line_;
  std::size_t tag = source_.find('{', begin);
  while (tag != std::string::npos && !at(tag, "{{") && !at(tag, "{%") && !at(tag, "{#")) {
    tag = source_.find('{', tag + 1);
  }
  if (tag == std::string::npos) {
    advance(source_.size());
    return return_text(begin, source_.size());
  }
  const bool is_variable = source_[tag + 1] == '{';
  const char sign = at(tag + 2, "-") ? '-' : at(tag + 2, "+") ? '+' : '\0';
  const std::size_t inside = tag + (sign == '\0' ? 2 : 3);
  const std::size_t end = strip_before_tag(begin, tag, sign, is_variable);
  if (end > begin) {
    // The tag is lexed by the next call: it finds no text before it any more.
    const bool starting = line_starting_;
    advance(tag);
    line_starting_ = starting && tag == begin;
    return return_text(begin, end);
  }
  advance(tag);
  if (source_[tag + 1] == '#') {
    advance(skip_comment(inside));
    return false;
  }
  if (!is_variable && raw_text_begin(inside) != std::string::npos) {
    const std::size_t raw = raw_text_begin(inside);
    advance(raw);
    lexeme.line = line_;
    std::size_t raw_text_end = 0;
    line_starting_ = source_[raw - 1] == '\n';
    const std::size_t after = raw_end(raw, raw_text_end);
    advance(after);
    return return_text(raw, raw_text_end);
  }
  lexeme.line = line_;
  advance(inside);
  line_starting_ = false;
  mode_ = is_variable ? Mode::variable : Mode::block;
  lexeme.kind = is_variable ? TokenKind::variable_begin : TokenKind::block_begin;
  return true;
}

TUTTI_INLINE std::size_t Lexer::skip_comment(std::size_t position) const {
  const std::size_t end = source_.find("#}", position);
  if (end == std::string::npos) fail("a comment has no end");
  const char sign = end > position ? source_[end - 1] : '\0';
  if (sign == '-') return skip_spaces(end + 2);
  return sign == '+' ? end + 2 : skip_newline(end + 2);
}

/// Where the text of a raw block begins if the tag that goes on at `position` is "raw".
TUTTI_INLINE std::size_t Lexer::raw_text_begin(std::size_t position) const {
  position = skip_spaces(position);
  if (!at(position, "raw")) return std::string::npos;
  position = skip_spaces(position + 3);
  if (at(position, "-%}")) return skip_spaces(position + 3);
  return at(position, "%}") ? position + 2 : std::string::npos;
}

/// Where the template goes on after the raw block whose text begins at `begin`.
TUTTI_INLINE std::size_t Lexer::raw_end(std::size_t begin, std::size_t& text_end) const {
  for (std::size_t tag = source_.find("{%", begin); tag != std::string::npos;
       tag = source_.find("{%", tag + 1)) {
    const char sign = at(tag + 2, "-") ? '-' : at(tag + 2, "+") ? '+' : '\0';
    std::size_t position = skip_spaces(tag + (sign == '\0' ? 2 : 3));
    if (!at(position, "endraw")) continue;
    position = skip_spaces(position + 6);
    text_end = strip_before_tag(begin, tag, sign, false);
    if (at(position, "-%}")) return skip_spaces(position + 3);
    if (at(position, "+%}")) return position + 3;
    if (at(position, "%}")) return skip_newline(position + 2);
  }
  fail("a raw block has no end");
}

TUTTI_INLINE bool Lexer::lex_end_of_tag(Lexeme& lexeme) {
  if (!brackets_.empty()) return false;
  const bool is_block = mode_ == Mode::block;
  const std::string_view end = is_block ? "%}" : "}}";
  const char sign = source_[position_];
  const bool signed_end = (sign == '-' || (sign == '+' && is_block)) && at(position_ + 1, end);
  if (!signed_end && !at(position_, end)) return false;
  lexeme.line = line_;
  lexeme.kind = is_block ? TokenKind::block_end : TokenKind::variable_end;
  std::size_t after = position_ + (signed_end ? 3 : 2);
  if (signed_end && sign == '-') {
    after = skip_spaces(after);
  } else if (is_block && !signed_end) {
    after = skip_newline(after);
  }
  advance(after);
  mode_ = Mode::text;
  return true;
}

TUTTI_INLINE void Lexer::lex_in_tag(Lexeme& lexeme) {
  lexeme.line = line_;
  const char first = source_[position_];
  if (detail::is_digit(first)) return lex_number(lexeme);
  if (first == '\'' || first == '"') return lex_string(lexeme);
  std::size_t end = position_;
  while (end < source_.size()) {
    const DecodedCodePoint next = decode_utf8(source_, end);
    if (next.code_point != U'_' && !is_letter(next.code_point) && !is_number(next.code_point)) {
      break;
    }
    end += next.length;
  }
  if (end == position_) return lex_symbol(lexeme);
  lexeme.kind = TokenKind::name;
  lexeme.text = source_.substr(position_, end - position_);
  advance(end);
}

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

TUTTI_INLINE void Lexer::lex_symbol(Lexeme& lexeme) {
  constexpr std::string_view kDouble[] = {"//", "**", "==", "!=", ">=", "<="};
  constexpr std::string_view kSingle = "+-/*%~[](){}><=.:|,;";
  std::size_t length = kSingle.find(source_[position_]) == std::string_view::npos ? 0 : 1;
  for (const std::string_view symbol : kDouble) {
    if (at(position_, symbol)) length = 2;
  }
  if (length == 0) {
    const std::size_t bytes = decode_utf8(source_, position_).length;
    fail("unexpected ", in_quotes(std::string_view(source_).substr(position_, bytes)));
  }
  lexeme.kind = TokenKind::symbol;
  lexeme.text = source_.substr(position_, length);
  const char symbol = length == 1 ? lexeme.text[0] : '\0';
  if (symbol == '{') brackets_.push_back('}');
  if (symbol == '(') brackets_.push_back(')');
  if (symbol == '[') brackets_.push_back(']');
  if (symbol == '}' || symbol == ')' || symbol == ']') {
    if (brackets_.empty() || brackets_.back() != symbol)
      fail("unexpected ", in_quotes(lexeme.text));
    brackets_.pop_back();
  }
  advance(position_ + length);
}

}  // namespace tutti::jinja
