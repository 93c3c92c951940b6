// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of letter_case.hpp.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/strings/code_points.hpp"
#include "tutti/text/jinja/strings/letter_case.hpp"
#include "tutti/text/jinja/strings/python_space.hpp"
#include "tutti/text/unicode/unicode_categories.hpp"
#include "tutti/text/unicode/utf8.hpp"

#if TUTTI_TEXT_LIBRARIES
#include <utf8proc.h>
#endif

namespace tutti::jinja {

namespace detail {

#if TUTTI_TEXT_LIBRARIES

[[nodiscard]] inline char32_t simple_upper(char32_t c) {
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}
[[nodiscard]] inline char32_t simple_lower(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}
[[nodiscard]] inline char32_t simple_title(char32_t c) {
  return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
}

#else

[[nodiscard]] inline char32_t require_ascii(char32_t c) {
  require<OptionError>(c < 0x80 || !is_letter(c),
                       "upper and lower case of letters beyond ASCII need utf8proc, without which "
                       "this program is built (TUTTI_WITHOUT_TEXT_LIBRARIES)");
  return c;
}
[[nodiscard]] inline char32_t simple_upper(char32_t c) {
  return c >= U'a' && c <= U'z' ? c - 32 : require_ascii(c);
}
[[nodiscard]] inline char32_t simple_lower(char32_t c) {
  return c >= U'A' && c <= U'Z' ? c + 32 : require_ascii(c);
}
[[nodiscard]] inline char32_t simple_title(char32_t c) { return simple_upper(c); }

#endif

/// The upper cases of several characters (SpecialCasing.txt), those of European languages.
struct SpecialUpper {
  char32_t code_point;
  std::string_view upper;
  std::string_view title;
};
inline constexpr std::array<SpecialUpper, 10> kSpecialUpper{{
    {0xDF, "SS", "Ss"},
    {0x149, "\xCA\xBCN", "\xCA\xBCN"},
    {0x1F0, "J\xCC\x8C", "J\xCC\x8C"},
    {0xFB00, "FF", "Ff"},
    {0xFB01, "FI", "Fi"},
    {0xFB02, "FL", "Fl"},
    {0xFB03, "FFI", "Ffi"},
    {0xFB04, "FFL", "Ffl"},
    {0xFB05, "ST", "St"},
    {0xFB06, "ST", "St"},
}};

inline void append_upper(std::string& text, char32_t c, bool title) {
  for (const SpecialUpper& special : kSpecialUpper) {
    if (special.code_point == c) {
      text += title ? special.title : special.upper;
      return;
    }
  }
  append_utf8(text, title ? simple_title(c) : simple_upper(c));
}

[[nodiscard]] inline bool is_cased(char32_t c) {
  return is_letter(c) && (simple_upper(c) != c || simple_lower(c) != c || c == 0xDF);
}

/// A capital sigma at byte `at` ends a word: its lower case is another letter then.
[[nodiscard]] inline bool is_final_sigma(std::string_view text, std::size_t at) {
  const bool after_letter = at > 0 &&
                            is_cased(decode_utf8(text, previous_code_point(text, at)).code_point);
  const bool before_letter = at + 2 < text.size() && is_cased(decode_utf8(text, at + 2).code_point);
  return after_letter && !before_letter;
}

inline void append_lower(std::string& result, std::string_view text, std::size_t at, char32_t c) {
  if (c == 0x130) {
    result += "i\xCC\x87";
  } else if (c == 0x3A3 && is_final_sigma(text, at)) {
    append_utf8(result, 0x3C2);
  } else {
    append_utf8(result, simple_lower(c));
  }
}

}  // namespace detail

TUTTI_INLINE TaintedText change_case(const TaintedText& text, LetterCase letter_case) {
  TaintedText result;
  const std::string_view bytes = text.bytes();
  bool word_begins = true;
  std::size_t context = 0;  // the filter `title` maps the rest of each word as a text of its own
  std::string mapped;
  detail::for_each_code_point(bytes, [&](char32_t c, std::size_t begin, std::size_t end) {
    mapped.clear();
    const bool as_title = letter_case != LetterCase::upper && letter_case != LetterCase::lower;
    if (letter_case == LetterCase::upper || (as_title && word_begins)) {
      // The filter `title` writes the first letter of a word in upper case, which differs for "dž".
      detail::append_upper(mapped, c, as_title && letter_case != LetterCase::jinja_title);
    } else {
      detail::append_lower(mapped, bytes.substr(context), begin - context, c);
    }
    if (word_begins && letter_case == LetterCase::jinja_title) context = end;
    result.append(mapped, text.is_tainted(begin));
    word_begins = false;
    if (letter_case == LetterCase::title) word_begins = !detail::is_cased(c);
    if (letter_case == LetterCase::jinja_title) {
      word_begins = is_python_space(c) ||
                    std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
    }
  });
  return result;
}

TUTTI_INLINE bool all_characters(std::string_view text, CharacterTest test) {
  bool any = false;
  bool all = true;
  detail::for_each_code_point(text, [&](char32_t c, std::size_t, std::size_t) {
    switch (test) {
      case CharacterTest::letter: all &= any = is_letter(c); break;
      case CharacterTest::digit: all &= any = is_number(c); break;
      case CharacterTest::letter_or_digit: all &= any = is_letter(c) || is_number(c); break;
      case CharacterTest::space: all &= any = is_python_space(c); break;
      case CharacterTest::upper:
        any |= detail::is_cased(c);
        all &= !detail::is_cased(c) || detail::simple_lower(c) != c;
        break;
      case CharacterTest::lower:
        any |= detail::is_cased(c);
        all &= !detail::is_cased(c) || detail::simple_upper(c) != c || c == 0xDF;
        break;
    }
  });
  return any && all;
}

}  // namespace tutti::jinja
