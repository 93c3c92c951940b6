// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/min_p.hpp"

#include <limits>

#include "tests/sampler/filtered.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using tutti::test::contains;
using tutti::test::logits_of;
using tutti::test::tokens_left;

TEST_CASE("min-p keeps the tokens with at least that share of the highest probability") {
  const std::vector<float> logits = logits_of(
      {0.5, 0.3, 0.15, 0.05});  // relative to the first: 1, 0.6, 0.3, 0.1
  CHECK(tokens_left(MinP(0.09F), logits) == std::vector<Token>{0, 1, 2, 3});
  CHECK(tokens_left(MinP(0.11F), logits) == std::vector<Token>{0, 1, 2});
  CHECK(tokens_left(MinP(0.5F), logits) == std::vector<Token>{0, 1});
  CHECK(tokens_left(MinP(0.61F), logits) == std::vector<Token>{0});
}

TEST_CASE("min-p of 0 is off and min-p of 1 keeps all of the most likely tokens") {
  CHECK(tokens_left(MinP(), {0.0F, -100.0F}) == std::vector<Token>{0, 1});
  CHECK(tokens_left(MinP(1.0F), {1.0F, 2.0F, 2.0F}) == std::vector<Token>{1, 2});
}

TEST_CASE("min-p acts on a list too") {
  LogitSet candidates;
  candidates.assign(logits_of({0.5, 0.3, 0.15, 0.05}));
  candidates.keep_largest(3);
  MinP(0.5F).apply(candidates, {});
  CHECK(candidates.size() == 2);
}

TEST_CASE("a min-p out of range is named") {
  CHECK_THROWS_AS(MinP(-0.1F), OptionError);
  CHECK_THROWS_AS(MinP(std::numeric_limits<float>::quiet_NaN()), OptionError);
  CHECK_THROWS_WITH(MinP(1.5F), contains("1.5") && contains("between 0"));
}
