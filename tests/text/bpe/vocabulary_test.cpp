// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/bpe/vocabulary.hpp"

#include <string>
#include <utility>

#include "tests/support/catch.hpp"

using namespace tutti;

TEST_CASE("tokens are numbered as they are added and found by their bytes", "[text][vocabulary]") {
  Vocabulary vocabulary(2);
  vocabulary.add("a", true);
  vocabulary.add(std::string("\0b", 2), true);
  CHECK(vocabulary.size() == 2);
  CHECK(vocabulary.bytes(0) == "a");
  CHECK(vocabulary.bytes(1) == std::string("\0b", 2));
  CHECK(vocabulary.find("a") == 0);
  CHECK(vocabulary.find(std::string("\0b", 2)) == 1);
  CHECK_FALSE(vocabulary.find("b").has_value());
}

TEST_CASE("a token that is not findable may share its bytes with one that is",
          "[text][vocabulary]") {
  Vocabulary vocabulary;
  vocabulary.add("x", false);
  vocabulary.add("x", true);
  vocabulary.add("x", false);
  CHECK(vocabulary.find("x") == 1);
  CHECK(vocabulary.bytes(2) == "x");
}

TEST_CASE("two findable tokens with the same bytes are refused by number", "[text][vocabulary]") {
  Vocabulary vocabulary;
  vocabulary.add("x", true);
  vocabulary.add("y", true);
  CHECK_THROWS_WITH(vocabulary.add("x", true), test::contains("tokens 0 and 2 have the same text"));
  CHECK(vocabulary.size() == 2);
}

TEST_CASE("the vocabulary grows beyond what was expected, and copies are independent",
          "[text][vocabulary]") {
  Vocabulary vocabulary;
  for (int i = 0; i < 5000; ++i) vocabulary.add("token" + std::to_string(i), true);
  const Vocabulary copy = vocabulary;
  const Vocabulary moved = std::move(vocabulary);
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(copy.find("token" + std::to_string(i)) == i);
    REQUIRE(moved.bytes(i) == "token" + std::to_string(i));
  }
}
