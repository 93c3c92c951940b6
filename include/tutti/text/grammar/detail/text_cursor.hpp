// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reading a grammar's text by code points, with the position for messages.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/base/error.hpp"
#include "tutti/text/grammar/grammar_error.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::grammar {

/// Nesting of groups that the readers accept.
inline constexpr std::size_t kMaxNesting = 200;

class TextCursor {
 public:
  /// @param where begins every message: "GBNF", for instance.
  TextCursor(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {
    const std::size_t valid = valid_utf8_length(text);
    at_ = valid;
    if (valid != text.size()) fail("the text is not UTF-8");
    at_ = 0;
  }

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] std::size_t position() const { return at_; }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  /// The next byte; 0 at the end.
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }
  [[nodiscard]] bool starts_with(std::string_view prefix) const {
    return rest().starts_with(prefix);
  }

  void skip(std::size_t bytes) { at_ += bytes; }

  /// Skips `prefix` if it comes next. @returns whether it did.
  bool take(std::string_view prefix) {
    if (!starts_with(prefix)) return false;
    at_ += prefix.size();
    return true;
  }

  /// Precondition: not at the end.
  char32_t take_code_point() {
    const DecodedCodePoint decoded = decode_utf8(text_, at_);
    at_ += decoded.length;
    return decoded.code_point;
  }

  /// Exactly `digits` hexadecimal digits.
  char32_t take_hexadecimal(std::size_t digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const int digit = hexadecimal_digit(peek());
      if (digit < 0) fail(digits, " hexadecimal digits are expected here");
      value = value * 16 + static_cast<char32_t>(digit);
      ++at_;
    }
    return value;
  }

  static int hexadecimal_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }

  /// The number of a repetition.
  std::uint32_t take_count() {
    constexpr std::uint32_t kMaxCount = 1'000'000'000;
    std::uint64_t value = 0;
    if (peek() < '0' || peek() > '9') fail("a number is expected here");
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      value = value * 10 + static_cast<std::uint64_t>(peek() - '0');
      if (value > kMaxCount) fail("a repetition of more than ", kMaxCount, " is not supported");
    }
    return static_cast<std::uint32_t>(value);
  }

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    fail_at(at_, parts...);
  }

  template <class... Parts>
  [[noreturn]] void fail_at(std::size_t position, const Parts&... parts) const {
    std::size_t line = 1;
    std::size_t column = 1;
    for (const char c : text_.substr(0, position)) {
      const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
      column = c == '\n' ? 1 : column + (continues ? 0 : 1);
      line += c == '\n' ? 1 : 0;
    }
    tutti::fail<GrammarError>(where_, ", line ", line, ", column ", column, ": ", parts...);
  }

 private:
  std::string_view text_;
  std::string where_;
  std::size_t at_ = 0;
};

}  // namespace tutti::grammar
