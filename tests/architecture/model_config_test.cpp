// SPDX-License-Identifier: Apache-2.0
#include "tutti/architecture/model_config.hpp"

#include <functional>
#include <limits>
#include <string>

#include "tests/support/catch.hpp"

namespace tutti {
namespace {

using test::contains;

ModelConfig small_config() {
  ModelConfig config;
  config.architecture = "llama";
  config.vocabulary_size = 64;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 8;
  config.context_length = 128;
  config.norm_epsilon = 1e-5F;
  config.rope_theta = 10'000.0F;
  config.eos_tokens = {2};
  return config;
}

void check_refused(const std::function<void(ModelConfig&)>& change, const std::string& reason) {
  ModelConfig config = small_config();
  change(config);
  CHECK_THROWS_WITH(validate(config, "file"), contains(reason));
}

TEST_CASE("A sound configuration passes") {
  CHECK_NOTHROW(validate(small_config(), "file"));
  ModelConfig scaled = small_config();
  scaled.rope_scaling = RopeScaling{RopeScaling::Kind::llama3, 8.0F, 1.0F, 4.0F, 8192};
  CHECK_NOTHROW(validate(scaled, "file"));
}

TEST_CASE("Sizes must be positive and sane") {
  check_refused([](ModelConfig& c) { c.vocabulary_size = 0; },
                "file: vocabulary size is 0, expected 1 to 16777216");
  check_refused([](ModelConfig& c) { c.hidden_size = std::numeric_limits<std::size_t>::max(); },
                "hidden size is 18446744073709551615");
  check_refused([](ModelConfig& c) { c.intermediate_size = 0; }, "intermediate size is 0");
  check_refused([](ModelConfig& c) { c.layers = 100'000; },
                "number of layers is 100000, expected 1 to 4096");
  check_refused([](ModelConfig& c) { c.heads = 0; }, "number of heads is 0");
  check_refused([](ModelConfig& c) { c.kv_heads = 0; },
                "number of key/value heads is 0, expected 1 to 4");
  check_refused([](ModelConfig& c) { c.kv_heads = 8; },
                "number of key/value heads is 8, expected 1 to 4");
  check_refused([](ModelConfig& c) { c.context_length = 0; }, "context length is 0");
  check_refused([](ModelConfig& c) { c.sliding_window = 0; }, "sliding window is 0");
}

TEST_CASE("Heads must share key/value heads evenly and have an even dimension") {
  check_refused([](ModelConfig& c) { c.kv_heads = 3; },
                "4 heads cannot share 3 key/value heads evenly");
  check_refused([](ModelConfig& c) { c.head_dim = 7; }, "head dimension 7 is odd");
}

TEST_CASE("Epsilon, theta and scaling must be positive and finite") {
  check_refused([](ModelConfig& c) { c.norm_epsilon = 0; }, "norm epsilon is 0");
  check_refused([](ModelConfig& c) { c.norm_epsilon = std::numeric_limits<float>::quiet_NaN(); },
                "norm epsilon is nan");
  check_refused([](ModelConfig& c) { c.rope_theta = std::numeric_limits<float>::infinity(); },
                "rope theta is inf");
  const auto scaled = [](RopeScaling scaling) {
    return [scaling](ModelConfig& c) { c.rope_scaling = scaling; };
  };
  check_refused(scaled({RopeScaling::Kind::linear, 0.0F}), "rope scaling factor is 0");
  check_refused(scaled({RopeScaling::Kind::llama3, 8.0F, 0.0F, 4.0F, 8192}),
                "rope low_freq_factor is 0");
  check_refused(scaled({RopeScaling::Kind::llama3, 8.0F, 4.0F, 4.0F, 8192}),
                "high_freq_factor 4 must be above low_freq_factor 4");
  check_refused(scaled({RopeScaling::Kind::llama3, 8.0F, 1.0F, 4.0F, 0}),
                "rope original context is 0");
}

TEST_CASE("Token ids must be in the vocabulary") {
  check_refused([](ModelConfig& c) { c.bos_token = 64; },
                "BOS token is 64, but the vocabulary has 64 tokens");
  check_refused([](ModelConfig& c) { c.bos_token = -2; }, "BOS token is -2");
  check_refused([](ModelConfig& c) { c.eos_tokens = {2, 99}; }, "EOS token is 99");
  check_refused([](ModelConfig& c) { c.pad_token = 64; }, "padding token is 64");
}

}  // namespace
}  // namespace tutti
