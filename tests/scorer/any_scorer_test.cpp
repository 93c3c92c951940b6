// SPDX-License-Identifier: Apache-2.0
#include "tutti/scorer/any_scorer.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "tests/scorer/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"
#include "tutti/scorer/cross_expert_likelihood.hpp"
#include "tutti/scorer/weighted_sum.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Any scorer holds plain scorers, model scorers, lambdas and move-only types",
          "[any_scorer]") {
  CHECK(scores_of(AnyScorer()) == std::vector<double>{-2.0, -1.5, -kInfinity});
  CHECK(scores_of(AnyScorer(SumLogProbability{}))[0] == -4.0);
  CHECK(scores_with_two_models(AnyScorer(CrossExpertLikelihood{}))[0] == -1.5);
  auto owned = std::make_unique<double>(7.0);
  AnyScorer lambda([value = std::move(owned)](const Candidate&) { return *value; });
  CHECK(scores_of(std::move(lambda))[2] == 7.0);
}

TEST_CASE("Any scorer needs the experts if the one that it holds does", "[any_scorer]") {
  CHECK_FALSE(scorer_needs_models(AnyScorer()));
  CHECK(scorer_needs_models(AnyScorer(CrossExpertLikelihood{})));
  CHECK_FALSE(scorer_needs_models(WeightedSum({1.0}, AnyScorer())));
  CHECK(scorer_needs_models(WeightedSum({1.0}, AnyScorer(CrossExpertLikelihood{}))));
}
