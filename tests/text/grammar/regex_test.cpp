// SPDX-License-Identifier: Apache-2.0
// tests/data/text/grammar/regex.json was judged by Python's re.fullmatch.

#include <string>

#include "tests/support/catch.hpp"
#include "tests/text/grammar/support.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/grammar/detail/program.hpp"
#include "tutti/text/grammar/grammar.hpp"

using namespace tutti;
using tutti::test::contains;

TEST_CASE("Regular expressions match what Python's do", "[text][grammar]") {
  const Json cases = read_json_file(tutti::test::kGrammarData + "regex.json");
  REQUIRE(cases.size() == 250);
  for (const Json& one : cases) {
    const std::string pattern = one.at("pattern");
    INFO(pattern);
    const Grammar grammar = Grammar::regex(pattern);
    for (const std::string text : one.at("matches")) {
      INFO("matches: " << Json(text).dump());
      CHECK(grammar.matches(text));
    }
    for (const std::string text : one.at("others")) {
      INFO("does not match: " << Json(text).dump());
      CHECK_FALSE(grammar.matches(text));
    }
  }
}

TEST_CASE("Escapes, classes and anchors of regular expressions", "[text][grammar]") {
  const auto matches = [](const char* pattern, const std::string& text) {
    return Grammar::regex(pattern).matches(text);
  };
  CHECK(matches("^a{,2}$", "aa"));
  CHECK(matches("\\uD83D\\uDE42\\u{1F642}", "🙂🙂"));
  CHECK(matches("[\\]\\-\\\\]+", "]-\\"));
  CHECK(matches("(?<year>\\d{4})|x", "2026"));
  CHECK(matches("\\0\\v\\f", std::string("\0\v\f", 3)));
  CHECK(matches("\\d", "7"));
  CHECK_FALSE(matches("\\d", "٣"));  // an Arabic digit, which Python's \d has and ECMAScript's not
  CHECK_FALSE(matches("\\D", "٣"));  // so that neither class has it
  CHECK_FALSE(matches("[^a]", "\xFF"));
  CHECK(matches("", ""));
}

TEST_CASE("What regular expressions lack is refused with its column", "[text][grammar]") {
  const auto check = [](const char* pattern, const char* message) {
    INFO(pattern);
    CHECK_THROWS_AS(Grammar::regex(pattern), GrammarError);
    CHECK_THROWS_WITH(Grammar::regex(pattern), contains(message));
  };
  check("a(?=b)", "column 2: look-ahead");
  check("(?i)a", "column 1: look-ahead, look-behind, flags");
  check("(a)\\1", "column 4: back references");
  check("a\\b", "column 2: word boundaries");
  check("\\p{L}", "column 1: Unicode properties");
  check("a(^b)", "column 3: ^ is supported only at the start");
  check("a$b", "$ is supported only at the end");
  check("a++", "possessive");
  check("*a", "nothing to repeat");
  check("a{2}{3}", "repetition of a repetition");
  check("a{3,1}", "at least 3 and at most 1");
  check("[b-a]", "ends before it begins");
  check("[]", "without characters");
  check("(a", "column 1: \"(\" without \")\"");
  check("a)", "column 2: \")\" without \"(\"");
  check("a{9999999999}", "more than 1000000000");
  check("\\z", "escape \\z is not supported");
}

TEST_CASE("Large and nested repetitions are counted, not expanded", "[text][grammar]") {
  const Grammar grammar = Grammar::regex("(a{1000}){1000}");
  CHECK(grammar.program()->nodes.size() < 100);
  CHECK_FALSE(grammar.matches(std::string(999999, 'a')));
  CHECK(grammar.matches(std::string(1000000, 'a')));
  CHECK(Grammar::regex("((((a?){0,99}){0,99}){0,99}){0,1000000000}").matches("aaa"));
  CHECK(Grammar::regex("(ab|a|b){200,300}").matches(std::string(250, 'a')));
  CHECK_FALSE(Grammar::regex("(ab|a|b){200,300}").matches(std::string(301, 'a')));
}
