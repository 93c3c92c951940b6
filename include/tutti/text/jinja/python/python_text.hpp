// SPDX-License-Identifier: Apache-2.0
#pragma once
// Python's str methods on tainted text: positions are code points, white space and letters are
// Unicode's. Every byte of a result keeps the flag of the byte that it came from.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/value/tainted_text.hpp"

namespace tutti::jinja {

/// Code points of valid UTF-8.
[[nodiscard]] constexpr std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

/// The code points one by one.
[[nodiscard]] std::vector<TaintedText> split_code_points(const TaintedText& text);

/// str.strip, lstrip and rstrip. Without `characters`: white space.
[[nodiscard]] TaintedText strip(const TaintedText& text, std::optional<std::string_view> characters,
                                bool left, bool right);

/// str.split and rsplit. Without a separator: at runs of white space. A negative `max_splits` means
/// all. Precondition: `separator` is not empty.
[[nodiscard]] std::vector<TaintedText> split(const TaintedText& text,
                                             std::optional<std::string_view> separator,
                                             std::int64_t max_splits, bool from_right);

/// str.splitlines.
[[nodiscard]] std::vector<TaintedText> split_lines(const TaintedText& text, bool keep_ends);

/// How often str.replace finds `from`, at most `max_count` times unless that is negative.
[[nodiscard]] std::size_t count_replacements(std::string_view text, std::string_view from,
                                             std::int64_t max_count);

/// str.replace.
[[nodiscard]] TaintedText replace(const TaintedText& text, std::string_view from,
                                  const TaintedText& to, std::int64_t max_count);

enum class LetterCase : std::uint8_t {
  upper,
  lower,
  capitalized,  ///< str.capitalize
  title,        ///< str.title: every run of letters is capitalized.
  jinja_title,  ///< The filter `title`: words begin after white space and one of - ( { [ <.
};

/// @throws OptionError for other letters than ASCII's when the library is built without utf8proc.
[[nodiscard]] TaintedText change_case(const TaintedText& text, LetterCase letter_case);

enum class CharacterTest : std::uint8_t { letter, digit, letter_or_digit, space, upper, lower };

/// str.isalpha, isdigit, isalnum, isspace, isupper, islower.
[[nodiscard]] bool all_characters(std::string_view text, CharacterTest test);

/// repr(text): in quotes, with escapes.
[[nodiscard]] TaintedText quoted_repr(const TaintedText& text);

/// As a JSON string, in quotes.
[[nodiscard]] TaintedText quoted_json(const TaintedText& text, bool ascii_only);

/// repr of a float, such as "1.0", "1e-05", "inf".
[[nodiscard]] std::string float_repr(double value);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/python/python_text-inl.hpp"
#endif
