// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/chain.hpp"

#include <limits>
#include <thread>

#include "tests/sampler/filtered.hpp"
#include "tests/sampler/reference_cases.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using tutti::test::contains;
using tutti::test::kInfinity;
using tutti::test::logits_of;
using tutti::test::reference_cases;
using tutti::test::ReferenceCase;
using tutti::test::stepped_waves;
using tutti::test::tokens_left;

namespace {

/// Compares the tokens that a chain keeps, and their probabilities, with the other program's for
/// the same options.
void check_against_references(SamplerOrder order) {
  for (const ReferenceCase& expected : reference_cases(order)) {
    INFO(expected.description);
    const std::vector<TokenLogit> left = tutti::test::filtered(SamplerChain(expected.options),
                                                               expected.logits, expected.history);
    std::vector<Token> tokens;
    std::vector<float> left_logits;
    for (const TokenLogit& entry : left) {
      tokens.push_back(entry.token);
      left_logits.push_back(entry.logit);
    }
    REQUIRE(tokens == expected.tokens);
    double worst = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
      const double p = std::exp(
          static_cast<double>(log_probability_of(left_logits, static_cast<Token>(i))));
      worst = std::max(worst, std::fabs(p - expected.probabilities[i]));
    }
    CHECK(worst < 1e-6);
  }
}

/// A user-defined filter: forbids odd tokens.
struct EvenTokens {
  void apply(LogitSet& candidates, const SamplingContext&) const {
    candidates.keep_if([](const TokenLogit& entry) { return entry.token % 2 == 0; });
  }
};

}  // namespace

TEST_CASE("the Hugging Face order leaves the tokens and probabilities of transformers") {
  check_against_references(SamplerOrder::hugging_face);
}

TEST_CASE("the llama.cpp order leaves the tokens and probabilities of llama.cpp") {
  check_against_references(SamplerOrder::llama_cpp);
}

TEST_CASE("the same options keep different tokens in the two orders") {
  const std::vector<float> logits = logits_of({0.6, 0.25, 0.1, 0.05});
  // At temperature 4 the first three have the probabilities 0.353, 0.284 and 0.226.
  const SamplingOptions options{.temperature = 4.0F, .top_p = 0.7F};
  SamplingOptions other = options;
  other.order = SamplerOrder::hugging_face;
  CHECK(tokens_left(SamplerChain(options), logits) == std::vector<Token>{0, 1});
  CHECK(tokens_left(SamplerChain(other), logits) == std::vector<Token>{0, 1, 2});
}

TEST_CASE("a chain draws what its filters and the draw give") {
  const std::vector<float> logits = stepped_waves(2000);
  const SamplerChain chain({.temperature = 0.7F, .top_k = 40, .top_p = 0.95F});
  SamplerScratch scratch;
  for (std::uint32_t position = 0; position < 50; ++position) {
    const DrawKey key{.seed = 9, .position = position};
    const std::vector<TokenLogit> left = tutti::test::filtered(chain, logits);
    CHECK(chain.sample(logits, {}, key, scratch) == draw(left, key));
  }
}

TEST_CASE("temperature zero draws the most likely token after biases and penalties") {
  const std::vector<Token> history{1};
  SamplerScratch scratch;
  for (const SamplerOrder order : {SamplerOrder::llama_cpp, SamplerOrder::hugging_face}) {
    const SamplingOptions options{.temperature = 0.0F,
                                  .top_k = 5,
                                  .top_p = 0.9F,
                                  .repetition_penalty = 2.0F,
                                  .logit_bias = {{0, -kInfinity}},
                                  .order = order};
    CHECK(SamplerChain(options).sample(std::vector<float>{9.0F, 4.0F, 2.5F}, {history, 1},
                                       DrawKey{.seed = 1}, scratch) == 2);
  }
}

TEST_CASE("a user's filter composes with the built-in ones, and chains with chains") {
  const std::vector<float> logits{5.0F, 9.0F, 3.0F, 4.0F, 1.0F};
  const FilterChain chain(EvenTokens{}, TopK(2));
  static_assert(Sampler<FilterChain<EvenTokens, TopK>>);
  CHECK(tokens_left(chain, logits) == std::vector<Token>{0, 2});
  CHECK(tokens_left(FilterChain(TopK(2), EvenTokens{}), logits) == std::vector<Token>{0});
  CHECK(tokens_left(FilterChain(chain, TopK(1)), logits) == std::vector<Token>{0});
  SamplerScratch scratch;
  CHECK(FilterChain(EvenTokens{}, Temperature(0.0F)).sample(logits, {}, DrawKey{}, scratch) == 0);
  CHECK(FilterChain<>{}.sample(std::vector<float>{7.0F}, {}, DrawKey{}, scratch) == 0);
}

TEST_CASE(
    "threads that share a chain draw what one thread draws, whatever their scratch memory held "
    "before") {
  const std::vector<float> logits = stepped_waves(2000);
  const SamplerChain chain(
      {.temperature = 0.9F, .min_p = 0.01F, .order = SamplerOrder::hugging_face});
  const auto draw_all = [&](std::vector<Token>& tokens, std::uint32_t first, std::uint32_t step) {
    SamplerScratch scratch;
    for (std::uint32_t i = first; i < tokens.size(); i += step)
      tokens[i] = chain.sample(logits, {}, DrawKey{.position = i}, scratch);
  };
  std::vector<Token> alone(200);
  draw_all(alone, 0, 1);
  std::vector<Token> shared(200);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) threads.emplace_back([&, t] { draw_all(shared, t, 4); });
  for (std::thread& thread : threads) thread.join();
  CHECK(shared == alone);
}

TEST_CASE(
    "bad logits and bad options end in an exception, after which the scratch memory is as good as "
    "new") {
  const SamplerChain chain({.top_k = 2});
  SamplerScratch scratch;
  const auto sample = [&](const SamplerChain& with, const std::vector<float>& logits) {
    return with.sample(logits, {}, DrawKey{}, scratch);
  };
  CHECK_THROWS_WITH(sample(chain, {0.0F, std::numeric_limits<float>::quiet_NaN(), 0.0F}),
                    contains("token 1 of 3"));
  CHECK_THROWS_WITH(sample(chain, {-kInfinity, -kInfinity}), contains("no token left"));
  CHECK_THROWS_WITH(sample(SamplerChain({.logit_bias = {{0, -kInfinity}}}), {1.0F}),
                    contains("no token left"));
  CHECK_THROWS_WITH(sample(SamplerChain({.logit_bias = {{5, 1.0F}}}), {1.0F, 2.0F}),
                    contains("token 5") && contains("2 tokens"));
  CHECK_THROWS_AS(SamplerChain({.top_p = 2.0F}), OptionError);
  CHECK(sample(chain, {-kInfinity, 3.0F}) == 1);
}
