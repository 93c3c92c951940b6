// SPDX-License-Identifier: Apache-2.0
#include "tutti/scorer/scorer.hpp"

#include <cmath>
#include <vector>

#include "tests/scorer/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"
#include "tutti/scorer/cross_expert_likelihood.hpp"
#include "tutti/scorer/log_probability.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("A function of one candidate or of all of them is a scorer", "[scorer]") {
  CHECK(scores_of([](const Candidate& c) { return static_cast<double>(c.text.size()); }) ==
        std::vector<double>{3, 2, 0});
  CHECK(scores_of([](const auto& candidate) { return !candidate.text.empty(); }) ==
        std::vector<double>{1, 1, 0});
  CHECK(scores_of([](const ScoringRequest& request) {
          return std::vector<double>(request.candidates.size(),
                                     static_cast<double>(request.prompt_text.size()));
        }) == std::vector<double>{8, 8, 8});
}

TEST_CASE("A scorer needs the experts if its score() takes them, or if it says so", "[scorer]") {
  CHECK_FALSE(scorer_needs_models(MeanLogProbability{}));
  CHECK(scorer_needs_models(CrossExpertLikelihood{}));
  CHECK_FALSE(scorer_needs_models([](const Candidate&) { return 0.0; }));
  struct Undecided : CrossExpertLikelihood {
    bool needed = false;
    [[nodiscard]] bool needs_models() const { return needed; }
  };
  CHECK_FALSE(scorer_needs_models(Undecided{}));
}

TEST_CASE("A scorer with a wrong signature is none", "[scorer]") {
  struct TakesTexts {
    static std::vector<double> score(const std::vector<std::string>& texts);
  };
  struct TakesNumber {
    static std::vector<double> score(const ScoringRequest& request, int models);
  };
  struct ReturnsNumber {
    static double score(const ScoringRequest& request, LikelihoodSource& models);
  };
  STATIC_REQUIRE_FALSE(CandidateScorer<TakesTexts>);
  STATIC_REQUIRE_FALSE(CandidateScorer<TakesNumber>);
  STATIC_REQUIRE_FALSE(CandidateScorer<ReturnsNumber>);
  STATIC_REQUIRE_FALSE(CandidateScorer<int>);
}

TEST_CASE("Scorers with wrong counts or NaN are refused, infinities are not", "[scorer]") {
  const auto constant = [](double value) { return [=](const Candidate&) { return value; }; };
  CHECK(scores_of(constant(-kInfinity))[2] == -kInfinity);
  CHECK_THROWS_AS(scores_of(constant(std::nan(""))), ComponentError);
  CHECK_THROWS_WITH(scores_of(constant(std::nan(""))), contains("NaN for candidate 0 of 3"));
  CHECK_THROWS_WITH(scores_of([](const ScoringRequest&) {
                      return std::vector<double>{1, 2};
                    }),
                    contains("2 values for 3 candidates"));
}
