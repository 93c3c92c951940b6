// SPDX-License-Identifier: Apache-2.0
// Draws on the device against SamplerChain's on the host, from the same logits with the same keys.
#include "tutti/backend/cuda/sampling.cuh"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/backend/cuda/support.hpp"
#include "tests/sampler/filtered.hpp"
#include "tests/sampler/reference_cases.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/sampler/chain.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

struct Draws {
  std::vector<Token> tokens;
  std::vector<float> log_probabilities;
};

std::vector<DrawKey> keys_of(std::size_t rows) {
  std::vector<DrawKey> keys;
  for (std::size_t r = 0; r < rows; ++r) {
    keys.push_back({7, 3, static_cast<std::uint16_t>(r / 3), static_cast<std::uint16_t>(r % 3),
                    static_cast<std::uint32_t>(20 + r)});
  }
  return keys;
}

/// One draw from each row of logits after that row's history; with keys_of the rows if no keys are
/// given. Rows of which `running` is 0 draw nothing.
Draws on_gpu_each(const std::vector<float>& logits, std::size_t width,
                  const SamplingOptions& options, const std::vector<std::vector<Token>>& histories,
                  std::vector<DrawKey> draw_keys = {},
                  const std::vector<std::uint32_t>& running = {}) {
  const cuda::Stream stream;
  const std::size_t rows = logits.size() / width;
  if (draw_keys.empty()) draw_keys = keys_of(rows);
  cuda::DeviceSampler sampler;
  sampler.set(options, stream);
  std::vector<std::uint32_t> counts(logits.size());
  for (std::size_t r = 0; r < rows; ++r) {
    const std::vector<Token>& history = histories[r];
    for (std::size_t i = history.size() - std::min<std::size_t>(sampler.last_n(), history.size());
         i < history.size(); ++i)
      ++counts[r * width + static_cast<std::size_t>(history[i])];
  }
  const auto said = on_device(counts, stream);
  const auto keys = on_device(draw_keys, stream);
  const auto device_running = on_device(running, stream);
  auto drawn = on_device(std::vector<DrawnToken>(rows, {-7, 0.0F}), stream);
  sampler.draw(rows, rows_of(logits, width, stream),
               running.empty() ? nullptr : device_running.data(), keys.data(),
               sampler.penalizes() ? said.data() : nullptr, drawn.data(), stream);
  cuda::PinnedArray<DrawnToken> host;
  host.download(drawn, rows, stream);
  stream.wait();
  Draws draws;
  for (std::size_t r = 0; r < rows; ++r) {
    draws.tokens.push_back(host.data()[r].token);
    draws.log_probabilities.push_back(host.data()[r].log_probability);
  }
  return draws;
}

/// The same with one history for all rows.
Draws on_gpu(const std::vector<float>& logits, std::size_t width, const SamplingOptions& options,
             const std::vector<Token>& history = {}, std::vector<DrawKey> draw_keys = {}) {
  return on_gpu_each(logits, width, options, std::vector(logits.size() / width, history),
                     std::move(draw_keys));
}

std::vector<Token> on_host(const std::vector<float>& logits, std::size_t width,
                           const SamplingOptions& options, const std::vector<Token>& history = {}) {
  const SamplerChain chain(options);
  SamplerScratch scratch;
  const std::vector<DrawKey> keys = keys_of(logits.size() / width);
  std::vector<Token> tokens;
  for (std::size_t r = 0; r < keys.size(); ++r) {
    tokens.push_back(chain.sample({&logits[r * width], width}, {history, 0}, keys[r], scratch));
  }
  return tokens;
}

/// `rows` times the same logits.
std::vector<float> repeated(const std::vector<float>& logits, std::size_t rows) {
  std::vector<float> all;
  for (std::size_t r = 0; r < rows; ++r) all.insert(all.end(), logits.begin(), logits.end());
  return all;
}

/// Every filter alone and combined, in both orders.
std::vector<SamplingOptions> many_options() {
  std::vector<SamplingOptions> all(8);
  all[0].temperature = 0.0F;
  all[1].temperature = 0.7F;
  all[2].top_k = 5;
  all[3].top_p = 0.8F;
  all[4].min_p = 0.2F;
  all[5].repetition_penalty = 1.3F, all[5].frequency_penalty = 0.2F, all[5].presence_penalty = 0.1F,
  all[5].penalty_last_n = 3;
  all[6].logit_bias = {{2, 1.5F}, {0, -kInfinity}, {2, 0.25F}}, all[6].top_k = 1000;
  all[7] = all[5];
  all[7].temperature = 0.6F, all[7].top_k = 40, all[7].top_p = 0.9F, all[7].min_p = 0.05F,
  all[7].logit_bias = all[6].logit_bias;
  for (std::size_t i = 0; i < 8; ++i) {
    all.push_back(all[i]);
    all.back().order = SamplerOrder::hugging_face;
  }
  return all;
}

}  // namespace

TEST_CASE("greedy draws on the device take the largest logit, of equal ones the lowest token",
          "[cuda][kernel]") {
  SamplingOptions greedy;
  greedy.temperature = 0.0F;
  const Draws draws = on_gpu({1, 3, 3, -kInfinity, -1, -2, -1, -3}, 4, greedy);
  CHECK(draws.tokens == std::vector<Token>{1, 0});
  CHECK(static_cast<double>(draws.log_probabilities[0]) ==
        Approx(3 - std::log(std::exp(1.0) + 2 * std::exp(3.0))));
}

TEST_CASE("top-p on the device keeps the token that reaches p exactly, of equal ones the lowest",
          "[cuda][kernel]") {
  SamplingOptions options;
  options.top_p = 0.5F;
  // Four equal tokens: the first two together have half of the probability. Only they can be drawn,
  // whatever the noise.
  for (const Token token : on_gpu(std::vector<float>(std::size_t{30} * 4, 1.0F), 4, options).tokens)
    CHECK((token == 0 || token == 1));
  options.top_p = 0.0F;
  CHECK(on_gpu({1, 2, 2, 0}, 4, options).tokens == std::vector<Token>{1});
}

/// The tokens of 60 draws, each from the same logits.
std::set<Token> drawn_from(const std::vector<float>& logits, const SamplingOptions& options) {
  const std::vector<Token> tokens = on_gpu(repeated(logits, 60), logits.size(), options).tokens;
  return {tokens.begin(), tokens.end()};
}

TEST_CASE("of equal tokens at the border of top-k the device keeps the lowest ones",
          "[cuda][kernel]") {
  SamplingOptions options;
  options.top_k = 3;
  CHECK(drawn_from({1, 1, 1, 1, 1, 1, 1, 1}, options) == std::set<Token>{0, 1, 2});
  CHECK(drawn_from({0, 1, 0, 1, 0, 0, 1.5F, 0}, options) == std::set<Token>{1, 3, 6});
  CHECK(drawn_from({0, 1, 0, 1, 1, 0, 1.5F, 0}, options) == std::set<Token>{1, 3, 6});
  options.top_k = 1;
  CHECK(drawn_from({0, 2, 2, 1}, options) == std::set<Token>{1});
  options.top_k = 4;  // the whole vocabulary
  CHECK(drawn_from({1, 1, 1, 1}, options) == std::set<Token>{0, 1, 2, 3});
}

TEST_CASE("min-p on the device keeps the tokens that reach it exactly", "[cuda][kernel]") {
  SamplingOptions options;
  options.min_p = 1.0F;
  CHECK(drawn_from({2, 1.99F, 2, 0}, options) == std::set<Token>{0, 2});
}

TEST_CASE("top-p after top-k on the device is a part of what top-k leaves", "[cuda][kernel]") {
  SamplingOptions options;
  options.top_k = 4, options.top_p = 0.5F;  // two of four equal ones, whatever the others have
  CHECK(drawn_from({1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, options) == std::set<Token>{0, 1});
}

TEST_CASE("the device takes both zeros for equal, and the lower token of them", "[cuda][kernel]") {
  SamplingOptions greedy;
  greedy.temperature = 0.0F;
  CHECK(on_gpu({-1, -0.0F, 0.0F, -1, 0.0F, -0.0F}, 3, greedy).tokens == std::vector<Token>{1, 1});
}

TEST_CASE("each row has its own penalties on the device, and rows that have ended draw nothing",
          "[cuda][kernel]") {
  SamplingOptions options;
  options.temperature = 0.0F;
  options.presence_penalty = 2.0F;
  options.penalty_last_n = 2;
  // 3 has the largest logit everywhere; a row that has drawn it falls back to 2, and then to 1.
  const std::vector<float> logits = repeated({0, 1, 1.5F, 2}, 5);
  CHECK(on_gpu_each(logits, 4, options, {{0, 1}, {3, 0}, {3, 0, 0}, {2, 3}, {3, 2, 1}}).tokens ==
        std::vector<Token>{3, 2, 3, 1, 3});
  CHECK(on_gpu_each(logits, 4, options, {{}, {3}, {3}, {}, {3}}, {}, {1, 0, 1, 0, 1}).tokens ==
        std::vector<Token>{3, -7, 2, -7, 2});
}

TEST_CASE("the reasons why logits cannot be drawn from are distinguished on the device",
          "[cuda][kernel]") {
  const std::vector<float> logits = {
      0, NAN, 1, 0, kInfinity, 1, -kInfinity, -kInfinity, -kInfinity, -kInfinity, 2, -kInfinity};
  CHECK(on_gpu(logits, 3, {}).tokens ==
        std::vector<Token>{DrawnToken::kBadLogit, DrawnToken::kBadLogit, DrawnToken::kNoToken, 1});
  SamplingOptions forbidding;
  forbidding.logit_bias = {{1, -kInfinity}};
  CHECK(on_gpu(logits, 3, forbidding).tokens[3] == DrawnToken::kNoToken);
}

TEST_CASE("the device draws the tokens that the host draws, with every filter and in both orders",
          "[cuda][kernel]") {
  const std::vector<Token> history = {1, 2, 4, 2, 3, 2};
  for (const std::size_t width : {7U, 300U, 2100U}) {
    std::vector<float> logits = random_floats(6 * width, width);
    for (float& logit : logits) logit *= 6.0F;
    for (std::size_t i = 0; i < width; ++i)
      logits[i] = std::round(logits[i]);  // ties in the first row
    logits[width + 3] = -kInfinity;
    for (const SamplingOptions& options : many_options()) {
      CAPTURE(width, options.temperature, options.top_k, options.top_p, options.min_p,
              static_cast<int>(options.order));
      const Draws draws = on_gpu(logits, width, options, history);
      CHECK(draws.tokens == on_host(logits, width, options, history));
      for (std::size_t r = 0; r < draws.tokens.size(); ++r) {
        CHECK(
            draws.log_probabilities[r] ==
            Approx(log_probability_of({&logits[r * width], width}, draws.tokens[r])).margin(1e-6));
      }
    }
  }
}

TEST_CASE(
    "the device draws what llama.cpp and transformers leave, all that is likely, and as the host "
    "does",
    "[cuda][kernel]") {
  constexpr std::size_t kDraws = 32;
  for (const SamplerOrder order : {SamplerOrder::llama_cpp, SamplerOrder::hugging_face}) {
    for (const ReferenceCase& reference : reference_cases(order)) {
      CAPTURE(static_cast<int>(order), reference.description);
      const std::size_t width = reference.logits.size();
      const std::vector<float> logits = repeated(reference.logits, kDraws);
      const std::vector<Token> drawn =
          on_gpu(logits, width, reference.options, reference.history).tokens;
      CHECK(drawn == on_host(logits, width, reference.options, reference.history));
      const std::set<Token> left(reference.tokens.begin(), reference.tokens.end()),
          seen(drawn.begin(), drawn.end());
      CHECK(std::includes(left.begin(), left.end(), seen.begin(), seen.end()));
      for (std::size_t i = 0; i < reference.tokens.size(); ++i) {
        // One chance in 90000 to miss such a token; the keys are fixed.
        if (reference.probabilities[i] >= 0.3) CHECK(seen.contains(reference.tokens[i]));
      }
    }
  }
}

TEST_CASE("draws on the device do not change between versions", "[cuda][kernel]") {
  // The cases of tests/sampler/draw_test.cpp.
  const std::vector<float> logits = stepped_waves(49152);
  std::vector<DrawKey> keys;
  for (std::uint16_t sample = 0; sample < 4; ++sample) {
    keys.push_back({.seed = 42, .request = 1, .expert = 2, .sample = sample, .position = 3});
  }
  CHECK(on_gpu(repeated(logits, 4), logits.size(), {}, {}, keys).tokens ==
        std::vector<Token>{48973, 19272, 32545, 2122});
}

TEST_CASE("draws on the device have the same bits in any order of threads", "[cuda][kernel]") {
  const std::vector<float> logits = random_floats(2 * 700, 5);
  Draws first;
  in_several_orders([&] {
    const Draws draws = on_gpu(logits, 700, many_options().back(), {5, 6, 7});
    if (first.tokens.empty()) first = draws;
    CHECK(draws.tokens == first.tokens);
    CHECK(draws.log_probabilities == first.log_probabilities);
  });
}
