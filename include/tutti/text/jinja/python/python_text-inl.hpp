// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of python_text.hpp.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/python/python_space.hpp"
#include "tutti/text/jinja/python/python_text.hpp"
#include "tutti/text/unicode/unicode_categories.hpp"
#include "tutti/text/unicode/utf8.hpp"

#if TUTTI_TEXT_LIBRARIES
#include <utf8proc.h>
#endif

namespace tutti::jinja {

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

[[nodiscard]] inline bool contains_code_point(std::string_view set, char32_t code_point) {
  bool found = false;
  for_each_code_point(set, [&](char32_t c, std::size_t, std::size_t) { found |= c == code_point; });
  return found;
}

/// What str.splitlines ends a line at.
[[nodiscard]] constexpr bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

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

/// str.isprintable for one character.
[[nodiscard]] inline bool is_printable(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return c == U' ' || !(category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
                        category == UTF8PROC_CATEGORY_CS || category == UTF8PROC_CATEGORY_CO ||
                        category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_ZL ||
                        category == UTF8PROC_CATEGORY_ZP || category == UTF8PROC_CATEGORY_ZS);
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

[[nodiscard]] inline bool is_printable(char32_t c) {
  return c == U' ' ||
         (c > 0x20 && c != 0x7F && !(c >= 0x80 && c < 0xA0) && c != 0xAD && !is_python_space(c));
}

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

inline void append_hex(std::string& text, std::uint32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    text += "0123456789abcdef"[(value >> shift) & 15];
  }
}

}  // namespace detail

TUTTI_INLINE std::vector<TaintedText> split_code_points(const TaintedText& text) {
  std::vector<TaintedText> parts;
  detail::for_each_code_point(text.bytes(), [&](char32_t, std::size_t begin, std::size_t end) {
    parts.push_back(text.slice(begin, end));
  });
  return parts;
}

TUTTI_INLINE TaintedText strip(const TaintedText& text, std::optional<std::string_view> characters,
                               bool left, bool right) {
  const std::string_view bytes = text.bytes();
  const auto is_stripped = [&](char32_t c) {
    return characters ? detail::contains_code_point(*characters, c) : is_python_space(c);
  };
  std::size_t begin = 0;
  std::size_t end = bytes.size();
  while (left && begin < end) {
    const DecodedCodePoint next = decode_utf8(bytes, begin);
    if (!is_stripped(next.code_point)) break;
    begin += next.length;
  }
  while (right && end > begin) {
    const std::size_t at = previous_code_point(bytes, end);
    if (!is_stripped(decode_utf8(bytes, at).code_point)) break;
    end = at;
  }
  return text.slice(begin, end);
}

TUTTI_INLINE std::vector<TaintedText> split(const TaintedText& text,
                                            std::optional<std::string_view> separator,
                                            std::int64_t max_splits, bool from_right) {
  const std::string_view bytes = text.bytes();
  std::vector<TaintedText> parts;
  const auto may_split = [&] {
    return max_splits < 0 || parts.size() < static_cast<std::size_t>(max_splits);
  };
  if (!from_right) {
    std::size_t begin = separator ? 0 : skip_python_spaces(bytes, 0);
    while (separator || begin < bytes.size()) {
      std::size_t end = begin;
      if (separator) {
        end = std::min(bytes.find(*separator, begin), bytes.size());
      } else {
        while (end < bytes.size() && !is_python_space(decode_utf8(bytes, end).code_point)) {
          end += decode_utf8(bytes, end).length;
        }
      }
      if (!may_split()) end = bytes.size();
      parts.push_back(text.slice(begin, end));
      if (separator && end == bytes.size()) break;
      begin = separator ? end + separator->size() : skip_python_spaces(bytes, end);
    }
    return parts;
  }
  std::size_t end = separator ? bytes.size() : skip_python_spaces_back(bytes, 0, bytes.size());
  while (separator || end > 0) {
    std::size_t begin = end;
    std::size_t next_end = std::string_view::npos;
    if (separator) {
      const std::size_t at = bytes.substr(0, end).rfind(*separator);
      begin = at == std::string_view::npos ? 0 : at + separator->size();
      next_end = at;
    } else {
      while (begin > 0) {
        const std::size_t at = previous_code_point(bytes, begin);
        if (is_python_space(decode_utf8(bytes, at).code_point)) break;
        begin = at;
      }
      next_end = skip_python_spaces_back(bytes, 0, begin);
    }
    if (!may_split()) {
      begin = 0;
      next_end = separator ? std::string_view::npos : 0;
    }
    parts.push_back(text.slice(begin, end));
    if (next_end == std::string_view::npos) break;
    end = next_end;
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

TUTTI_INLINE std::vector<TaintedText> split_lines(const TaintedText& text, bool keep_ends) {
  const std::string_view bytes = text.bytes();
  std::vector<TaintedText> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const DecodedCodePoint next = decode_utf8(bytes, at);
    std::size_t after = at + next.length;
    if (detail::is_line_end(next.code_point)) {
      if (next.code_point == U'\r' && after < bytes.size() && bytes[after] == '\n') ++after;
      lines.push_back(text.slice(begin, keep_ends ? after : at));
      begin = after;
    }
    at = after;
  }
  if (begin < bytes.size()) lines.push_back(text.slice(begin, bytes.size()));
  return lines;
}

TUTTI_INLINE std::size_t count_replacements(std::string_view text, std::string_view from,
                                            std::int64_t max_count) {
  std::size_t count = 0;
  if (from.empty()) {
    count = count_code_points(text) + 1;
  } else {
    for (std::size_t at = text.find(from); at != std::string_view::npos;
         at = text.find(from, at + from.size())) {
      ++count;
    }
  }
  return max_count < 0 ? count : std::min(count, static_cast<std::size_t>(max_count));
}

TUTTI_INLINE TaintedText replace(const TaintedText& text, std::string_view from,
                                 const TaintedText& to, std::int64_t max_count) {
  const std::string_view bytes = text.bytes();
  TaintedText result;
  std::size_t done = 0;
  std::size_t search = 0;
  for (std::size_t count = count_replacements(bytes, from, max_count); count > 0; --count) {
    const std::size_t at = bytes.find(from, search);
    result.append(text, done, at);
    result.append(to);
    done = at + from.size();
    // Nothing is found before every code point and at the end.
    search = from.empty() && at < bytes.size() ? at + decode_utf8(bytes, at).length : done;
  }
  result.append(text, done, bytes.size());
  return result;
}

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
  const std::string shortest(buffer.data(), scientific.ptr);
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
