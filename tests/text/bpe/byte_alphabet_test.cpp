// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/bpe/byte_alphabet.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace tutti;
using namespace std::string_literals;

TEST_CASE("printable bytes stand for themselves and the others begin at U+0100",
          "[text][byte_alphabet]") {
  CHECK(to_byte_alphabet("the") == "the");
  CHECK(to_byte_alphabet(" the") == "Ġthe");
  CHECK(to_byte_alphabet("\n") == "Ċ");
  CHECK(to_byte_alphabet("\0"s) == "\u0100");
  CHECK(to_byte_alphabet("é") == "Ã©");
  CHECK(to_byte_alphabet("\x7F\xA0\xAD") ==
        "\u0121\u0142\u0143");  // the last three that are not printable
}

TEST_CASE("every byte comes back from the alphabet", "[text][byte_alphabet]") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  CHECK(from_byte_alphabet(to_byte_alphabet(bytes)) == bytes);
}

TEST_CASE("a text outside the alphabet stands for no bytes", "[text][byte_alphabet]") {
  CHECK_FALSE(from_byte_alphabet("a b").has_value());
  CHECK_FALSE(from_byte_alphabet("東").has_value());
  CHECK_FALSE(from_byte_alphabet("\u0144").has_value());
  CHECK_FALSE(from_byte_alphabet("\xFF").has_value());
  CHECK(from_byte_alphabet("") == "");
}
