// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of quoting.hpp.

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/strings/code_points.hpp"
#include "tutti/text/jinja/strings/python_space.hpp"
#include "tutti/text/jinja/strings/quoting.hpp"

#if TUTTI_TEXT_LIBRARIES
#include <utf8proc.h>
#endif

namespace tutti::jinja {

namespace detail {

#if TUTTI_TEXT_LIBRARIES

/// str.isprintable for one character.
[[nodiscard]] inline bool is_printable(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return c == U' ' || !(category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
                        category == UTF8PROC_CATEGORY_CS || category == UTF8PROC_CATEGORY_CO ||
                        category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_ZL ||
                        category == UTF8PROC_CATEGORY_ZP || category == UTF8PROC_CATEGORY_ZS);
}

#else

[[nodiscard]] inline bool is_printable(char32_t c) {
  return c == U' ' ||
         (c > 0x20 && c != 0x7F && !(c >= 0x80 && c < 0xA0) && c != 0xAD && !is_python_space(c));
}

#endif

inline void append_hex(std::string& text, std::uint32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    text += "0123456789abcdef"[(value >> shift) & 15];
  }
}

}  // namespace detail

TUTTI_INLINE TaintedText quoted_repr(const TaintedText& text) {
  const std::string_view bytes = text.bytes();
  const bool double_quotes = bytes.find('\'') != std::string_view::npos &&
                             bytes.find('"') == std::string_view::npos;
  const char quote = double_quotes ? '"' : '\'';
  TaintedText result;
  result.append(std::string_view(&quote, 1));
  std::string escape;
  detail::for_each_code_point(bytes, [&](char32_t c, std::size_t begin, std::size_t end) {
    if (c != U'\\' && c != static_cast<char32_t>(quote) && detail::is_printable(c)) {
      result.append(text, begin, end);
      return;
    }
    escape = "\\";
    if (c == U'\n') {
      escape += 'n';
    } else if (c == U'\r') {
      escape += 'r';
    } else if (c == U'\t') {
      escape += 't';
    } else if (c == U'\\' || c == static_cast<char32_t>(quote)) {
      escape += static_cast<char>(c);
    } else {
      escape += c < 0x100 ? 'x' : c < 0x10000 ? 'u' : 'U';
      detail::append_hex(escape, c, c < 0x100 ? 2 : c < 0x10000 ? 4 : 8);
    }
    result.append(escape, text.is_tainted(begin));
  });
  result.append(std::string_view(&quote, 1));
  return result;
}

TUTTI_INLINE TaintedText quoted_json(const TaintedText& text, bool ascii_only) {
  TaintedText result;
  result.append("\"");
  std::string escape;
  constexpr std::string_view kSpecial = "\"\\\n\r\t\b\f";
  constexpr std::string_view kEscapes = "\"\\nrtbf";
  detail::for_each_code_point(text.bytes(), [&](char32_t c, std::size_t begin, std::size_t end) {
    const std::size_t special = c < 0x80 ? kSpecial.find(static_cast<char>(c))
                                         : std::string_view::npos;
    if (special == std::string_view::npos && c >= 0x20 && (c < 0x7F || !ascii_only || c == 0x7F)) {
      result.append(text, begin, end);
      return;
    }
    escape.clear();
    if (special != std::string_view::npos) {
      (escape = '\\') += kEscapes[special];
    } else if (c < 0x10000) {
      detail::append_hex(escape = "\\u", c, 4);
    } else {
      detail::append_hex(escape = "\\u", 0xD800 + ((c - 0x10000) >> 10), 4);
      detail::append_hex(escape += "\\u", 0xDC00 + ((c - 0x10000) & 0x3FF), 4);
    }
    result.append(escape, text.is_tainted(begin));
  });
  result.append("\"");
  return result;
}

TUTTI_INLINE std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 40> buffer{};
  const auto scientific = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                        std::chars_format::scientific);
  std::string shortest(buffer.data(), scientific.ptr);
  const int exponent = std::stoi(shortest.substr(shortest.find('e') + 1));
  if (value != 0 && (exponent < -4 || exponent >= 16)) return shortest;
  // The shortest digits, without an exponent.
  std::array<char, 400> fixed{};
  const auto end = std::to_chars(fixed.data(), fixed.data() + fixed.size(), value,
                                 std::chars_format::fixed);
  std::string text(fixed.data(), end.ptr);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

}  // namespace tutti::jinja
