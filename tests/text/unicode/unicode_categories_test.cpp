// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/unicode/unicode_categories.hpp"

#include <cstddef>

#include "tests/support/catch.hpp"

using namespace tutti;

static_assert(is_letter(U'a') && is_number(U'7') && is_whitespace(U' ') &&
              character_class(U'!') == CharacterClass::other);

TEST_CASE("letters are the general category L", "[text][unicode]") {
  for (const char32_t c : {U'A', U'z', U'ª', U'é', U'ß', U'ǅ', U'ʰ', U'א', U'あ', U'一', U'한',
                           U'\U0002EBE0', U'\U00020000'}) {
    INFO("U+" << std::hex << static_cast<unsigned>(c));
    CHECK(is_letter(c));
  }
  for (const char32_t c :
       {U'@', U'[', U'_', U'\u0301', U'€', U'\u200D', U'\U0001F600', U'\U0010FFFF'}) {
    INFO("U+" << std::hex << static_cast<unsigned>(c));
    CHECK(character_class(c) == CharacterClass::other);
  }
}

TEST_CASE("numbers are digits, number letters and fractions", "[text][unicode]") {
  for (const char32_t c : {U'0', U'9', U'²', U'½', U'٣', U'९', U'Ⅷ', U'①', U'〇', U'\U0001D7D8'}) {
    INFO("U+" << std::hex << static_cast<unsigned>(c));
    CHECK(is_number(c));
  }
  CHECK_FALSE(is_number(U'一'));  // a letter that means one
}

TEST_CASE("white space is the property, not a category", "[text][unicode]") {
  for (const char32_t c : {U'\t', U'\n', U'\v', U'\f', U'\r', U' ', U'\u0085', U'\u00A0', U'\u1680',
                           U'\u2000', U'\u2028', U'\u3000'}) {
    INFO("U+" << std::hex << static_cast<unsigned>(c));
    CHECK(is_whitespace(c));
  }
  for (const char32_t c : {U'\u180E', U'\u200B', U'\uFEFF', U'\u001F'})
    CHECK_FALSE(is_whitespace(c));
}

TEST_CASE("the classes have as many code points as Unicode 16.0 counts", "[text][unicode]") {
  std::size_t letters = 0, numbers = 0, white_space = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    letters += is_letter(c) ? 1 : 0;
    numbers += is_number(c) ? 1 : 0;
    white_space += is_whitespace(c) ? 1 : 0;
  }
  CHECK(letters == 141028);
  CHECK(numbers == 1911);
  CHECK(white_space == 25);
  CHECK(is_letter(0x1C89));        // new in 16.0
  CHECK_FALSE(is_letter(0x088F));  // new in 17.0
}
