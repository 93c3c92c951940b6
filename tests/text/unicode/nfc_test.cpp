// SPDX-License-Identifier: Apache-2.0
// The expected texts are those of Python's unicodedata.normalize("NFC", ...).
#include "tutti/text/unicode/nfc.hpp"

#include <string>

#include "tests/support/catch.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"

using namespace tutti;

TEST_CASE("characters are composed", "[text][nfc][text_libraries]") {
  CHECK(to_nfc("e\u0301") == "\u00E9");
  CHECK(to_nfc("caf\u00E9 plain") == "caf\u00E9 plain");
  CHECK(to_nfc("\u1112\u1161\u11AB") == "\uD55C");  // Hangul
  CHECK(to_nfc("\u212B") == "\u00C5");              // the Angstrom sign is the letter
  CHECK(to_nfc("\uF900") == "\u8C48");              // and so for this ideograph
  CHECK(to_nfc("\u0958") == "\u0915\u093C");        // excluded from composition
  CHECK(to_nfc("\uFB01 \u00BD \u2460") ==
        "\uFB01 \u00BD \u2460");  // compatibility characters are kept
  CHECK(to_nfc("") == "");
  CHECK(to_nfc(std::string("a\0b\u0301", 5)) == std::string("a\0b\u0301", 5));
}

TEST_CASE("marks are put in their order first", "[text][nfc][text_libraries]") {
  CHECK(to_nfc("q\u0307\u0323") == "q\u0323\u0307");
  CHECK(to_nfc("a\u0301\u0323") == "\u1EA1\u0301");
  CHECK(to_nfc("\u0307\u0323 \u0307\u0323") == "\u0323\u0307 \u0323\u0307");
}

TEST_CASE("a text of nothing but marks takes no time", "[text][nfc][text_libraries]") {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += i % 2 == 0 ? "\u0307" : "\u0323";
  const std::string normalized = to_nfc(text);
  CHECK(normalized.starts_with("\u1EA1\u0323\u0323"));
  CHECK(normalized.ends_with("\u0307\u0307"));
}

TEST_CASE("invalid UTF-8 is replaced", "[text][nfc][text_libraries]") {
  CHECK(to_nfc("a\xFF\u0301") == "a\uFFFD\u0301");
}

TEST_CASE("NFC is a step of a normalizer", "[text][nfc][text_libraries]") {
  CHECK(Normalizer({ReplaceStep{"x", "e"}, NfcStep{}})("x\u0301") == "\u00E9");
}
