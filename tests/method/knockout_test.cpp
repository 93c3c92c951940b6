// SPDX-License-Identifier: Apache-2.0
#include "tutti/method/knockout.hpp"

#include "tests/method/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// Judges by the last letter of its prompt: after t it prefers t + 1.
KnockoutOptions letters(std::function<char(char first, char second)> last) {
  KnockoutOptions options;
  options.prompt = [last = std::move(last)](std::string_view question, std::string_view first,
                                            std::string_view second) {
    return std::string(question) + last(first[0], second[0]);
  };
  options.first_is_better = "m";
  options.second_is_better = "n";
  return options;
}

/// The larger letter is better.
char larger(char first, char second) { return first > second ? 'l' : 'm'; }

}  // namespace

TEST_CASE("The candidate that wins all its comparisons is picked", "[knockout]") {
  Engine engine = letter_engine();
  const Request request = scripted({{"b.", "e.", "d.", "c.", "f."}});
  const Result result = answer(engine, request, Knockout(letters(larger)));
  // Round 1: e beats b, d beats c, f waits. Round 2: e beats d, f waits. Round 3: f beats e.
  CHECK(result.text() == "f");
  CHECK(result.selection.selector_scores == std::vector<double>{0, 2, 1, 0, 3});
  CHECK(result.cost.total().generated_tokens == 10);
  CHECK(result.cost.total().scored_tokens > 0);
}

TEST_CASE("A preference for a place decides nothing", "[knockout]") {
  Engine engine = letter_engine();
  const Request request = scripted({{"b.", "e."}});
  // This judge always says that the first answer is better: the orders cancel, the lower index
  // wins.
  const Result result = answer(engine, request, Knockout(letters([](char, char) { return 'l'; })));
  CHECK(result.text() == "b");
}

TEST_CASE("Equal texts are not compared", "[knockout]") {
  Engine engine = letter_engine();
  const Result result = answer(engine, scripted({{"b.", "b.", "b.", "b."}}),
                               Knockout(letters(larger)));
  CHECK(result.selection.index == 0);
  CHECK(result.cost.total().scored_tokens == 0);
}

TEST_CASE("The judge must exist and the prompt must have a text", "[knockout]") {
  Engine engine = letter_engine();
  KnockoutOptions options = letters(larger);
  options.judge = 3;
  const Request request = scripted({{"b.", "e."}});
  CHECK_THROWS_WITH(answer(engine, request, Knockout(options)), contains("expert 3 of 1"));
  Request tokens = request;
  tokens.prompt.clear();
  tokens.prompt_tokens = {0};
  CHECK_THROWS_WITH(answer(engine, tokens, Knockout(letters(larger))),
                    contains("the prompt is given as 1 tokens"));
}

TEST_CASE("The default question names both answers", "[knockout]") {
  const std::string text = pairwise_judge_prompt("1 + 1?", "two", "three");
  CHECK(text.find("Answer A:\ntwo") < text.find("Answer B:\nthree"));
}
