// SPDX-License-Identifier: Apache-2.0
#pragma once
// White space as Python's str methods and regular expressions see it.

#include <cstddef>
#include <string_view>

#include "tutti/text/unicode/unicode_categories.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::jinja {

/// str.isspace: the property White_Space, and the four separators U+001C to U+001F.
[[nodiscard]] constexpr bool is_python_space(char32_t c) {
  return is_whitespace(c) || (c >= 0x1C && c <= 0x1F);
}

/// Where the code point that ends at byte `end` begins. Precondition: end > 0.
[[nodiscard]] constexpr std::size_t previous_code_point(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

/// Where the white space that begins at byte `at` ends.
[[nodiscard]] constexpr std::size_t skip_python_spaces(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const DecodedCodePoint next = decode_utf8(text, at);
    if (!is_python_space(next.code_point)) break;
    at += next.length;
  }
  return at;
}

/// Where the white space that ends at byte `end` begins, not before `begin`.
[[nodiscard]] constexpr std::size_t skip_python_spaces_back(std::string_view text,
                                                            std::size_t begin, std::size_t end) {
  while (end > begin) {
    const std::size_t at = previous_code_point(text, end);
    if (!is_python_space(decode_utf8(text, at).code_point)) break;
    end = at;
  }
  return end;
}

}  // namespace tutti::jinja
