// SPDX-License-Identifier: Apache-2.0
#include "tutti/scorer/verifier.hpp"

#include <vector>

#include "tests/scorer/support.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("A verifier passes or fails, or returns the fraction that passed", "[verifier]") {
  CHECK(scores_of(Verifier([](const Candidate& c) { return c.text == "no"; })) ==
        std::vector<double>{0, 1, 0});
  CHECK(scores_of(Verifier([](const Candidate& c) { return c.text.empty() ? 0.25 : 0.5; })) ==
        std::vector<double>{0.5, 0.5, 0.25});
}

TEST_CASE("A verifier's value outside 0 to 1 is refused", "[verifier]") {
  CHECK_THROWS_AS(scores_of(Verifier([](const Candidate&) { return 2; })), ComponentError);
  CHECK_THROWS_WITH(scores_of(Verifier([](const Candidate&) { return -1.0; })),
                    contains("returned -1 for candidate 0 of 3"));
}
