// SPDX-License-Identifier: Apache-2.0
#include "tutti/scorer/log_probability.hpp"

#include <cmath>
#include <vector>

#include "tests/scorer/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Mean, sum and length-normalized log-probability", "[log_probability]") {
  CHECK(scores_of(MeanLogProbability{}) == std::vector<double>{-2.0, -1.5, -kInfinity});
  CHECK(scores_of(SumLogProbability{}) == std::vector<double>{-4.0, -6.0, -kInfinity});
  CHECK(scores_of(LengthNormalizedLogProbability{0.5}) ==
        std::vector<double>{-4.0 / std::sqrt(2.0), -3.0, -kInfinity});
}
