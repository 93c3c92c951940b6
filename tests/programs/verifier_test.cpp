// SPDX-License-Identifier: Apache-2.0
#include "programs/verifier.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "programs/generator.hpp"
#include "tests/programs/support.hpp"
#include "tests/support/catch.hpp"

using namespace programs;
using tutti::test::kTexts;

namespace {

const std::vector<Problem>& problems() {
  static const std::vector<Problem> all = make_problems(Split::test, 11, 300);
  return all;
}

}  // namespace

TEST_CASE("a problem's own solution solves it") {
  for (const Problem& problem : problems()) {
    const Verdict verdict = verify(problem, encode_program(problem.solution));
    CAPTURE(to_text(problem.solution));
    CHECK((verdict.valid && verdict.passes_shown() && verdict.solves() && verdict.error.empty()));
    CHECK((verdict.shown_passed == 3 && verdict.hidden_passed == 5));
  }
}

TEST_CASE("another problem's solution is counted example by example") {
  Problem problem;
  problem.signature = kTexts;
  problem.domain = kListDomains;
  const auto add = [&](std::vector<Example>& examples, const char* input, const char* output) {
    examples.push_back({{std::string(input)}, std::string(output)});
  };
  add(problem.shown, "Ada King", "King");
  add(problem.shown, "Alan M. Turing", "Turing");
  add(problem.shown, "Ida Rubin", "Rubin");
  for (const char* name : {"Bohr", "Kay", "Wing", "Moore"})
    add(problem.hidden, (std::string("Tim ") + name).c_str(), name);
  add(problem.hidden, "Emmy N. Codd", "Codd");

  const Verdict second = verify(
      problem, encode_program({kTexts, {{programs::detail::kWord, Modifier::none, {2, 0}}}}));
  CHECK((second.valid && second.shown_passed == 2 && second.hidden_passed == 4 &&
         !second.passes_shown() && !second.solves()));
  const Verdict last = verify(
      problem, encode_program({kTexts, {{programs::detail::kWord, Modifier::none, {-1, 0}}}}));
  CHECK((last.solves() && last.behavior_key != second.behavior_key));
  const Verdict modified = verify(
      problem, encode_program({kTexts, {{programs::detail::kWord, Modifier::proper, {-1, 0}}}}));
  CHECK(modified.behavior_key == last.behavior_key);
}

TEST_CASE("constants, copies and invalid programs do not pass for solutions") {
  for (const Problem& problem : problems()) {
    CAPTURE(to_text(problem.solution));
    const std::vector<tutti::Token> solution = encode_program(problem.solution);
    const auto refuses = [&](std::vector<tutti::Token> tokens) {
      const Verdict verdict = verify(problem, tokens);
      return !verdict.valid && !verdict.error.empty() && verdict.shown_passed == 0 &&
             verdict.hidden_passed == 0 && verdict.behavior_key.empty();
    };
    CHECK(refuses({}));
    CHECK(refuses({kEndToken}));
    CHECK(refuses({kEndToken, solution[0]}));
    std::vector<tutti::Token> more = solution;
    more.push_back(kEndToken);
    CHECK(refuses(more));
    more.back() = solution[0];
    CHECK(refuses(more));
    std::vector<tutti::Token> begun{kBeginToken};
    begun.insert(begun.end(), solution.begin(), solution.end());
    CHECK(refuses(begun));
    CHECK(refuses(std::vector<tutti::Token>(1'000'000, solution[0])));
    CHECK(refuses(encode_prompt(problem)));

    // Outputs written out as constants: they can pass one example at most, since the shown outputs
    // differ.
    if (problem.signature.language() == Language::list) continue;
    for (const Example& example : problem.shown) {
      Program constant{problem.signature, {}};
      for (const char c : std::get<std::string>(example.output))
        constant.statements.push_back({programs::detail::kConstant, Modifier::none, {c, 0}});
      const Limits generous{.statements = 64, .tokens = 256};
      CHECK(verify(problem, encode_program(constant), generous).shown_passed == 1);
    }
  }
}

TEST_CASE("no tokens make the verifier throw, and what it accepts is a program") {
  Random random(5, 0);
  std::size_t valid = 0;
  for (std::size_t i = 0; i < 60'000; ++i) {
    const Problem& problem = problems()[i % problems().size()];
    std::vector<tutti::Token> tokens = encode_program(problem.solution);
    // Random tokens, and solutions with random tokens in them, which reach more of the verifier.
    if (i % 3 == 0) tokens.resize(random.below(12));
    for (tutti::Token& token : tokens) {
      if (i % 3 == 0 || random.chance(15))
        token = random.between(-3, static_cast<int>(kVocabularySize) + 3);
    }
    if (i % 7 == 0 && !tokens.empty())
      tokens[0] = i % 2 == 0 ? std::numeric_limits<tutti::Token>::max()
                             : std::numeric_limits<tutti::Token>::min();
    const Verdict verdict = verify(problem, tokens);
    CHECK(verdict.valid == verdict.error.empty());
    if (!verdict.valid) continue;
    ++valid;
    if (tokens.back() != kEndToken) tokens.push_back(kEndToken);
    CHECK(encode_program(*parse_program(problem.signature, tokens).program) == tokens);
  }
  CHECK(valid > 1000);
}

TEST_CASE("limits turn results into nothing, and a program at its limit does not pass") {
  const Problem& problem = problems()[0];
  CHECK(verify(problem, encode_program(problem.solution), {.steps = 0}).shown_passed == 0);
  CHECK(!verify(problem, encode_program(problem.solution), {.statements = 0}).valid);
}
