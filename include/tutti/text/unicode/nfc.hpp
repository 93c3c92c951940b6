// SPDX-License-Identifier: Apache-2.0
#pragma once
// Unicode's normalization form C (Unicode Standard Annex 15): characters composed as far as
// possible, so that the two ways to write "é" make the same tokens. The tables are utf8proc's
// (Unicode 15.0 in Debian 12).

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/text/unicode/utf8.hpp"

#if TUTTI_TEXT_LIBRARIES
#include <utf8proc.h>
#endif

namespace tutti {

#if TUTTI_TEXT_LIBRARIES

namespace detail {

/// The canonical decomposition, with marks in canonical order.
[[nodiscard]] inline std::vector<utf8proc_int32_t> to_nfd(std::string_view text) {
  std::vector<utf8proc_int32_t> code_points;
  code_points.reserve(text.size());
  const auto combining_class = [](utf8proc_int32_t c) {
    return utf8proc_get_property(c)->combining_class;
  };
  // utf8proc_decompose sorts marks by swapping neighbors, which takes forever on a text of nothing
  // but marks.
  std::size_t marks = 0;  // where the run of marks at the end begins
  const auto sort_marks = [&] {
    std::stable_sort(code_points.begin() + static_cast<std::ptrdiff_t>(marks), code_points.end(),
                     [&](utf8proc_int32_t a, utf8proc_int32_t b) {
                       return combining_class(a) < combining_class(b);
                     });
  };
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint decoded = decode_utf8(text, at);
    at += decoded.length;
    std::array<utf8proc_int32_t, 32> parts{};  // 4 are the most that a canonical decomposition has
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(decoded.code_point), parts.data(),
        static_cast<utf8proc_ssize_t>(parts.size()),
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), nullptr);
    require<OptionError>(count >= 0 && static_cast<std::size_t>(count) <= parts.size(),
                         "utf8proc cannot decompose code point ",
                         static_cast<unsigned long>(decoded.code_point));
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const bool starter = combining_class(parts[i]) == 0;
      if (starter) sort_marks();
      code_points.push_back(parts[i]);
      if (starter) marks = code_points.size();
    }
  }
  sort_marks();
  return code_points;
}

}  // namespace detail

/// `text` in NFC. What is invalid UTF-8 counts as U+FFFD. Time O(n log n).
[[nodiscard]] inline std::string to_nfc(std::string_view text) {
  const bool ascii = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii) return std::string(text);
  std::vector<utf8proc_int32_t> code_points = detail::to_nfd(text);
  const utf8proc_ssize_t length = utf8proc_normalize_utf32(
      code_points.data(), static_cast<utf8proc_ssize_t>(code_points.size()),
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  require<OptionError>(length >= 0, "utf8proc cannot compose a text of ", text.size(), " bytes");
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < static_cast<std::size_t>(length); ++i)
    append_utf8(result, static_cast<char32_t>(code_points[i]));
  return result;
}

#else

[[nodiscard]] inline std::string to_nfc(std::string_view) {
  fail<FormatError>(
      "the tokenizer's normalizer NFC needs utf8proc, which this program is compiled without; "
      "compile it without ",
      "TUTTI_WITHOUT_TEXT_LIBRARIES");
}

#endif

}  // namespace tutti
