// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/temperature.hpp"

#include <limits>

#include "tests/sampler/filtered.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using tutti::test::contains;
using tutti::test::logits_left;
using tutti::test::tokens_left;

TEST_CASE("temperature divides the logits") {
  CHECK(logits_left(Temperature(0.5F), {1.0F, -2.0F, 0.25F}) ==
        std::vector<float>{2.0F, -4.0F, 0.5F});
  CHECK(logits_left(Temperature(2.0F), {1.0F, -2.0F, 0.25F}) ==
        std::vector<float>{0.5F, -1.0F, 0.125F});
  CHECK(logits_left(Temperature(), {1.0F, -2.0F}) == std::vector<float>{1.0F, -2.0F});
}

TEST_CASE("temperature zero keeps the most likely token, of equal ones the lowest") {
  CHECK(tokens_left(Temperature(0.0F), {1.0F, 3.0F, 3.0F, 2.0F}) == std::vector<Token>{1});
}

TEST_CASE("tokens at minus infinity stay out at any temperature") {
  CHECK(tokens_left(Temperature(1e6F), {1.0F, -std::numeric_limits<float>::infinity()}) ==
        std::vector<Token>{0});
}

TEST_CASE("a temperature out of range is named") {
  for (const float bad : {-0.5F, 1e-7F, 2e6F, std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()}) {
    CHECK_THROWS_AS(Temperature(bad), OptionError);
  }
  CHECK_THROWS_WITH(Temperature(-0.5F), contains("-0.5") && contains("1e-06") && contains("1e+06"));
}
