// SPDX-License-Identifier: Apache-2.0
// tests/data/text/grammar/gbnf.json was judged by llama.cpp.

#include <string>

#include "tests/support/catch.hpp"
#include "tests/text/grammar/support.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/grammar/grammar.hpp"

using namespace tutti;
using tutti::test::contains;

TEST_CASE("GBNF accepts and refuses what llama.cpp does", "[text][grammar]") {
  const Json data = read_json_file(tutti::test::kGrammarData + "gbnf.json");
  REQUIRE(data.at("cases").size() == 23);
  for (const Json& one : data.at("cases")) {
    INFO(one.at("name"));
    const Grammar grammar = Grammar::gbnf(one.at("grammar").get<std::string>());
    for (const std::string text : one.at("accepted")) {
      INFO("accepted: " << text);
      CHECK(grammar.matches(text));
    }
    for (const std::string text : one.at("refused")) {
      INFO("refused: " << text);
      CHECK_FALSE(grammar.matches(text));
    }
  }
  for (const std::string grammar : data.at("refused_grammars")) {
    INFO(grammar);
    CHECK_THROWS_AS(Grammar::gbnf(grammar), GrammarError);
  }
}

TEST_CASE("Errors of GBNF name the line and column", "[text][grammar]") {
  const auto check = [](const std::string& grammar, const std::string& message) {
    INFO(grammar);
    CHECK_THROWS_WITH(Grammar::gbnf(grammar), contains(message));
  };
  check("root ::= \"é\" [a", "GBNF, line 1, column 16: the text ends within a literal or a class");
  check("root ::= a\na ::= (\"b\" \n  c", "line 3, column 4: \")\" is expected");
  check("root ::= a", "line 1, column 10: rule \"a\" is used but not defined");
  check("start ::= \"a\"", "no rule \"root\"");
  check("root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1: rule \"root\" is defined twice");
  check("root ::= \"a\"{3,2}", "column 13: a repetition of at least 3 and at most 2");
  check("root ::= <[12]>", "tokens (<[123]>");
  check("root ::= \"a\" | root \"a\"", "rule \"root\" is left-recursive");
  check("root ::= \"\\q\"", "escape is unknown");
  check("root ::= \"\xFF\"", "column 11: the text is not UTF-8");
  check("root ::= " + std::string(300, '('), "nested deeper than 200");
}

TEST_CASE("A grammar that never ends is unsatisfiable", "[text][grammar]") {
  CHECK_THROWS_AS(Grammar::gbnf("root ::= \"a\" root"), UnsatisfiableGrammar);
  CHECK_THROWS_AS(Grammar::gbnf("root ::= []"), UnsatisfiableGrammar);
  // What cannot end is left out, so that no text leads into it.
  const Grammar grammar = Grammar::gbnf("root ::= \"x\" (dead | \"y\")\ndead ::= \"z\" dead");
  const TokenMasks masks(grammar, tutti::test::byte_vocabulary());
  GrammarState state = masks.start();
  state.advance('x');
  CHECK(state.allowed()->count == 1);
  CHECK(state.allowed()->contains('y'));
}

TEST_CASE("Choices are one of the given texts", "[text][grammar]") {
  const std::vector<std::string> texts{"yes", "no", "not sure", "no", ""};
  const Grammar grammar = Grammar::choice(texts);
  for (const std::string& text : texts) CHECK(grammar.matches(text));
  for (const char* text : {"ye", "yes ", "not", "n"}) CHECK_FALSE(grammar.matches(text));
  CHECK_THROWS_AS(Grammar::choice({}), UnsatisfiableGrammar);
  std::vector<std::string> many;
  for (int i = 0; i < 20000; ++i) many.push_back("item " + std::to_string(i));
  CHECK(Grammar::choice(many).matches("item 19999"));
  CHECK_FALSE(Grammar::choice(many).matches("item 20000"));
  const std::vector<std::string> huge{std::string(2000000, 'a')};
  CHECK_THROWS_WITH(Grammar::choice(huge), contains("more than 1048576 nodes"));
}
