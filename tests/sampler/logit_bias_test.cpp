// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/logit_bias.hpp"

#include <limits>

#include "tests/sampler/filtered.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using tutti::test::contains;
using tutti::test::kInfinity;
using tutti::test::logits_left;
using tutti::test::tokens_left;

TEST_CASE("biases are added to the logits of their tokens, several to one token too") {
  CHECK(logits_left(LogitBias({{0, 2.0F}, {2, -1.0F}, {0, 0.5F}}), {1.0F, 1.0F, 1.0F}) ==
        std::vector<float>{3.5F, 1.0F, 0.0F});
  CHECK(logits_left(LogitBias(), {1.0F, 2.0F}) == std::vector<float>{1.0F, 2.0F});
}

TEST_CASE("a bias of minus infinity forbids a token") {
  CHECK(tokens_left(LogitBias({{1, -kInfinity}}), {1.0F, 5.0F, 1.0F}) == std::vector<Token>{0, 2});
}

TEST_CASE("a bias changes tokens of a list, and none that are not in it") {
  LogitSet candidates;
  candidates.assign(std::vector<float>{1.0F, 2.0F, 3.0F});
  candidates.keep_largest(2);
  LogitBias({{0, 10.0F}, {1, 4.0F}}).apply(candidates, {});
  candidates.sort();
  CHECK(candidates.size() == 2);
  CHECK(candidates.list()[0] == TokenLogit{1, 6.0F});
}

TEST_CASE("a biased token outside the vocabulary is named with the vocabulary's size") {
  const LogitBias bias({{3, 1.0F}});
  CHECK_NOTHROW(bias.check(4));
  CHECK_THROWS_WITH(bias.check(3), contains("token 3") && contains("has 3 tokens"));
  CHECK_THROWS_AS(logits_left(bias, {0.0F, 0.0F, 0.0F}), OptionError);
  CHECK_THROWS_WITH(LogitBias({{-1, 1.0F}}), contains("token -1"));
}

TEST_CASE("a bias that is NaN or plus infinity is named with its token") {
  CHECK_THROWS_WITH(LogitBias({{2, kInfinity}}), contains("token 2") && contains("inf"));
  CHECK_THROWS_AS(LogitBias({{2, std::numeric_limits<float>::quiet_NaN()}}), OptionError);
}
