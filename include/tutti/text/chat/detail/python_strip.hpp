// SPDX-License-Identifier: Apache-2.0
#pragma once
// Python's strip, lstrip and rstrip, which chat templates call.

#include <cstddef>
#include <string_view>

#include "tutti/text/unicode/unicode_categories.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::detail {

/// What str.isspace holds for: the property White_Space, and the four separators U+001C to U+001F.
[[nodiscard]] constexpr bool is_python_space(char32_t c) {
  return is_whitespace(c) || (c >= 0x1C && c <= 0x1F);
}

/// str.strip().
[[nodiscard]] inline std::string_view strip(std::string_view text) {
  while (!text.empty()) {
    const DecodedCodePoint first = decode_utf8(text, 0);
    if (!is_python_space(first.code_point)) break;
    text.remove_prefix(first.length);
  }
  while (!text.empty()) {
    std::size_t last = text.size() - 1;
    while (last > 0 && (static_cast<unsigned char>(text[last]) & 0xC0U) == 0x80U) --last;
    if (!is_python_space(decode_utf8(text, last).code_point)) break;
    text.remove_suffix(text.size() - last);
  }
  return text;
}

/// str.lstrip("\n").
[[nodiscard]] constexpr std::string_view strip_leading_newlines(std::string_view text) {
  while (text.starts_with('\n')) text.remove_prefix(1);
  return text;
}

/// str.rstrip("\n").
[[nodiscard]] constexpr std::string_view strip_trailing_newlines(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

}  // namespace tutti::detail
