// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/draw.hpp"

#include <functional>
#include <limits>
#include <map>

#include "tests/sampler/filtered.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using tutti::test::contains;
using tutti::test::kInfinity;
using tutti::test::logits_of;
using tutti::test::stepped_waves;

namespace {

std::vector<TokenLogit> entries_with(const std::vector<float>& logits) {
  LogitSet candidates;
  candidates.assign(logits);
  const std::span<const TokenLogit> entries = candidates.entries();
  return {entries.begin(), entries.end()};
}

/// Pearson's statistic of `draws` draws at positions 0, 1, 2, ... against the probabilities.
double chi_square(const std::vector<double>& probabilities, int draws,
                  const std::function<Token(const DrawKey&)>& drawn) {
  std::vector<int> counts(probabilities.size());
  for (int i = 0; i < draws; ++i)
    ++counts.at(static_cast<std::size_t>(
        drawn(DrawKey{.seed = 20, .position = static_cast<std::uint32_t>(i)})));
  double sum = 0;
  for (std::size_t t = 0; t < counts.size(); ++t) {
    const double expected = probabilities[t] * draws;
    sum += (counts[t] - expected) * (counts[t] - expected) / expected;
  }
  return sum;
}

}  // namespace

TEST_CASE("greedy takes the largest logit, of equal ones the lowest token") {
  CHECK(greedy(std::vector<float>{1.0F, 3.0F, 2.0F, 3.0F}) == 1);
  CHECK(greedy(std::vector<float>{-5.0F}) == 0);
}

// The bounds are the 0.9999 quantiles of chi-square; the seed is fixed, so each test always
// computes the same statistic.
TEST_CASE("eight tokens are drawn as often as they are likely") {
  const std::vector<double> p{0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.015, 0.005};
  const std::vector<float> logits = logits_of(p);
  const std::vector<TokenLogit> entries = entries_with(logits);
  CHECK(chi_square(p, 20000, [&](const DrawKey& key) { return draw(logits, key); }) <
        29.9);  // 7 degrees of freedom
  CHECK(chi_square(p, 20000, [&](const DrawKey& key) { return draw(entries, key); }) < 29.9);
}

TEST_CASE("six hundred equal tokens are drawn equally often") {
  const std::vector<double> p(600, 1.0 / 600);
  const std::vector<float> logits(600, -1.5F);
  CHECK(chi_square(p, 30000, [&](const DrawKey& key) { return draw(logits, key); }) <
        736.0);  // 599 degrees of freedom
}

TEST_CASE("draws whose coordinates differ in one are independent") {
  const std::vector<float> logits(4, 0.0F);
  const std::vector<std::function<void(DrawKey&)>> changes{
      [](DrawKey& key) { key.seed += 1; },    [](DrawKey& key) { key.seed += 1ULL << 32; },
      [](DrawKey& key) { key.request += 1; }, [](DrawKey& key) { key.expert += 1; },
      [](DrawKey& key) { key.sample += 1; },  [](DrawKey& key) { key.position += 1; }};
  for (const auto& change : changes) {
    const double statistic = chi_square(std::vector<double>(16, 1.0 / 16), 16000,
                                        [&](const DrawKey& key) {
                                          DrawKey other = key;
                                          change(other);
                                          return 4 * draw(logits, key) + draw(logits, other);
                                        });
    CHECK(statistic < 44.3);  // 15 degrees of freedom
  }
}

TEST_CASE("sixteen samples of one position are not clones") {
  const std::vector<float> logits(1000, 0.0F);
  std::map<Token, int> drawn;
  for (std::uint16_t expert = 0; expert < 8; ++expert) {
    for (std::uint16_t sample = 0; sample < 2; ++sample)
      ++drawn[draw(logits, DrawKey{.seed = 3, .expert = expert, .sample = sample})];
  }
  CHECK(drawn.size() >= 14);
}

TEST_CASE("the order of the entries does not matter, nor what else has been dropped") {
  const std::vector<float> logits = stepped_waves(3000);
  std::vector<TokenLogit> ascending;
  std::vector<float> masked(logits.size(), -kInfinity);
  for (std::size_t t = 0; t < logits.size(); t += 3) {
    ascending.push_back({static_cast<Token>(t), logits[t]});
    masked[t] = logits[t];
  }
  std::vector<TokenLogit> sorted = ascending;
  std::sort(sorted.begin(), sorted.end(), ranks_before);
  const std::vector<TokenLogit> descending(ascending.rbegin(), ascending.rend());
  for (std::uint32_t position = 0; position < 300; ++position) {
    const DrawKey key{.seed = 5, .position = position};
    const Token token = draw(masked, key);
    CHECK(draw(ascending, key) == token);
    CHECK(draw(sorted, key) == token);
    CHECK(draw(descending, key) == token);
  }
}

TEST_CASE("a drawn token that survives more filtering is drawn again") {
  const std::vector<float> logits = stepped_waves(3000);
  std::size_t survived = 0;
  for (std::uint32_t position = 0; position < 300; ++position) {
    const DrawKey key{.seed = 6, .position = position};
    const Token token = draw(logits, key);
    LogitSet candidates;
    candidates.assign(logits);
    candidates.keep_at_least(5.0F);
    if (logits[static_cast<std::size_t>(token)] < 5.0F) continue;
    ++survived;
    CHECK(draw(candidates, key) == token);
  }
  CHECK(survived > 200);
}

TEST_CASE("blocks that are skipped could not have won") {
  // Peaks of all heights, so that some blocks are skipped by their logits, some by their random
  // bits, and some are not.
  std::vector<float> logits = stepped_waves(5000);
  for (std::size_t t = 100; t < logits.size(); t += 512)
    logits[t] += static_cast<float>(t) / 512.0F;
  const std::vector<TokenLogit> entries = entries_with(logits);
  for (std::uint32_t position = 0; position < 200; ++position) {
    const DrawKey key{.seed = 7, .position = position};
    CHECK(draw(logits, key) == draw(entries, key));
  }
}

TEST_CASE("equal scores go to the lowest token") {
  // Here the logits are so large that rounding removes the noise.
  CHECK(draw(std::vector<float>{1e30F, 2e30F, 2e30F}, DrawKey{}) == 1);
  CHECK(draw(std::vector<TokenLogit>{{2, 2e30F}, {1, 2e30F}, {0, 1e30F}}, DrawKey{}) == 1);
}

TEST_CASE("one possible token is drawn, wherever it stands") {
  for (const std::size_t vocabulary : {1U, 3U, 255U, 256U, 257U, 1000U}) {
    std::vector<float> logits(vocabulary, -kInfinity);
    logits.back() = -30.0F;
    CHECK(draw(logits, DrawKey{.seed = 8}) == static_cast<Token>(vocabulary - 1));
  }
}

TEST_CASE("draws do not change between versions") {
  const std::vector<float> logits = stepped_waves(49152);
  std::vector<Token> tokens;
  for (std::uint16_t sample = 0; sample < 4; ++sample) {
    tokens.push_back(draw(
        logits, DrawKey{.seed = 42, .request = 1, .expert = 2, .sample = sample, .position = 3}));
  }
  CHECK(tokens == std::vector<Token>{48973, 19272, 32545, 2122});
}

TEST_CASE("a draw from nothing and a draw from NaN are errors") {
  CHECK_THROWS_WITH(draw(std::vector<float>(4, -kInfinity), DrawKey{}), contains("no token left"));
  CHECK_THROWS_AS(draw(std::vector<float>{}, DrawKey{}), NumericError);
  CHECK_THROWS_WITH(
      draw(std::vector<float>{0.0F, std::numeric_limits<float>::quiet_NaN()}, DrawKey{}),
      contains("token 1"));
  CHECK_THROWS_AS(draw(std::vector<TokenLogit>{}, DrawKey{}), NumericError);
  CHECK_THROWS_AS(draw(std::vector<TokenLogit>{{4, -kInfinity}}, DrawKey{}), NumericError);
  CHECK_THROWS_WITH(
      draw(std::vector<TokenLogit>{{4, std::numeric_limits<float>::quiet_NaN()}}, DrawKey{}),
      contains("token 4"));
  CHECK_THROWS_WITH(draw(std::vector<TokenLogit>{{4, kInfinity}}, DrawKey{}), contains("token 4"));
}
