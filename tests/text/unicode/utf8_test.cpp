// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/unicode/utf8.hpp"

#include <string>
#include <string_view>

#include "tests/support/catch.hpp"

using namespace tutti;
using namespace std::string_literals;

namespace {

std::string encoded(char32_t code_point) {
  std::string text;
  append_utf8(text, code_point);
  return text;
}

}  // namespace

TEST_CASE("code points are encoded at the borders of every length", "[text][utf8]") {
  CHECK(encoded(0x00) == "\0"s);
  CHECK(encoded(0x7F) == "\x7F");
  CHECK(encoded(0x80) == "\xC2\x80");
  CHECK(encoded(0x7FF) == "\xDF\xBF");
  CHECK(encoded(0x800) == "\xE0\xA0\x80");
  CHECK(encoded(0xFFFF) == "\xEF\xBF\xBF");
  CHECK(encoded(0x10000) == "\xF0\x90\x80\x80");
  CHECK(encoded(0x10FFFF) == "\xF4\x8F\xBF\xBF");
}

TEST_CASE("invalid code points are encoded as the replacement character", "[text][utf8]") {
  CHECK(encoded(0xD800) == "\xEF\xBF\xBD");
  CHECK(encoded(0xDFFF) == "\xEF\xBF\xBD");
  CHECK(encoded(0x110000) == "\xEF\xBF\xBD");
}

TEST_CASE("decoding gives back every code point that can be encoded", "[text][utf8]") {
  std::size_t wrong = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    const std::string text = encoded(c);
    const DecodedCodePoint decoded = decode_utf8(text, 0);
    if (decoded.code_point != c || decoded.length != text.size() ||
        decoded.status != Utf8Status::valid)
      ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("an invalid sequence takes its maximal subpart and no byte more", "[text][utf8]") {
  const auto length = [](std::string_view text) {
    const DecodedCodePoint decoded = decode_utf8(text, 0);
    CHECK(decoded.status == Utf8Status::invalid);
    CHECK(decoded.code_point == kReplacementCharacter);
    return decoded.length;
  };
  CHECK(length("\x80") == 1);              // continuation without a lead
  CHECK(length("\xC1\xBF") == 1);          // overlong
  CHECK(length("\xE0\x9F\xBF") == 1);      // overlong
  CHECK(length("\xED\xA0\x80") == 1);      // surrogate
  CHECK(length("\xE2\x82(") == 2);         // two bytes of three
  CHECK(length("\xF0\x9F\x91(") == 3);     // three bytes of four
  CHECK(length("\xF4\x90\x80\x80") == 1);  // above 10FFFF
  CHECK(length("\xFF") == 1);
}

TEST_CASE("a sequence that the text cuts off is truncated and not invalid", "[text][utf8]") {
  const DecodedCodePoint decoded = decode_utf8("a\xF0\x9F\x91", 1);
  CHECK(decoded.status == Utf8Status::truncated);
  CHECK(decoded.length == 3);
}

TEST_CASE("invalid sequences are replaced as Rust and Python replace them", "[text][utf8]") {
  CHECK(replace_invalid_utf8("") == "");
  CHECK(replace_invalid_utf8("a\0é"s) == "a\0é"s);
  CHECK(replace_invalid_utf8("a\xFF"
                             "b") == "a\uFFFDb");
  CHECK(replace_invalid_utf8("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");
  CHECK(replace_invalid_utf8("\xE2\x82\xE2\x82\xAC") == "\uFFFD€");
  CHECK(replace_invalid_utf8("\xF0\x9F\x91") == "\uFFFD");
}

TEST_CASE("validation finds the first byte that does not belong", "[text][utf8]") {
  CHECK(valid_utf8_length("é€") == 5);
  CHECK(valid_utf8_length("é\xE2\x82") == 2);
  CHECK(is_valid_utf8("👍🏽"));
  CHECK_FALSE(is_valid_utf8("\xC0\x80"));
}

TEST_CASE("the complete prefix excludes a sequence that more bytes could complete",
          "[text][utf8]") {
  CHECK(complete_prefix_length("") == 0);
  CHECK(complete_prefix_length("abc") == 3);
  CHECK(complete_prefix_length("a\xC3") == 1);
  CHECK(complete_prefix_length("a\xE2") == 1);
  CHECK(complete_prefix_length("a\xE2\x82") == 1);
  CHECK(complete_prefix_length("a\xE2\x82\xAC") == 4);
  CHECK(complete_prefix_length("\xF0") == 0);
  CHECK(complete_prefix_length("\xF0\x9F\x91") == 0);
  CHECK(complete_prefix_length("\xF0\x9F\x91\x8D") == 4);
}

TEST_CASE("the complete prefix does not wait for a sequence that can never become valid",
          "[text][utf8]") {
  CHECK(complete_prefix_length("\x80\x80\x80") == 3);
  CHECK(complete_prefix_length("\xED\xA0") == 2);      // a surrogate
  CHECK(complete_prefix_length("\xF4\x90") == 2);      // above 10FFFF
  CHECK(complete_prefix_length("\xC3\xA9\x80") == 3);  // a stray byte after a whole code point
  CHECK(complete_prefix_length("a\xFF") == 2);
}
