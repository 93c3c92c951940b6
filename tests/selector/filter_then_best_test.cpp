// SPDX-License-Identifier: Apache-2.0
#include "tutti/selector/filter_then_best.hpp"

#include <vector>

#include "tests/selector/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Filter then best filters before it ranks, and reports when nothing passes",
          "[filter_then_best]") {
  const FilterThenBest short_ones([](const Candidate& c) { return c.text.size() < 3; });
  const Selection selection = short_ones.select(
      scored_candidates({{"long", 5}, {"ab", 1}, {"cd", 2}, {"ef", 2}}));
  CHECK(selection.index == 2);
  CHECK(selection.selector_scores == std::vector<double>{-kInfinity, 1, 2, 2});
  CHECK_FALSE(selection.none_passed);
  const Selection fallback = short_ones.select(scored_candidates({{"long", 5}, {"longer", 6}}));
  CHECK(fallback.index == 1);
  CHECK(fallback.none_passed);
}
