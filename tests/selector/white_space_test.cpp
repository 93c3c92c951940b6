// SPDX-License-Identifier: Apache-2.0
#include "tutti/selector/white_space.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/formats/json.hpp"

using namespace tutti;
using Words = std::vector<std::string_view>;

TEST_CASE("White space is Python's str.isspace for every code point", "[white_space]") {
  const Json file = read_json_file(std::string(TUTTI_TEST_DATA) + "/selector/text_similarity.json");
  std::vector<char32_t> found;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (detail::is_python_white_space(c)) found.push_back(c);
  }
  std::vector<char32_t> expected;
  for (const Json& c : file.at("white_space"))
    expected.push_back(static_cast<char32_t>(c.get<std::uint32_t>()));
  CHECK(found == expected);
}

TEST_CASE("Words are split as by Python's str.split", "[white_space]") {
  CHECK(detail::split_words("").empty());
  CHECK(detail::split_words(" \n").empty());
  CHECK(detail::split_words("a") == Words{"a"});
  CHECK(detail::split_words(" a  bc\xE3\x80\x80"
                            "d ") == Words{"a", "bc", "d"});
  CHECK(detail::split_words("a\xC2\xA0") == Words{"a"});
  CHECK(detail::split_words("\xC2") == Words{"\xC2"});  // invalid UTF-8 is not white space
}

TEST_CASE("Texts are trimmed as by Python's str.strip", "[white_space]") {
  CHECK(detail::trim_white_space("  a b\t") == "a b");
  CHECK(detail::trim_white_space("\xE2\x80\xA8x") == "x");
  CHECK(detail::trim_white_space(" ").empty());
  CHECK(detail::trim_white_space("").empty());
}
