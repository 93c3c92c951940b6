// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of lexer.hpp.

#include <algorithm>
#include <string>
#include <string_view>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/strings/digits.hpp"
#include "tutti/text/jinja/strings/python_space.hpp"
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

#include "tutti/text/jinja/syntax/detail/lexer_literals-inl.hpp"
