// SPDX-License-Identifier: Apache-2.0
#pragma once
// White space as Python's str.isspace, str.split and str.strip define it (Unicode, not only ASCII):
// sacrebleu and SQuAD's script split texts that way.

#include <cstddef>
#include <string_view>
#include <vector>

#include "tutti/text/unicode/utf8.hpp"

namespace tutti::detail {

/// Python's str.isspace for one code point: the property White_Space and U+001C to U+001F.
[[nodiscard]] constexpr bool is_python_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

/// The words between white space, as str.split() returns them.
[[nodiscard]] inline std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const DecodedCodePoint next = at < text.size() ? decode_utf8(text, at) : DecodedCodePoint{};
    if (at == text.size() || is_python_white_space(next.code_point)) {
      if (at > begin) words.push_back(text.substr(begin, at - begin));
      begin = at + (at < text.size() ? next.length : 1);
    }
    at += at < text.size() ? next.length : 1;
  }
  return words;
}

/// The text without white space at both ends, as str.strip() returns it.
[[nodiscard]] inline std::string_view trim_white_space(std::string_view text) {
  const std::vector<std::string_view> words = split_words(text);
  if (words.empty()) return text.substr(0, 0);
  const char* const end = words.back().data() + words.back().size();
  return text.substr(static_cast<std::size_t>(words.front().data() - text.data()),
                     static_cast<std::size_t>(end - words.front().data()));
}

}  // namespace tutti::detail
