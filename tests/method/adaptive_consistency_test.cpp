// SPDX-License-Identifier: Apache-2.0
#include "tutti/method/adaptive_consistency.hpp"

#include "tests/method/support.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("The probability that the majority is settled is that of the Beta posterior",
          "[adaptive_consistency]") {
  CHECK(probability_of_majority(0, 0) == Approx(0.5));
  CHECK(probability_of_majority(1, 0) == Approx(0.75));  // integral of 2p over (1/2, 1)
  CHECK(probability_of_majority(3, 0) == Approx(15.0 / 16));
  CHECK(probability_of_majority(4, 0) == Approx(31.0 / 32));
  CHECK(probability_of_majority(4, 1) == Approx(57.0 / 64));  // 1 - (6 + 1) / 2^6
  CHECK(probability_of_majority(5, 5) == Approx(0.5));
  CHECK(probability_of_majority(2000, 0) == Approx(1.0));
  CHECK(probability_of_majority(40000, 20000) == Approx(1.0));
}

TEST_CASE("Adaptive-Consistency stops when the majority is settled", "[adaptive_consistency]") {
  Engine engine = letter_engine();
  // 4 : 0 gives 31/32 >= .95 after the fourth of eight samples.
  const Request same = scripted({{"b.", "b.", "b.", "b.", "c.", "c.", "c.", "c."}});
  const Result settled = answer(engine, same, AdaptiveConsistency<>());
  CHECK(settled.candidates.size() == 4);
  CHECK(settled.text() == "b");
  CHECK(settled.selection.selector_scores == std::vector<double>(4, 4.0));
  CHECK(settled.cost.total().generated_tokens == 8);  // of 16: a letter and the end
  // 5 : 1 gives 120/128 = .9375, 6 : 1 gives 247/256 = .965.
  const Request mixed = scripted({{"c.", "b.", "b.", "b.", "b.", "b.", "b.", "c."}});
  CHECK(answer(engine, mixed, AdaptiveConsistency<>()).candidates.size() == 7);
  CHECK(answer(engine, mixed, AdaptiveConsistency<>({0.9, 1})).candidates.size() == 6);
  CHECK(answer(engine, mixed, AdaptiveConsistency<>({0.9, 4})).candidates.size() == 8);
  const Request split = scripted({{"c.", "b.", "c.", "b."}});
  CHECK(answer(engine, split, AdaptiveConsistency<>()).candidates.size() == 4);
}

TEST_CASE("Its candidates are the first samples of the full run", "[adaptive_consistency]") {
  Engine engine = letter_engine(2, {1, 4.0F, 2.0F});
  Request request;
  request.prompt = "a";
  request.samples_per_expert = 12;
  request.max_new_tokens = 2;
  request.sampling.temperature = 1;
  const Result full = answer(engine, request, Generate<>());
  const Result part = answer(engine, request, AdaptiveConsistency<>({0.8, 2}));
  CHECK(part.candidates.size() % 4 == 0);
  CHECK(part.candidates.size() < full.candidates.size());
  CHECK(part.cost.total().generated_tokens < full.cost.total().generated_tokens);
  CHECK(is_part_of(part, full));
}

TEST_CASE("It begins nothing after the budget is used up", "[adaptive_consistency]") {
  Engine engine = letter_engine();
  Request request = scripted({{"b.", "c.", "d.", "e."}});
  request.budget.max_total_tokens = 3;
  const Result result = answer(engine, request, AdaptiveConsistency<>());
  CHECK(result.candidates.size() == 2);
  CHECK(result.candidates[1].finish == FinishReason::budget);
}

TEST_CASE("A confidence out of range is refused", "[adaptive_consistency]") {
  CHECK_THROWS_WITH(AdaptiveConsistency<>({1.5, 1}), contains("the confidence is 1.5"));
  CHECK_THROWS_WITH(AdaptiveConsistency<>({0.9, 0}), contains("per_stage is 0"));
}
