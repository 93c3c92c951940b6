// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of nfc.hpp, the only code that uses utf8proc.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/text/unicode/nfc.hpp"
#include "tutti/text/unicode/utf8.hpp"

#if TUTTI_TEXT_LIBRARIES
#include <utf8proc.h>
#endif

namespace tutti {

#if TUTTI_TEXT_LIBRARIES

namespace detail {

/// Sorts combining marks by their combining class, stably. A counting sort: a text may consist of
/// nothing but marks.
inline void sort_marks(utf8proc_int32_t* begin, utf8proc_int32_t* end) {
  if (end - begin < 2) return;
  const auto combining_class = [](utf8proc_int32_t c) {
    return static_cast<std::size_t>(utf8proc_get_property(c)->combining_class);
  };
  std::array<std::size_t, 257> starts{};  // after the second loop: where each class begins
  for (const utf8proc_int32_t* mark = begin; mark != end; ++mark)
    ++starts[combining_class(*mark) + 1];
  for (std::size_t c = 1; c < starts.size(); ++c) starts[c] += starts[c - 1];
  const std::vector<utf8proc_int32_t> marks(begin, end);
  for (const utf8proc_int32_t mark : marks) begin[starts[combining_class(mark)]++] = mark;
}

/// The canonical decomposition, with marks in canonical order. utf8proc_decompose is not used: it
/// sorts marks by swapping neighbors, in quadratic time.
[[nodiscard]] inline std::vector<utf8proc_int32_t> to_nfd(std::string_view text) {
  std::vector<utf8proc_int32_t> code_points;
  code_points.reserve(text.size());
  std::size_t marks = 0;  // start of the run of marks at the end
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint decoded = decode_utf8(text, at);
    at += decoded.length;
    std::array<utf8proc_int32_t, 32> parts{};  // a canonical decomposition has at most 4
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(decoded.code_point), parts.data(),
        static_cast<utf8proc_ssize_t>(parts.size()),
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), nullptr);
    require<OptionError>(count >= 0 && static_cast<std::size_t>(count) <= parts.size(),
                         "utf8proc cannot decompose code point ",
                         static_cast<unsigned long>(decoded.code_point));
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const bool starter = utf8proc_get_property(parts[i])->combining_class == 0;
      if (starter) sort_marks(code_points.data() + marks, code_points.data() + code_points.size());
      code_points.push_back(parts[i]);
      if (starter) marks = code_points.size();
    }
  }
  sort_marks(code_points.data() + marks, code_points.data() + code_points.size());
  return code_points;
}

}  // namespace detail

TUTTI_INLINE std::string to_nfc(std::string_view text) {
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

TUTTI_INLINE std::string to_nfc(std::string_view) {
  fail<FormatError>(
      "the tokenizer's normalizer NFC needs utf8proc, which this program is compiled without; "
      "compile it without TUTTI_WITHOUT_TEXT_LIBRARIES");
}

#endif

}  // namespace tutti
