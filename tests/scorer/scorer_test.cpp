// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"
#include "tutti/scorer/function_scorer.hpp"
#include "tutti/scorer/log_probability.hpp"
#include "tutti/scorer/scorer.hpp"
#include "tutti/scorer/verifier.hpp"
#include "tutti/scorer/weighted_sum.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

std::vector<Candidate> three_candidates() {
  std::vector<Candidate> candidates(3);
  candidates[0].text = "yes";
  candidates[0].log_probabilities = {-1.0F, -3.0F};
  candidates[1].text = "no";
  candidates[1].log_probabilities = {-1.5F, -1.5F, -1.5F, -1.5F};
  return candidates;  // the last one is empty
}

/// Stands for models that nobody asks.
std::nullptr_t no_models = nullptr;

template <class Scorer>
std::vector<double> scores_of(Scorer scorer) {
  const std::vector<Candidate> candidates = three_candidates();
  return run_scorer(scorer, {{}, "question", candidates}, no_models);
}

}  // namespace

TEST_CASE("Mean, sum and length-normalized log-probability", "[scorer]") {
  CHECK(scores_of(MeanLogProbability{}) == std::vector<double>{-2.0, -1.5, -kInfinity});
  CHECK(scores_of(SumLogProbability{}) == std::vector<double>{-4.0, -6.0, -kInfinity});
  CHECK(scores_of(LengthNormalizedLogProbability{0.5}) ==
        std::vector<double>{-4.0 / std::sqrt(2.0), -3.0, -kInfinity});
}

TEST_CASE("A function of one candidate or of all of them is a scorer", "[scorer]") {
  CHECK(scores_of(FunctionScorer([](const Candidate& c) {
          return static_cast<double>(c.text.size());
        })) == std::vector<double>{3, 2, 0});
  CHECK(scores_of(FunctionScorer([](const ScoringRequest& request) {
          return std::vector<double>(request.candidates.size(),
                                     static_cast<double>(request.prompt_text.size()));
        })) == std::vector<double>{8, 8, 8});
}

TEST_CASE("A verifier says yes or no, or how much of it is right", "[scorer]") {
  CHECK(scores_of(VerifierScorer([](const Candidate& c) { return c.text == "no"; })) ==
        std::vector<double>{0, 1, 0});
  CHECK(scores_of(VerifierScorer([](const Candidate& c) { return c.text.empty() ? 0.25 : 0.5; })) ==
        std::vector<double>{0.5, 0.5, 0.25});
  CHECK_THROWS_AS(scores_of(VerifierScorer([](const Candidate&) { return 2; })), ComponentError);
  CHECK_THROWS_WITH(scores_of(VerifierScorer([](const Candidate&) { return -1.0; })),
                    contains("the value -1"));
}

TEST_CASE("A weighted sum adds its members' values", "[scorer]") {
  const auto length = FunctionScorer(
      [](const Candidate& c) { return static_cast<double>(c.text.size()); });
  const auto passes = VerifierScorer([](const Candidate& c) { return c.text == "no"; });
  CHECK(scores_of(WeightedSum({2.0, 10.0}, length, passes)) == std::vector<double>{6, 14, 0});
  CHECK(scores_of(WeightedSum({1.0, 0.0}, passes, MeanLogProbability{})) ==
        std::vector<double>{0, 1, 0});
  static_assert(!ModelScorer<WeightedSum<MeanLogProbability>>);
  // -infinity for the empty candidate stays so, alone and against another's.
  CHECK(scores_of(WeightedSum({1.0, -0.5}, passes, MeanLogProbability{})) ==
        std::vector<double>{1, 1.75, -kInfinity});
  CHECK(scores_of(WeightedSum({1.0, -0.1}, MeanLogProbability{}, SumLogProbability{}))[2] ==
        -kInfinity);
  CHECK_THROWS_WITH(WeightedSum({1.0, static_cast<double>(kInfinity)}, length, passes),
                    contains("weight 1 of 2 is inf"));
}

TEST_CASE("Wrong counts and NaN are refused, infinities are not", "[scorer]") {
  const auto constant = [](double value) {
    return FunctionScorer([=](const Candidate&) { return value; });
  };
  CHECK(scores_of(constant(-kInfinity))[2] == -kInfinity);
  CHECK_THROWS_AS(scores_of(constant(std::nan(""))), ComponentError);
  CHECK_THROWS_WITH(scores_of(constant(std::nan(""))), contains("candidate 0 of 3 the value NaN"));
  const auto two = FunctionScorer([](const ScoringRequest&) { return std::vector<double>{1, 2}; });
  CHECK_THROWS_WITH(scores_of(two), contains("2 values for 3 candidates"));
}
