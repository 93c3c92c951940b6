// SPDX-License-Identifier: Apache-2.0
#include "tutti/selector/majority_vote.hpp"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "tests/selector/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("A majority is counted by the answer without the white space around it",
          "[majority_vote]") {
  const Selection selection = MajorityVote<>{}.select(
      scored_candidates({{"7", -1}, {" 12\n", -3}, {"12", -2}, {"9", 0}}));
  CHECK(selection.index == 2);  // the one of the two "12" with the better score
  CHECK(selection.selector_scores == std::vector<double>{1, 2, 2, 1});
}

TEST_CASE("A tie between answers goes to the better score, then to the first", "[majority_vote]") {
  CHECK(MajorityVote<>{}.select(scored_candidates({{"a", -2}, {"b", -1}})).index == 1);
  CHECK(MajorityVote<>{}.select(scored_candidates({{"a", -1}, {"b", -1}})).index == 0);
  CHECK(MajorityVote<>{}.select(scored_candidates({{"a", kNotScored}, {"b", -9}})).index == 1);
  CHECK(MajorityVote<>{}.select(scored_candidates({{"a", kNotScored}, {"b", kNotScored}})).index ==
        0);
}

TEST_CASE("The canonical answer decides which candidates agree", "[majority_vote]") {
  const auto last_letter = [](const Candidate& c) { return c.text.substr(c.text.size() - 1); };
  CHECK(MajorityVote(last_letter)
            .select(scored_candidates({{"ax", -1}, {"by", -3}, {"cy", -2}}))
            .index == 2);
}

TEST_CASE("A weighted majority adds the weights of equal answers", "[majority_vote]") {
  // Weights exp(score - best): 1, and twice 0.4.
  const double low = std::log(0.4);
  const Selection selection = WeightedMajorityVote<>{}.select(
      scored_candidates({{"a", 0}, {"b", low}, {"b", low}}));
  CHECK(selection.index == 0);
  CHECK(selection.selector_scores[1] == Approx(0.8));
  const double higher = std::log(0.6);
  CHECK(WeightedMajorityVote<>{}
            .select(scored_candidates({{"a", 0}, {"b", higher}, {"b", higher}}))
            .index == 1);
  CHECK(WeightedMajorityVote<>(VoteWeight::score)
            .select(scored_candidates({{"a", 3}, {"b", 2}, {"b", 2}}))
            .index == 1);
}

TEST_CASE("Negative scores cannot be weights themselves, and -infinity has the weight 0",
          "[majority_vote]") {
  CHECK_THROWS_WITH(
      WeightedMajorityVote<>(VoteWeight::score).select(scored_candidates({{"a", 1}, {"b", -2}})),
      contains("candidate 1 has the score -2"));
  const Selection selection = WeightedMajorityVote<>{}.select(
      scored_candidates({{"a", -kInfinity}, {"b", -1}}));
  CHECK(selection.selector_scores == std::vector<double>{0, 1});
  CHECK(WeightedMajorityVote<>{}
            .select(scored_candidates({{"a", -kInfinity}, {"b", -kInfinity}}))
            .index == 0);
}

TEST_CASE("Empty, blank and canceled candidates do not vote", "[majority_vote]") {
  CHECK(picked_text(MajorityVote<>{}, {"", " ", "\xE3\x80\x80", "7", "8"}) == "7");
  CHECK(picked_text(WeightedMajorityVote<>{}, {"", "", "", "7", "7"}) == "7");
  auto candidates = scored_candidates({{"cut", -1}, {"cut", -1}, {"7", -2}});
  candidates[0].finish = candidates[1].finish = FinishReason::canceled;
  const Selection selection = MajorityVote<>{}.select(candidates);
  CHECK(selection.index == 2);
  CHECK(selection.selector_scores == std::vector<double>{0, 0, 1});
  // Candidates that were cut off for another reason do vote.
  candidates[0].finish = candidates[1].finish = FinishReason::length;
  CHECK(MajorityVote<>{}.select(candidates).index == 0);
}

TEST_CASE("Without any vote the best score wins", "[majority_vote]") {
  CHECK(MajorityVote<>{}.select(scored_candidates({{"", -2}, {" ", -1}})).index == 1);
  CHECK(WeightedMajorityVote<>{}.select(scored_candidates({{"", -2}, {" ", -1}})).index == 1);
}

TEST_CASE("A candidate without a vote loses ties, whatever its score", "[majority_vote]") {
  CHECK(WeightedMajorityVote<>(VoteWeight::score)
            .select(scored_candidates({{"", 5}, {"a", 0}, {"b", 0}}))
            .index == 1);
}

TEST_CASE("A vote's weight is relative to the best score that votes", "[majority_vote]") {
  const Selection selection = WeightedMajorityVote<>{}.select(
      scored_candidates({{"", 1000}, {"a", -1}, {"b", -2}}));
  CHECK(selection.index == 1);
  CHECK(selection.selector_scores[1] == 1.0);
}

TEST_CASE("A canonical answer can abstain", "[majority_vote]") {
  const auto number = [](const Candidate& c) -> std::optional<std::string> {
    const std::size_t at = c.text.find('#');
    if (at == std::string::npos) return std::nullopt;
    return c.text.substr(at);
  };
  CHECK(picked_text(MajorityVote(number), {"no idea", "none", "?", "x #7", "y #7"}) == "x #7");
  const auto empty_string = [](const Candidate& c) {
    return c.text.starts_with('#') ? c.text : std::string();
  };
  CHECK(picked_text(MajorityVote(empty_string), {"a", "b", "#7"}) == "#7");
}

TEST_CASE("Votes are counted without Unicode white space at the ends", "[majority_vote]") {
  // No-break space and ideographic space: three votes for 42 against two for 7.
  const std::string before =
      "\xC2\xA0"
      "42";
  const std::string after = "42\xE3\x80\x80";
  CHECK(picked_text(MajorityVote<>{}, {"7", "7", before, "42", after}) == before);
}

TEST_CASE("A majority vote refuses no candidates, a weighted one NaN", "[majority_vote]") {
  CHECK_THROWS_AS(MajorityVote<>{}.select({}), OptionError);
  CHECK_THROWS_AS(WeightedMajorityVote<>{}.select(scored_candidates({{"a", kNotScored}})),
                  ComponentError);
}
