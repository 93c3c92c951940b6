// SPDX-License-Identifier: Apache-2.0
#include "tutti/ensemble/fuse_distributions.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"
#include "tutti/base/error.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

std::vector<float> fuse(Fusion fusion, const std::vector<std::vector<float>>& experts,
                        const std::vector<float>& weights) {
  std::vector<float> logits;
  for (const std::vector<float>& row : experts) logits.insert(logits.end(), row.begin(), row.end());
  std::vector<float> fused(experts.front().size());
  fuse_distributions(fusion, MatrixView<const float>(logits.data(), experts.size(), fused.size()),
                     weights, fused);
  return fused;
}

/// Logits from -8 to 8, different for each seed.
std::vector<float> some_logits(std::size_t count, std::uint32_t seed) {
  std::vector<float> logits(count);
  std::uint32_t state = seed;
  for (float& logit : logits) {
    state = state * 1664525U + 1013904223U;
    logit = static_cast<float>(state >> 8) * 0x1p-20F - 8.0F;
  }
  return logits;
}

double log_sum_exp_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::exp(value);
  return std::log(sum);
}

}  // namespace

TEST_CASE("A mixture gives no probability to a token that every expert excludes",
          "[fuse_distributions]") {
  const std::size_t vocabulary = 1003;  // not a multiple of the vector width
  std::vector<float> logits(2 * vocabulary, -std::numeric_limits<float>::infinity());
  for (const std::size_t t : {0U, 1U}) logits[t] = 1.0F;
  for (const std::size_t t : {1U, 2U, 1002U}) logits[vocabulary + t] = -2.0F;
  logits[vocabulary + 3] = -2.0F - 95.0F;  // e^-95 is a subnormal float
  const std::vector<float> weights{0.25F, 0.75F};
  std::vector<float> fused(vocabulary);
  fuse_distributions(Fusion::mean_of_probabilities,
                     MatrixView<const float>(logits.data(), 2, vocabulary), weights, fused);
  CHECK(fused[0] == Approx(std::log(0.25 / 2)));
  CHECK(fused[1] == Approx(std::log(0.25 / 2 + 0.75 / 3)));
  CHECK(fused[1002] == Approx(std::log(0.75 / 3)));
  CHECK(fused[3] == Approx(std::log(0.75 / 3) - 95));
  for (std::size_t t = 4; t < 1002; ++t) CHECK(fused[t] == -std::numeric_limits<float>::infinity());
}

TEST_CASE("A product excludes a token that any expert excludes", "[fuse_distributions]") {
  const std::vector<float> fused = fuse(Fusion::product_of_experts,
                                        {{0, 0, -kInfinity}, {0, -kInfinity, 0}}, {0.5F, 0.5F});
  CHECK(fused == std::vector<float>{0, -kInfinity, -kInfinity});
  CHECK_THROWS_AS(
      fuse(Fusion::product_of_experts, {{0, -kInfinity}, {-kInfinity, 0}}, {0.5F, 0.5F}),
      NumericError);
}

TEST_CASE("Fused distributions equal those computed in double precision", "[fuse_distributions]") {
  for (const std::size_t vocabulary : {1U, 255U, 256U, 257U, 1003U}) {
    const std::vector<std::vector<float>> experts{
        some_logits(vocabulary, 1), some_logits(vocabulary, 2), some_logits(vocabulary, 3)};
    const std::vector<float> weights{0.5F, 0.25F, 0.25F};
    std::vector<double> mixture(vocabulary, 0.0);
    std::vector<double> product(vocabulary, 0.0);
    for (std::size_t e = 0; e < experts.size(); ++e) {
      const double normalizer = log_sum_exp_of({experts[e].begin(), experts[e].end()});
      for (std::size_t t = 0; t < vocabulary; ++t) {
        const double log_probability = static_cast<double>(experts[e][t]) - normalizer;
        mixture[t] += static_cast<double>(weights[e]) * std::exp(log_probability);
        product[t] += static_cast<double>(weights[e]) * log_probability;
      }
    }
    const double product_normalizer = log_sum_exp_of(product);
    const std::vector<float> mixed = fuse(Fusion::mean_of_probabilities, experts, weights);
    const std::vector<float> multiplied = fuse(Fusion::product_of_experts, experts, weights);
    for (std::size_t t = 0; t < vocabulary; ++t) {
      REQUIRE(std::abs(static_cast<double>(mixed[t]) - std::log(mixture[t])) < 4e-6);
      REQUIRE(std::abs(static_cast<double>(multiplied[t]) - (product[t] - product_normalizer)) <
              4e-6);
    }
  }
}

TEST_CASE("Fusing refuses NaN logits and arrays that do not fit", "[fuse_distributions]") {
  CHECK_THROWS_WITH(fuse(Fusion::mean_of_probabilities, {{0, 0}, {0, std::nanf("")}}, {0.5F, 0.5F}),
                    contains("of 2 different experts, number 1: the logit of token 1"));
  CHECK_THROWS_WITH(fuse(Fusion::mean_of_probabilities, {{0, 0}, {0, 0}}, {1.0F}),
                    contains("logits of 2 experts for 2 tokens, but 1 weights"));
}
