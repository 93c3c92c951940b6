// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>
#include <utility>

#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"
#include "tutti/selector/best_of_n.hpp"
#include "tutti/selector/filter_then_best.hpp"
#include "tutti/selector/majority_vote.hpp"
#include "tutti/selector/minimum_bayes_risk.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

std::vector<Candidate> scored_candidates(
    const std::vector<std::pair<std::string, double>>& texts_and_scores) {
  std::vector<Candidate> candidates;
  for (const auto& [text, score] : texts_and_scores) {
    candidates.emplace_back().text = text;
    candidates.back().score = score;
  }
  return candidates;
}

const double kNan = std::nan("");

}  // namespace

TEST_CASE("Best of N takes the best score, of equal ones the first", "[selector]") {
  const Selection selection = BestOfN{}.select(
      scored_candidates({{"a", -2}, {"b", -1}, {"c", -1}}));
  CHECK(selection.index == 1);
  CHECK(selection.values == std::vector<double>{-2, -1, -1});
  CHECK(BestOfN{}.select(scored_candidates({{"a", -kInfinity}, {"b", -kInfinity}})).index == 0);
}

TEST_CASE("A majority is counted by the answer without the white space around it", "[selector]") {
  const Selection selection = MajorityVote<>{}.select(
      scored_candidates({{"7", -1}, {" 12\n", -3}, {"12", -2}, {"9", 0}}));
  CHECK(selection.index == 2);  // of the two "12" the one with the better score
  CHECK(selection.values == std::vector<double>{1, 2, 2, 1});
}

TEST_CASE("A tie between answers goes to the better score, then to the first", "[selector]") {
  CHECK(MajorityVote<>{}.select(scored_candidates({{"a", -2}, {"b", -1}})).index == 1);
  CHECK(MajorityVote<>{}.select(scored_candidates({{"a", -1}, {"b", -1}})).index == 0);
  CHECK(MajorityVote<>{}.select(scored_candidates({{"a", kNan}, {"b", -9}})).index == 1);
  CHECK(MajorityVote<>{}.select(scored_candidates({{"a", kNan}, {"b", kNan}})).index == 0);
}

TEST_CASE("What counts as the same answer is the caller's choice", "[selector]") {
  const auto last_letter = [](const Candidate& c) { return c.text.substr(c.text.size() - 1); };
  CHECK(MajorityVote(last_letter)
            .select(scored_candidates({{"ax", -1}, {"by", -3}, {"cy", -2}}))
            .index == 2);
}

TEST_CASE("A weighted majority adds the weights of equal answers", "[selector]") {
  // Weights exp(score - best): 1, and twice 0.4.
  const double low = std::log(0.4);
  const Selection selection = WeightedMajorityVote<>{}.select(
      scored_candidates({{"a", 0}, {"b", low}, {"b", low}}));
  CHECK(selection.index == 0);
  CHECK(selection.values[1] == Approx(0.8));
  const double higher = std::log(0.6);
  CHECK(WeightedMajorityVote<>{}
            .select(scored_candidates({{"a", 0}, {"b", higher}, {"b", higher}}))
            .index == 1);
  CHECK(WeightedMajorityVote<>(VoteWeight::score)
            .select(scored_candidates({{"a", 3}, {"b", 2}, {"b", 2}}))
            .index == 1);
}

TEST_CASE("Negative scores cannot weigh votes as they are, and -infinity weighs nothing",
          "[selector]") {
  CHECK_THROWS_WITH(
      WeightedMajorityVote<>(VoteWeight::score).select(scored_candidates({{"a", 1}, {"b", -2}})),
      contains("candidate 1 has the score -2"));
  const Selection selection = WeightedMajorityVote<>{}.select(
      scored_candidates({{"a", -kInfinity}, {"b", -1}}));
  CHECK(selection.values == std::vector<double>{0, 1});
  CHECK(WeightedMajorityVote<>{}
            .select(scored_candidates({{"a", -kInfinity}, {"b", -kInfinity}}))
            .index == 0);
}

TEST_CASE("Minimum Bayes risk takes the candidate most like the others", "[selector]") {
  const auto candidates = scored_candidates(
      {{"the cat sat", 0}, {"a dog ran", 0}, {"the cat ran", 0}});
  const Selection selection = MinimumBayesRisk<TokenF1>{}.select(candidates);
  CHECK(selection.index == 2);
  CHECK(selection.values[2] == Approx((2.0 / 3 + 1.0 / 3) / 2));
  CHECK(selection.values[0] == Approx((0 + 2.0 / 3) / 2));
  CHECK(MinimumBayesRisk<>{}.select(candidates).index == 2);
  CHECK(MinimumBayesRisk<ExactMatch>{}.select(scored_candidates({{"a", -2}, {"b", -1}})).index ==
        1);
  CHECK(MinimumBayesRisk<>{}.select(scored_candidates({{"alone", 0}})).index == 0);
}

TEST_CASE(
    "Among candidates that are equally like the others the better score wins, and any wins against "
    "none",
    "[selector]") {
  CHECK(MinimumBayesRisk<>{}.select(scored_candidates({{"same", kNan}, {"same", -1}})).index == 1);
  CHECK(MinimumBayesRisk<>{}
            .select(scored_candidates({{"same", -2}, {"same", -1}, {"same", kNan}}))
            .index == 1);
}

TEST_CASE("The filter comes before the score, and says when nothing passes", "[selector]") {
  const FilterThenBest short_ones([](const Candidate& c) { return c.text.size() < 3; });
  const Selection selection = short_ones.select(
      scored_candidates({{"long", 5}, {"ab", 1}, {"cd", 2}, {"ef", 2}}));
  CHECK(selection.index == 2);
  CHECK(selection.values == std::vector<double>{-kInfinity, 1, 2, 2});
  CHECK_FALSE(selection.none_passed);
  const Selection fallback = short_ones.select(scored_candidates({{"long", 5}, {"longer", 6}}));
  CHECK(fallback.index == 1);
  CHECK(fallback.none_passed);
}

TEST_CASE("Nothing to pick from, and scores that are NaN, are refused", "[selector]") {
  CHECK_THROWS_AS(BestOfN{}.select({}), OptionError);
  CHECK_THROWS_AS(MajorityVote<>{}.select({}), OptionError);
  CHECK_THROWS_AS(MinimumBayesRisk<>{}.select({}), OptionError);
  CHECK_THROWS_WITH(BestOfN{}.select(scored_candidates({{"a", 1}, {"b", kNan}})),
                    contains("candidate 1 of 2 has the score NaN"));
  CHECK_THROWS_AS(WeightedMajorityVote<>{}.select(scored_candidates({{"a", kNan}})),
                  ComponentError);
}
