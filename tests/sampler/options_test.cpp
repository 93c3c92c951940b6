// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/options.hpp"

#include <limits>

#include "tests/support/catch.hpp"

using namespace tutti;
using tutti::test::contains;

TEST_CASE("the default options are valid and change nothing") {
  const SamplingOptions options;
  CHECK_NOTHROW(options.validate(1));
  CHECK(options.temperature == 1.0F);
  CHECK(options.top_k == 0);
}

TEST_CASE("every option out of range is named with its value") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(SamplingOptions{.temperature = -1.0F}.validate(10),
                    contains("temperature is -1"));
  CHECK_THROWS_WITH(SamplingOptions{.top_p = 1.01F}.validate(10), contains("top_p is 1.01"));
  CHECK_THROWS_WITH(SamplingOptions{.min_p = kNan}.validate(10), contains("min_p is nan"));
  CHECK_THROWS_WITH(SamplingOptions{.repetition_penalty = 0.0F}.validate(10),
                    contains("repetition_penalty is 0"));
  CHECK_THROWS_WITH(SamplingOptions{.presence_penalty = kNan}.validate(10),
                    contains("presence_penalty is nan"));
  CHECK_THROWS_WITH(SamplingOptions{.frequency_penalty = kNan}.validate(10),
                    contains("frequency_penalty is nan"));
  CHECK_THROWS_WITH((SamplingOptions{.logit_bias = {{10, 1.0F}}}.validate(10)),
                    contains("token 10") && contains("10 tokens"));
}

TEST_CASE("the default window of penalties is that of the program whose order is used") {
  CHECK(SamplingOptions{.order = SamplerOrder::llama_cpp}.penalties().last_n == 64);
  CHECK(SamplingOptions{.order = SamplerOrder::hugging_face}.penalties().last_n ==
        Penalties::kWholeHistory);
  CHECK(SamplingOptions{.penalty_last_n = 7, .order = SamplerOrder::hugging_face}
            .penalties()
            .last_n == 7);
}
