// SPDX-License-Identifier: Apache-2.0
#pragma once
// Letters, numbers, white space and word characters as defined by the regular expressions of the
// tokenizers package (Unicode 16.0).

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

#include "tutti/text/unicode/detail/unicode_ranges.hpp"

namespace tutti {

namespace detail {

template <class Ranges>
[[nodiscard]] constexpr bool in_ranges(const Ranges& ranges, char32_t code_point) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), code_point,
      [](char32_t c, const CodePointRange& r) { return c < r.first; });
  return after != ranges.begin() && code_point <= std::prev(after)->last;
}

}  // namespace detail

/// The classes that pre-tokenizer patterns distinguish; every code point is in exactly one.
enum class CharacterClass : std::uint8_t { letter, number, white_space, other };

/// `\p{L}`, `\p{N}`, `\s`, or none of them. Cost: a table look-up for ASCII, at most three binary
/// searches for the rest.
[[nodiscard]] constexpr CharacterClass character_class(char32_t code_point) {
  constexpr auto search = [](char32_t c) {
    if (detail::in_ranges(detail::kLetterRanges, c)) return CharacterClass::letter;
    if (detail::in_ranges(detail::kNumberRanges, c)) return CharacterClass::number;
    return detail::in_ranges(detail::kWhiteSpaceRanges, c) ? CharacterClass::white_space
                                                           : CharacterClass::other;
  };
  constexpr std::array<CharacterClass, 128> kAscii = [search] {
    std::array<CharacterClass, 128> classes{};
    for (char32_t c = 0; c < 128; ++c) classes[c] = search(c);
    return classes;
  }();
  return code_point < 128 ? kAscii[code_point] : search(code_point);
}

/// `\p{L}`: general category L.
[[nodiscard]] constexpr bool is_letter(char32_t code_point) {
  return character_class(code_point) == CharacterClass::letter;
}

/// `\p{N}`: general categories Nd, Nl and No.
[[nodiscard]] constexpr bool is_number(char32_t code_point) {
  return character_class(code_point) == CharacterClass::number;
}

/// `\s`: the property White_Space, which is not a general category (U+0085 has it, U+200B has not).
[[nodiscard]] constexpr bool is_whitespace(char32_t code_point) {
  return character_class(code_point) == CharacterClass::white_space;
}

/// `\w` of Rust's regex crate: letters, marks, digits, connectors and joiners.
[[nodiscard]] constexpr bool is_word_character(char32_t code_point) {
  return is_letter(code_point) || detail::in_ranges(detail::kOtherWordRanges, code_point);
}

}  // namespace tutti
