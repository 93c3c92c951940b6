// SPDX-License-Identifier: Apache-2.0
#include "tutti/scorer/weighted_sum.hpp"

#include <utility>
#include <vector>

#include "tests/scorer/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"
#include "tutti/scorer/cross_expert_likelihood.hpp"
#include "tutti/scorer/log_probability.hpp"
#include "tutti/scorer/verifier.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

double text_length(const Candidate& candidate) {
  return static_cast<double>(candidate.text.size());
}
bool is_no(const Candidate& candidate) { return candidate.text == "no"; }

}  // namespace

TEST_CASE("A weighted sum adds its scorers' values", "[weighted_sum]") {
  CHECK(scores_of(WeightedSum({2.0, 10.0}, text_length, Verifier(is_no))) ==
        std::vector<double>{6, 14, 0});
  CHECK(scores_of(WeightedSum({1.0, 0.0}, is_no, MeanLogProbability{})) ==
        std::vector<double>{0, 1, 0});
}

TEST_CASE("In a weighted sum -infinity stays -infinity, whatever the weights", "[weighted_sum]") {
  CHECK(scores_of(WeightedSum({1.0, -0.5}, is_no, MeanLogProbability{})) ==
        std::vector<double>{1, 1.75, -kInfinity});
  CHECK(scores_of(WeightedSum({1.0, -0.1}, MeanLogProbability{}, SumLogProbability{}))[2] ==
        -kInfinity);
}

TEST_CASE("A weighted sum needs the experts if a scorer with a weight does", "[weighted_sum]") {
  STATIC_REQUIRE_FALSE(ModelScorer<WeightedSum<MeanLogProbability>>);
  CHECK_FALSE(scorer_needs_models(WeightedSum({1.0}, MeanLogProbability{})));
  WeightedSum both({1.0, 2.0}, text_length, CrossExpertLikelihood{});
  CHECK(scorer_needs_models(both));
  CHECK(scores_with_two_models(std::move(both)) == std::vector<double>{0, -1, -kInfinity});
  CHECK_FALSE(scorer_needs_models(WeightedSum({1.0, 0.0}, text_length, CrossExpertLikelihood{})));
}

TEST_CASE("A weighted sum refuses weights that are not finite", "[weighted_sum]") {
  CHECK_THROWS_WITH(WeightedSum({1.0, static_cast<double>(kInfinity)}, text_length, is_no),
                    contains("weight 1 of 2 is inf"));
}
