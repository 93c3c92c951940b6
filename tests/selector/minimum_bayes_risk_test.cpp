// SPDX-License-Identifier: Apache-2.0
#include "tutti/selector/minimum_bayes_risk.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/selector/support.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Minimum Bayes risk takes the candidate most like the others", "[minimum_bayes_risk]") {
  const auto candidates = scored_candidates(
      {{"the cat sat", 0}, {"a dog ran", 0}, {"the cat ran", 0}});
  const Selection selection = MinimumBayesRisk<TokenF1>{}.select(candidates);
  CHECK(selection.index == 2);
  CHECK(selection.selector_scores[2] == Approx((2.0 / 3 + 1.0 / 3) / 2));
  CHECK(selection.selector_scores[0] == Approx((0 + 2.0 / 3) / 2));
  CHECK(MinimumBayesRisk<>{}.select(candidates).index == 2);
  CHECK(MinimumBayesRisk<ExactMatch>{}.select(scored_candidates({{"a", -2}, {"b", -1}})).index ==
        1);
  CHECK(MinimumBayesRisk<>{}.select(scored_candidates({{"alone", 0}})).index == 0);
}

TEST_CASE(
    "Among equally similar candidates minimum Bayes risk prefers the better score, and any score "
    "to "
    "none",
    "[minimum_bayes_risk]") {
  CHECK(
      MinimumBayesRisk<>{}.select(scored_candidates({{"same", kNotScored}, {"same", -1}})).index ==
      1);
  CHECK(MinimumBayesRisk<>{}
            .select(scored_candidates({{"same", -2}, {"same", -1}, {"same", kNotScored}}))
            .index == 1);
}

TEST_CASE("Blank and canceled candidates are compared with nothing", "[minimum_bayes_risk]") {
  // Two empty candidates against three that answer.
  CHECK(picked_text(MinimumBayesRisk<>{}, {"", "", "abc", "xyz", "uvw"}) == "abc");
  CHECK(picked_text(MinimumBayesRisk<TokenF1>{}, {" ", " ", "abc", "xyz", "abc"}) == "abc");
  CHECK(picked_text(MinimumBayesRisk<ExactMatch>{}, {"", "", "abc", "xyz"}) == "abc");
  auto candidates = scored_candidates({{"the cut", 0}, {"the cut", 0}, {"an answer", 0}});
  candidates[0].finish = candidates[1].finish = FinishReason::canceled;
  const Selection selection = MinimumBayesRisk<>{}.select(candidates);
  CHECK(selection.index == 2);
  CHECK(selection.selector_scores == std::vector<double>{0, 0, 1});
  CHECK(MinimumBayesRisk<>{}.select(scored_candidates({{"", -2}, {"", -1}})).index == 1);
}

TEST_CASE("Minimum Bayes risk analyzes all texts in one call of a batch utility",
          "[minimum_bayes_risk]") {
  struct Counting {
    std::size_t* calls;
    std::size_t* texts;
    double operator()(std::string_view, std::string_view) const { return 0; }
    std::vector<double> compare_all(std::span<const std::string_view> all) const {
      ++*calls;
      *texts += all.size();
      return ChrF{}.compare_all(all);
    }
  };
  std::size_t calls = 0;
  std::size_t texts = 0;
  const auto candidates = scored_candidates({{"abc", 0}, {"abd", 0}, {"xyz", 0}});
  CHECK(MinimumBayesRisk(Counting{&calls, &texts}).select(candidates).index == 0);
  CHECK(calls == 1);
  CHECK(texts == 3);
}

TEST_CASE("Minimum Bayes risk refuses no candidates", "[minimum_bayes_risk]") {
  CHECK_THROWS_AS(MinimumBayesRisk<>{}.select({}), OptionError);
}
