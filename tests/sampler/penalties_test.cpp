// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/penalties.hpp"

#include <limits>

#include "tests/sampler/filtered.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using tutti::test::contains;
using tutti::test::kInfinity;
using tutti::test::logits_left;

namespace {

const std::vector<float> kLogits{4.0F, -4.0F, 0.0F, 8.0F};
const std::vector<Token> kHistory{3, 1, 0, 1};

}  // namespace

TEST_CASE("the repetition penalty divides positive logits and multiplies others, once a token") {
  CHECK(logits_left(Penalties({.repetition = 2.0F}), kLogits, kHistory) ==
        std::vector<float>{2.0F, -8.0F, 0.0F, 4.0F});
  CHECK(logits_left(Penalties({.repetition = 0.5F}), kLogits, kHistory) ==
        std::vector<float>{8.0F, -2.0F, 0.0F, 16.0F});
}

TEST_CASE(
    "the presence penalty is subtracted once a token, the frequency penalty once an occurrence") {
  CHECK(logits_left(Penalties({.presence = 1.0F}), kLogits, kHistory) ==
        std::vector<float>{3.0F, -5.0F, 0.0F, 7.0F});
  CHECK(logits_left(Penalties({.frequency = 0.5F}), kLogits, kHistory) ==
        std::vector<float>{3.5F, -5.0F, 0.0F, 7.5F});
}

TEST_CASE("the repetition penalty comes before the other two") {
  const Penalties penalties({.repetition = 2.0F, .presence = 1.0F, .frequency = 0.25F});
  CHECK(logits_left(penalties, kLogits, kHistory) == std::vector<float>{0.75F, -9.5F, 0.0F, 2.75F});
}

TEST_CASE("only the last n tokens count") {
  CHECK(logits_left(Penalties({.frequency = 0.5F, .last_n = 2}), kLogits, kHistory) ==
        std::vector<float>{3.5F, -4.5F, 0.0F, 8.0F});
  CHECK(logits_left(Penalties({.frequency = 0.5F, .last_n = 0}), kLogits, kHistory) == kLogits);
  CHECK(logits_left(Penalties({.frequency = 0.5F, .last_n = 100}), kLogits, kHistory) ==
        std::vector<float>{3.5F, -5.0F, 0.0F, 7.5F});
}

TEST_CASE("without penalties or history nothing changes") {
  CHECK(logits_left(Penalties(), kLogits, kHistory) == kLogits);
  CHECK(logits_left(Penalties({.repetition = 2.0F}), kLogits) == kLogits);
}

TEST_CASE("penalties act on a list as on the vocabulary, and again after that") {
  const Penalties penalties({.repetition = 2.0F, .frequency = 0.25F});
  const SamplingContext context{kHistory, 2};
  LogitSet candidates;
  for (int round = 0; round < 2; ++round) {
    candidates.assign(kLogits);
    candidates.keep_largest(2);
    penalties.apply(candidates, context);
    candidates.sort();
    CHECK(candidates.list()[0] == TokenLogit{3, 3.75F});
    CHECK(candidates.list()[1] == TokenLogit{0, 1.75F});
  }
}

TEST_CASE("a token of the history outside the vocabulary is named, and harms no later draw") {
  const Penalties penalties({.repetition = 2.0F});
  const std::vector<Token> bad{0, 4};
  LogitSet candidates;
  candidates.assign(kLogits);
  CHECK_THROWS_WITH(penalties.apply(candidates, SamplingContext{bad, 0}),
                    contains("token 4") && contains("has 4 tokens"));
  candidates.assign(kLogits);
  penalties.apply(candidates, SamplingContext{std::span(kHistory).first(1), 0});
  CHECK(candidates.dense_logits()[0] == 4.0F);
  CHECK(candidates.dense_logits()[3] == 4.0F);
}

TEST_CASE("a penalty out of range is named") {
  CHECK_THROWS_WITH(Penalties({.repetition = 0.0F}), contains("repetition_penalty is 0"));
  CHECK_THROWS_AS(Penalties({.repetition = -1.0F}), OptionError);
  CHECK_THROWS_AS(Penalties({.repetition = kInfinity}), OptionError);
  CHECK_THROWS_WITH(Penalties({.presence = kInfinity}), contains("presence_penalty is inf"));
  CHECK_THROWS_WITH(Penalties({.frequency = std::numeric_limits<float>::quiet_NaN()}),
                    contains("frequency_penalty is nan"));
}
