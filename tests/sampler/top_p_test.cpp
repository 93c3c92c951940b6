// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/top_p.hpp"

#include <limits>
#include <numeric>

#include "tests/sampler/filtered.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using tutti::test::contains;
using tutti::test::logits_of;
using tutti::test::stepped_waves;
using tutti::test::tokens_left;

TEST_CASE("top-p keeps the shortest beginning whose probabilities reach p") {
  const std::vector<float> logits = logits_of({0.15, 0.5, 0.05, 0.3});
  CHECK(tokens_left(TopP(0.3F), logits) == std::vector<Token>{1});
  CHECK(tokens_left(TopP(0.51F), logits) == std::vector<Token>{1, 3});
  CHECK(tokens_left(TopP(0.79F), logits) == std::vector<Token>{1, 3});
  CHECK(tokens_left(TopP(0.81F), logits) == std::vector<Token>{0, 1, 3});
  CHECK(tokens_left(TopP(0.96F), logits) == std::vector<Token>{0, 1, 2, 3});
}

TEST_CASE("a beginning that reaches p exactly is enough") {
  // Equal logits make the sums exact.
  CHECK(tokens_left(TopP(0.5F), std::vector<float>(4, 2.0F)) == std::vector<Token>{0, 1});
}

TEST_CASE("top-p of 1 is off and top-p of 0 keeps one token") {
  const std::vector<float> logits = logits_of({0.25, 0.5, 0.25});
  CHECK(tokens_left(TopP(), logits) == std::vector<Token>{0, 1, 2});
  CHECK(tokens_left(TopP(0.0F), logits) == std::vector<Token>{1});
  CHECK(tokens_left(TopP(0.0F), {7.0F}) == std::vector<Token>{0});
}

TEST_CASE("top-p counts probabilities among the tokens that are left") {
  LogitSet candidates;
  candidates.assign(logits_of({0.3, 0.25, 0.25, 0.2}));
  candidates.keep_largest(2);  // now 0.545 and 0.455
  TopP(0.5F).apply(candidates, {});
  CHECK(candidates.size() == 1);
}

TEST_CASE("top-p of a big vocabulary is that of a full sort") {
  for (const float spread : {0.1F, 1.0F, 4.0F}) {
    std::vector<float> logits = stepped_waves(6000);
    // Without equal logits, so that rounding of a sum cannot matter.
    for (std::size_t t = 0; t < logits.size(); ++t)
      logits[t] = spread * logits[t] + static_cast<float>(t) * 1e-5F;
    std::vector<std::size_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
    double total = 0;
    for (const std::size_t t : order) total += std::exp(static_cast<double>(logits[t]));
    for (const double p : {0.1, 0.5, 0.9, 0.99}) {
      double mass = 0;
      std::vector<Token> expected;
      for (std::size_t i = 0; mass < p * total; ++i) {
        mass += std::exp(static_cast<double>(logits[order[i]]));
        expected.push_back(static_cast<Token>(order[i]));
      }
      std::sort(expected.begin(), expected.end());
      const std::vector<Token> kept = tokens_left(TopP(static_cast<float>(p)), logits);
      CHECK(kept == expected);
    }
  }
}

TEST_CASE("a top-p out of range is named") {
  CHECK_THROWS_AS(TopP(-0.1F), OptionError);
  CHECK_THROWS_AS(TopP(std::numeric_limits<float>::quiet_NaN()), OptionError);
  CHECK_THROWS_WITH(TopP(1.5F), contains("1.5") && contains("between 0 and 1"));
}
