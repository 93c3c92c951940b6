// SPDX-License-Identifier: Apache-2.0
#include "tutti/selector/best_of_n.hpp"

#include <vector>

#include "tests/selector/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Best of N takes the best score, of equal ones the first", "[best_of_n]") {
  const Selection selection = BestOfN{}.select(
      scored_candidates({{"a", -2}, {"b", -1}, {"c", -1}}));
  CHECK(selection.index == 1);
  CHECK(selection.selector_scores == std::vector<double>{-2, -1, -1});
  CHECK(BestOfN{}.select(scored_candidates({{"a", -kInfinity}, {"b", -kInfinity}})).index == 0);
}

TEST_CASE("Best of N refuses no candidates and scores that are NaN", "[best_of_n]") {
  CHECK_THROWS_AS(BestOfN{}.select({}), OptionError);
  CHECK_THROWS_WITH(BestOfN{}.select(scored_candidates({{"a", 1}, {"b", kNotScored}})),
                    contains("candidate 1 of 2 has the score NaN"));
}
