// SPDX-License-Identifier: Apache-2.0
#include "tutti/ensemble/text_assembler.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;

TEST_CASE("Text is given out as it comes when nothing can stop it", "[text_assembler]") {
  TextAssembler text({});
  CHECK(text.push("Hel") == "Hel");
  CHECK(text.push("lo") == "lo");
  CHECK(text.finish().empty());
  CHECK(text.text() == "Hello");
}

TEST_CASE("A code point is given out when its last byte has come", "[text_assembler]") {
  TextAssembler text({});
  CHECK(text.push("\xF0\x9F").empty());
  CHECK(text.push("\x98\x80!") == "\xF0\x9F\x98\x80!");
}

TEST_CASE("A code point that never ends becomes U+FFFD at the end", "[text_assembler]") {
  TextAssembler text({});
  CHECK(text.push("a\xE2\x82") == "a");
  CHECK(text.finish() == "\xEF\xBF\xBD");
  CHECK(text.text() == "a\xEF\xBF\xBD");
}

TEST_CASE("A stop string ends the text before it, wherever the tokens break it",
          "[text_assembler]") {
  const std::vector<std::string> stops{"\n\n", "END"};
  TextAssembler text(stops);
  CHECK(text.push("one E") == "one ");  // "E" may begin "END"
  CHECK(text.push("N").empty());
  CHECK(text.push("D of it").empty());
  CHECK(text.stopped());
  CHECK(text.finish().empty());
  CHECK(text.text() == "one ");
}

TEST_CASE("What only looked like a stop string is given out after all", "[text_assembler]") {
  const std::vector<std::string> stops{"END"};
  TextAssembler text(stops);
  CHECK(text.push("EN").empty());
  CHECK(text.push("TRY") == "ENTRY");
  CHECK(text.push("E").empty());
  CHECK(text.finish() == "E");
}

TEST_CASE("The earliest of several stop strings counts", "[text_assembler]") {
  const std::vector<std::string> stops{"c", "b"};
  TextAssembler text(stops);
  CHECK(text.push("abc") == "a");
  CHECK(text.stopped());
}

TEST_CASE("Joined, the pieces are the text", "[text_assembler]") {
  const std::vector<std::string> stops{"aab"};
  TextAssembler text(stops);
  std::string joined;
  for (const char* piece : {"a", "a", "a", "c", "aa", "ab", "zzz"}) joined += text.push(piece);
  joined += text.finish();
  CHECK(joined == "aaaca");
  CHECK(text.text() == joined);
}
