// SPDX-License-Identifier: Apache-2.0
#include "tutti/router/fixed_subset.hpp"

#include "tests/router/support.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("A fixed subset discards the samples of the others, or redistributes them",
          "[fixed_subset]") {
  CHECK(FixedSubset({2, 0}).route(query(4, 2)) == Route{2, 0, 2, 0});
  CHECK(FixedSubset({2, 0, 1}, UnusedSamples::redistribute).route(query(4, 2)) ==
        Route{3, 2, 3, 0});
}

TEST_CASE("A fixed subset that is empty, repeats an expert or exceeds the ensemble is refused",
          "[fixed_subset]") {
  CHECK_THROWS_WITH(FixedSubset({}), contains("0 experts"));
  CHECK_THROWS_WITH(FixedSubset({1, 2, 1}), contains("expert 1 is listed at places 0 and 2"));
  CHECK_THROWS_WITH(FixedSubset({4}).route(query(4, 1)), contains("expert 4 of an ensemble of 4"));
}
