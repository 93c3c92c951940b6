// SPDX-License-Identifier: Apache-2.0
#pragma once
// UTF-8 text as a sequence of code points.

#include <cstddef>
#include <string_view>

#include "tutti/text/unicode/utf8.hpp"

namespace tutti::jinja {

/// Code points of valid UTF-8.
[[nodiscard]] constexpr std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

namespace detail {

/// Calls `visit(code_point, begin, end)` for every code point.
template <class Visit>
void for_each_code_point(std::string_view text, Visit visit) {
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint next = decode_utf8(text, at);
    visit(next.code_point, at, at + next.length);
    at += next.length;
  }
}

}  // namespace detail

}  // namespace tutti::jinja
