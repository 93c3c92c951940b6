// SPDX-License-Identifier: Apache-2.0
#pragma once
// Upper and lower case, and the tests of characters, of Python's str: letters are Unicode's.

#include <cstdint>
#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/strings/tainted_text.hpp"

namespace tutti::jinja {

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

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/strings/letter_case-inl.hpp"
#endif
