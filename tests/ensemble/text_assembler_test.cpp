// SPDX-License-Identifier: Apache-2.0
#include "tutti/ensemble/text_assembler.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;

TEST_CASE("The text assembler releases text at once without stop strings", "[text_assembler]") {
  TextAssembler text({});
  CHECK(text.append_bytes("Hel") == "Hel");
  CHECK(text.append_bytes("lo") == "lo");
  CHECK(text.finish_text().empty());
  CHECK(text.text() == "Hello");
}

TEST_CASE("The text assembler releases a code point with its last byte", "[text_assembler]") {
  TextAssembler text({});
  CHECK(text.append_bytes("\xF0\x9F").empty());
  CHECK(text.append_bytes("\x98\x80!") == "\xF0\x9F\x98\x80!");
}

TEST_CASE("The text assembler replaces an incomplete code point at the end by U+FFFD",
          "[text_assembler]") {
  TextAssembler text({});
  CHECK(text.append_bytes("a\xE2\x82") == "a");
  CHECK(text.finish_text() == "\xEF\xBF\xBD");
  CHECK(text.text() == "a\xEF\xBF\xBD");
}

TEST_CASE("A stop string ends the text before it, wherever token boundaries fall",
          "[text_assembler]") {
  const std::vector<std::string> stops{"\n\n", "END"};
  TextAssembler text(stops);
  CHECK(text.append_bytes("one E") == "one ");  // "E" may begin "END"
  CHECK(text.append_bytes("N").empty());
  CHECK(text.append_bytes("D of it").empty());
  CHECK(text.stopped());
  CHECK(text.finish_text().empty());
  CHECK(text.text() == "one ");
}

TEST_CASE("Text that turns out not to be a stop string is released", "[text_assembler]") {
  const std::vector<std::string> stops{"END"};
  TextAssembler text(stops);
  CHECK(text.append_bytes("EN").empty());
  CHECK(text.append_bytes("TRY") == "ENTRY");
  CHECK(text.append_bytes("E").empty());
  CHECK(text.finish_text() == "E");
}

TEST_CASE("The earliest of several stop strings counts", "[text_assembler]") {
  const std::vector<std::string> stops{"c", "b"};
  TextAssembler text(stops);
  CHECK(text.append_bytes("abc") == "a");
  CHECK(text.stopped());
}

TEST_CASE("The released pieces join to the text", "[text_assembler]") {
  const std::vector<std::string> stops{"aab"};
  TextAssembler text(stops);
  std::string joined;
  for (const char* piece : {"a", "a", "a", "c", "aa", "ab", "zzz"})
    joined += text.append_bytes(piece);
  joined += text.finish_text();
  CHECK(joined == "aaaca");
  CHECK(text.text() == joined);
}
