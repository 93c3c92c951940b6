// SPDX-License-Identifier: Apache-2.0
#include "programs/string_language.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "programs/domain.hpp"
#include "programs/random.hpp"
#include "programs/string_search.hpp"
#include "tests/support/catch.hpp"

using namespace programs;

namespace {

Statement part(std::string_view name, int first = 0, int second = 0,
               Modifier modifier = Modifier::none) {
  for (std::size_t o = 0; o < kStringOperations.size(); ++o) {
    if (kStringOperations[o].name == name)
      return {static_cast<std::uint8_t>(o),
              modifier,
              {static_cast<std::int16_t>(first), static_cast<std::int16_t>(second)}};
  }
  throw std::invalid_argument(std::string(name));
}

Statement modified(Modifier modifier, Statement statement) {
  statement.modifier = modifier;
  return statement;
}

Value text(const char* characters) { return std::string(characters); }

Value run_parts(const std::vector<Statement>& statements, const char* input) {
  return run_string_program(statements, std::vector<Value>{text(input)});
}

Value evaluate(const Statement& statement, const char* input) {
  return run_parts({statement}, input);
}

}  // namespace

// Example 9 of Gulwani (POPL 2011), of its five rows those that need no conditional.
TEST_CASE("FlashFill's names become last name and initial") {
  const std::vector<Statement> program{part("WORD", -1), part("CONST", ','), part("CONST", ' '),
                                       modified(Modifier::initial, part("WORD", 2)),
                                       part("CONST", '.')};
  CHECK(run_parts(program, "Dr. Eran Yahav") == text("Yahav, E."));
  CHECK(run_parts(program, "Prof. Kathleen S. Fisher") == text("Fisher, K."));
}

// Example 10 of the same paper.
TEST_CASE("FlashFill's telephone numbers get one format") {
  const std::vector<Statement> program{part("NUMBER", 1), part("CONST", '-'), part("NUMBER", 2),
                                       part("CONST", '-'), part("NUMBER", 3)};
  CHECK(run_parts(program, "323-708-7700") == text("323-708-7700"));
  CHECK(run_parts(program, "(425)-706-7709") == text("425-706-7709"));
  CHECK(run_parts(program, "510.220.5586") == text("510-220-5586"));
  CHECK(is_nothing(run_parts(program, "235 7654")));
}

// Figure 1 of Devlin et al. (ICML 2017).
TEST_CASE("RobustFill's names become last name, first name") {
  const std::vector<Statement> program{modified(Modifier::proper, part("WORD", -1)),
                                       part("CONST", ','), part("CONST", ' '),
                                       modified(Modifier::proper, part("WORD", 1))};
  CHECK(run_parts(program, "jacob daniel devlin") == text("Devlin, Jacob"));
  CHECK(run_parts(program, "jonathan uesato") == text("Uesato, Jonathan"));
  CHECK(run_parts(program, "Rishabh q. singh") == text("Singh, Rishabh"));
}

TEST_CASE("words and numbers are counted from either side") {
  const char* address = "12b Oak-Street 7";
  CHECK(evaluate(part("WORD", 1), address) == text("b"));
  CHECK(evaluate(part("WORD", 2), address) == text("Oak"));
  CHECK(evaluate(part("WORD", -1), address) == text("Street"));
  CHECK(evaluate(part("WORD", -3), address) == text("b"));
  CHECK(is_nothing(evaluate(part("WORD", -4), "a b c")));
  CHECK(evaluate(part("NUMBER", 1), address) == text("12"));
  CHECK(evaluate(part("NUMBER", 2), address) == text("7"));
  CHECK(evaluate(part("NUMBER", -2), address) == text("12"));
  CHECK(is_nothing(evaluate(part("NUMBER", 3), address)));
  CHECK(is_nothing(evaluate(part("WORD", 1), "")));
}

TEST_CASE("UPTO and FROM leave the delimiter out and split at its first place") {
  CHECK(evaluate(part("UPTO", '-'), "a-b-c") == text("a"));
  CHECK(evaluate(part("FROM", '-'), "a-b-c") == text("b-c"));
  CHECK(is_nothing(evaluate(part("UPTO", '@'), "a-b-c")));
  CHECK(is_nothing(evaluate(part("FROM", '@'), "a-b-c")));
  CHECK(is_nothing(evaluate(part("UPTO", '-'), "-b")));
  CHECK(is_nothing(evaluate(part("FROM", '-'), "b-")));
}

TEST_CASE("SUBSTR includes both ends and is cut to the text") {
  CHECK(evaluate(part("SUBSTR", 1, 3), "tutti") == text("tut"));
  CHECK(evaluate(part("SUBSTR", 2, 2), "tutti") == text("u"));
  CHECK(evaluate(part("SUBSTR", -2, -1), "tutti") == text("ti"));
  CHECK(evaluate(part("SUBSTR", 2, -2), "tutti") == text("utt"));
  CHECK(evaluate(part("SUBSTR", 4, 9), "tutti") == text("ti"));
  CHECK(evaluate(part("SUBSTR", -9, 2), "tutti") == text("tu"));
  CHECK(is_nothing(evaluate(part("SUBSTR", 6, 7), "tutti")));
  CHECK(is_nothing(evaluate(part("SUBSTR", 3, 2), "tutti")));
  CHECK(is_nothing(evaluate(part("SUBSTR", 1, -6), "tutti")));
}

TEST_CASE("what is taken from the whole text") {
  CHECK(evaluate(part("TEXT"), "Ada K. 36") == text("Ada K. 36"));
  CHECK(evaluate(part("CAPITALS"), "Ada K. 36") == text("AK"));
  CHECK(evaluate(part("DIGITS"), "A1-23") == text("123"));
  CHECK(is_nothing(evaluate(part("DIGITS"), "Ada")));
  CHECK(evaluate(part("REPLACE", '-', '/'), "1-2-3") == text("1/2/3"));
  CHECK(is_nothing(evaluate(part("REPLACE", '.', '/'), "1-2-3")));
  CHECK(evaluate(part("CONST", 'x'), "whatever") == text("x"));
}

TEST_CASE("modifiers change what an expression gives") {
  CHECK(evaluate(part("TEXT", 0, 0, Modifier::upper), "ada k-2") == text("ADA K-2"));
  CHECK(evaluate(part("TEXT", 0, 0, Modifier::lower), "ADA K-2") == text("ada k-2"));
  CHECK(evaluate(part("TEXT", 0, 0, Modifier::proper), "aDA mcKAY-lee2x") ==
        text("Ada Mckay-Lee2X"));
  CHECK(evaluate(part("WORD", 2, 0, Modifier::initial), "ada king") == text("k"));
}

TEST_CASE("a concatenation is nothing where a part is, and at its limits") {
  CHECK(is_nothing(run_parts({part("WORD", 1), part("NUMBER", 1)}, "ada")));
  const std::vector<Statement> twice(2, part("TEXT"));
  const std::vector<Value> inputs{std::string(40, 'a')};
  CHECK(is_nothing(run_string_program(twice, inputs)));
  CHECK(run_string_program(twice, inputs, {.size = 80}) == Value(std::string(80, 'a')));
  CHECK(is_nothing(run_string_program(twice, inputs, {.size = 80, .steps = 79})));
}

TEST_CASE("laws of texts hold for random expressions of random texts") {
  Random random(2, 0);
  for (int i = 0; i < 2000; ++i) {
    const Domain& domain = domains()[kListDomains + random.below(domains().size() - kListDomains)];
    const std::string input = std::get<std::string>(domain.draw(random, 0)[0]);
    Statement statement = random.pick(all_expressions());
    CAPTURE(input, kStringOperations[statement.operation].name, statement.arguments[0],
            statement.arguments[1]);
    statement.modifier = Modifier::none;
    const Value plain = apply_string_expression(statement, input);
    const Value upper = apply_string_expression(modified(Modifier::upper, statement), input);
    CHECK(is_nothing(plain) == is_nothing(upper));
    if (is_nothing(plain)) continue;
    const std::string& value = std::get<std::string>(plain);
    CHECK(!value.empty());
    CHECK(value.size() <= input.size());
    CHECK(std::get<std::string>(upper).size() == value.size());
    CHECK(apply_string_expression(part("TEXT", 0, 0, Modifier::upper), value) == upper);
    CHECK(std::get<std::string>(apply_string_expression(modified(Modifier::initial, statement),
                                                        input)) == value.substr(0, 1));
    if (statement.operation < programs::detail::kCapitals ||
        statement.operation == programs::detail::kUpTo)
      CHECK(input.find(value) != std::string::npos);
  }
}
