// SPDX-License-Identifier: Apache-2.0
#pragma once
// How to draw a token, as plain numbers.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/logit_bias.hpp"
#include "tutti/sampler/min_p.hpp"
#include "tutti/sampler/penalties.hpp"
#include "tutti/sampler/temperature.hpp"
#include "tutti/sampler/top_p.hpp"

namespace tutti {

/// The order in which the filters act; the same numbers keep different tokens in each. Biases
/// always come first, then the penalties.
enum class SamplerOrder : std::uint8_t {
  /// Top-k, top-p, min-p, temperature. Penalties look at the last 64 tokens unless told otherwise.
  llama_cpp,
  /// Temperature, top-k, top-p, min-p. Penalties look at the whole history unless told otherwise.
  hugging_face,
};

/// By default the model's own distribution: nothing is dropped or changed.
struct SamplingOptions {
  float temperature = 1.0F;         ///< 0 is greedy; else from 1e-6 to 1e6.
  std::size_t top_k = 0;            ///< 0 is off.
  float top_p = 1.0F;               ///< From 0 (one token) to 1 (off).
  float min_p = 0.0F;               ///< From 0 (off) to 1.
  float repetition_penalty = 1.0F;  ///< Positive; 1 is off.
  float presence_penalty = 0.0F;    ///< 0 is off.
  float frequency_penalty = 0.0F;   ///< 0 is off.
  /// Tokens that penalties look back, prompt included; as many as the order's own program by
  /// default.
  std::optional<std::size_t> penalty_last_n = {};
  /// Added to the logits of these tokens; -infinity forbids one.
  std::vector<std::pair<Token, float>> logit_bias = {};
  SamplerOrder order = SamplerOrder::llama_cpp;

  /// The penalties as the filter takes them.
  [[nodiscard]] Penalties::Options penalties() const {
    const std::size_t usual = order == SamplerOrder::llama_cpp ? 64 : Penalties::kWholeHistory;
    return {repetition_penalty, presence_penalty, frequency_penalty,
            penalty_last_n.value_or(usual)};
  }

  /// Checks all numbers. @throws OptionError naming the value and the allowed range.
  void validate(std::size_t vocabulary_size) const {
    // The filters check what they are given.
    static_cast<void>(Temperature(temperature));
    static_cast<void>(TopP(top_p));
    static_cast<void>(MinP(min_p));
    static_cast<void>(Penalties(penalties()));
    LogitBias(logit_bias).check(vocabulary_size);
  }
};

}  // namespace tutti
