// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/numeric/probability.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using tutti::test::Approx;
using tutti::test::contains;
using tutti::test::kInfinity;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Irregular logits between -10 and 10.
std::vector<float> waves(std::size_t count) {
  std::vector<float> logits(count);
  for (std::size_t i = 0; i < count; ++i)
    logits[i] = 10.0F * std::sin(static_cast<float>(i) * 1.7F);
  return logits;
}

}  // namespace

TEST_CASE("log_sum_exp of the logarithms of 1, 2 and 5 is the logarithm of 8") {
  const std::vector<float> logits{0.0F, std::log(2.0F), std::log(5.0F)};
  CHECK(log_sum_exp(logits) == Approx(std::log(8.0)).epsilon(1e-6));
}

TEST_CASE("log_sum_exp neither overflows nor underflows") {
  CHECK(log_sum_exp(std::vector<float>{1000.0F, 1000.0F}) ==
        Approx(1000.0 + std::log(2.0)).epsilon(1e-7));
  CHECK(log_sum_exp(std::vector<float>{-1000.0F, -1000.0F}) ==
        Approx(-1000.0 + std::log(2.0)).epsilon(1e-7));
  CHECK(log_sum_exp(std::vector<float>{-kInfinity, 3.0F}) == 3.0F);
}

TEST_CASE(
    "log_sum_exp of a long row agrees with double precision, whatever the rest behind the last "
    "block") {
  for (const std::size_t count : {1U, 15U, 16U, 255U, 256U, 257U, 1000U, 49152U}) {
    const std::vector<float> logits = waves(count);
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    CHECK(static_cast<double>(log_sum_exp(logits)) == Approx(std::log(sum)).epsilon(1e-6));
  }
}

TEST_CASE("log_probability_of is the logit less the normalizer") {
  const std::vector<float> logits{std::log(1.0F), std::log(2.0F), std::log(5.0F), -kInfinity};
  CHECK(log_probability_of(logits, 0) == Approx(std::log(1.0 / 8)).epsilon(1e-6));
  CHECK(log_probability_of(logits, 2) == Approx(std::log(5.0 / 8)).epsilon(1e-6));
  CHECK(log_probability_of(logits, 3) == -kInfinity);
  CHECK(log_probability_of(std::vector<float>{-7.0F}, 0) == 0.0F);
}

TEST_CASE("log_probability_of names a token outside the vocabulary") {
  const std::vector<float> logits(3, 0.0F);
  CHECK_THROWS_AS(log_probability_of(logits, 3), OptionError);
  CHECK_THROWS_WITH(log_probability_of(logits, -1),
                    contains("token -1") && contains("vocabulary of 3"));
}

TEST_CASE("log_softmax gives the bits of log_probability_of, in place too") {
  std::vector<float> logits = waves(1000);
  std::vector<float> expected;
  for (Token t = 0; t < 1000; ++t) expected.push_back(log_probability_of(logits, t));
  log_softmax(logits, logits);
  CHECK(logits == expected);
}

TEST_CASE("log_softmax names both sizes when they differ") {
  const std::vector<float> logits(3, 0.0F);
  std::vector<float> result(4);
  CHECK_THROWS_WITH(log_softmax(logits, result), contains("4") && contains("3"));
}

TEST_CASE("argmax takes the lowest of equal indices") {
  CHECK(argmax(std::vector<float>{1.0F, 3.0F, 2.0F, 3.0F}) == 1);
  CHECK(argmax(std::vector<float>{-0.0F, 0.0F}) == 0);
  CHECK(argmax(std::vector<float>{-kInfinity, -5.0F}) == 1);
  std::vector<float> logits(1000, 0.0F);
  logits[640] = logits[777] = 1.0F;
  CHECK(argmax(logits) == 640);
}

TEST_CASE("entropy is 0 for one token, log n for n equal ones, and right between") {
  CHECK(entropy(std::vector<float>{4.0F, -kInfinity, -200.0F}) == 0.0F);
  CHECK(entropy(std::vector<float>(1000, -3.0F)) == Approx(std::log(1000.0)).epsilon(1e-6));
  // p = 1/8, 2/8, 5/8
  const double expected = -(std::log(1.0 / 8) / 8 + std::log(2.0 / 8) * 2 / 8 +
                            std::log(5.0 / 8) * 5 / 8);
  CHECK(entropy(std::vector<float>{0.0F, std::log(2.0F), std::log(5.0F)}) ==
        Approx(expected).epsilon(1e-6));
}

TEST_CASE("NaN and +infinity are errors that name the token") {
  for (const float bad : {kNan, -kNan, kInfinity}) {
    std::vector<float> logits = waves(700);
    logits[603] = bad;
    CHECK_THROWS_AS(largest_logit(logits), NumericError);
    CHECK_THROWS_WITH(argmax(logits), contains("token 603 of 700"));
    CHECK_THROWS_WITH(log_sum_exp(logits), contains("token 603 of 700"));
    CHECK_THROWS_WITH(log_probability_of(logits, 0), contains("token 603 of 700"));
    CHECK_THROWS_WITH(log_softmax(logits, logits), contains("token 603 of 700"));
    CHECK_THROWS_WITH(entropy(logits), contains("token 603 of 700"));
  }
}

TEST_CASE("a row without a possible token is an error") {
  CHECK_THROWS_WITH(log_sum_exp(std::vector<float>(5, -kInfinity)),
                    contains("no token left") && contains("5"));
  CHECK_THROWS_AS(argmax(std::vector<float>{}), NumericError);
}
