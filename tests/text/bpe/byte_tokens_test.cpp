// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/bpe/byte_tokens.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;

static_assert(byte_of_token("<0x0A>") == 10 && byte_of_token("<0xfF>") == 255);

TEST_CASE("a byte token is written as two hexadecimal digits and nothing else",
          "[text][byte_tokens]") {
  CHECK(byte_token_text(0) == "<0x00>");
  CHECK(byte_token_text(0xAF) == "<0xAF>");
  for (const char* text : {"", "<0x0A", "<0x0A>>", "<0xG0>", "<0x+5>", "<0y0A>", "0x0A", "<0xA>"}) {
    INFO(text);
    CHECK_FALSE(byte_of_token(text).has_value());
  }
  for (int byte = 0; byte < 256; ++byte)
    CHECK(byte_of_token(byte_token_text(static_cast<unsigned char>(byte))) == byte);
}

TEST_CASE("bytes are written all together or not at all", "[text][byte_tokens]") {
  ByteTokens bytes;
  bytes.set(0xC3, 5);
  bytes.set(0xA9, 6);
  std::vector<Token> tokens{1};
  CHECK(bytes.append("é", tokens));
  CHECK_FALSE(bytes.append("è", tokens));  // C3 A8
  CHECK(tokens == std::vector<Token>{1, 5, 6});
}
