// SPDX-License-Identifier: Apache-2.0
#include "tutti/selector/prefer_finished.hpp"

#include <vector>

#include "tests/selector/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"
#include "tutti/selector/majority_vote.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Cut candidates take no part while any has finished", "[prefer_finished]") {
  auto candidates = scored_candidates({{"cut", 5}, {"cut", 4}, {"done", 1}, {"well", 2}});
  candidates[0].finish = FinishReason::length;
  candidates[1].finish = FinishReason::budget;
  candidates[2].finish = FinishReason::end_of_text;
  candidates[3].finish = FinishReason::stop_string;
  CHECK(BestOfN{}.select(candidates).index == 0);
  const Selection selection = PreferFinished<>{}.select(candidates);
  CHECK(selection.index == 3);
  CHECK(selection.selector_scores == std::vector<double>{-kInfinity, -kInfinity, 1, 2});
  CHECK(MajorityVote<>{}.select(candidates).index == 0);
  CHECK(PreferFinished(MajorityVote<>{}).select(candidates).index == 3);
}

TEST_CASE("All candidates take part when all were cut off", "[prefer_finished]") {
  auto candidates = scored_candidates({{"a", 1}, {"b", 2}});
  candidates[0].finish = FinishReason::length;
  candidates[1].finish = FinishReason::context_full;
  CHECK(PreferFinished<>{}.select(candidates).index == 1);
  CHECK_THROWS_AS(PreferFinished<>{}.select({}), OptionError);
}
