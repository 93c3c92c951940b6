// SPDX-License-Identifier: Apache-2.0
#include "tutti/method/model_switch.hpp"

#include <cmath>

#include "tests/method/support.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Consistency is 1 when all answers agree and 0 when all differ", "[model_switch]") {
  const auto consistency = [](std::vector<std::size_t> answers) {
    return answer_consistency(answers);
  };
  CHECK(consistency({0, 0, 0, 0}) == Approx(1.0));
  CHECK(consistency({0, 1, 2, 3}) == Approx(0.0).margin(1e-12));
  CHECK(consistency({0, 0, 1, 1}) == Approx(0.5));  // H = log 2 of log 4
  CHECK(consistency({0, 0, detail::kAbstains, detail::kAbstains}) == Approx(0.25));
  CHECK(consistency({0}) == 1.0);
  CHECK(consistency({detail::kAbstains}) == 0.0);
}

TEST_CASE("ModelSwitch asks the next expert only when one disagrees with itself",
          "[model_switch]") {
  Engine engine = letter_engine(3);
  const Request request = scripted(
      {{"b.", "c.", "b.", "d."}, {"c.", "c.", "c.", "c."}, {"e.", "e.", "e.", "e."}});
  const Result result = answer(engine, request, ModelSwitch<>());
  REQUIRE(result.candidates.size() == 8);  // expert 2 is not asked
  CHECK(result.cost.per_expert[2].generated_tokens == 0);
  CHECK(result.cost.total().generated_tokens == 16);  // of 24
  // Expert 0: H = .5 log 2 + .5 log 4 = 1.5 log 2 of 2 log 2, c = .25.
  CHECK(result.text() == "c");
  CHECK(result.selection.selector_scores[0] == Approx(0.5));   // 'b': 2 votes of .25
  CHECK(result.selection.selector_scores[1] == Approx(4.25));  // 'c': .25 + 4
  CHECK(is_part_of(result, answer(engine, request, Generate<>())));
}

TEST_CASE("The order and the weights of the experts can be given", "[model_switch]") {
  Engine engine = letter_engine(2);
  const Request request = scripted({{"b.", "b."}, {"c.", "d."}});
  ModelSwitchOptions options;
  options.order = {1, 0};
  options.weights = {1.0, 3.0};
  const Result result = answer(engine, request, ModelSwitch<>(options));
  REQUIRE(result.candidates.size() == 4);
  CHECK(result.candidates[0].expert == 1);
  CHECK(result.text() == "b");
  options.consistency = 0.0;  // the first expert is enough, and its samples count alike
  CHECK(answer(engine, request, ModelSwitch<>(options)).selection.selector_scores ==
        std::vector<double>{1.0, 1.0});
  options.order = {2};
  CHECK_THROWS_WITH(answer(engine, request, ModelSwitch<>(options)),
                    contains("the order names expert 2 of 2"));
  options.weights = {1.0};
  CHECK_THROWS_WITH(answer(engine, request, ModelSwitch<>(options)), contains("1 weights"));
}
