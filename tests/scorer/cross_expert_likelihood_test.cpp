// SPDX-License-Identifier: Apache-2.0
#include "tutti/scorer/cross_expert_likelihood.hpp"

#include <vector>

#include "tests/scorer/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Cross-expert likelihood averages over experts and tokens", "[cross_expert_likelihood]") {
  CHECK(scores_with_two_models(CrossExpertLikelihood{}) ==
        std::vector<double>{-1.5, -1.5, -kInfinity});
}
