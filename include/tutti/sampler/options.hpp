// SPDX-License-Identifier: Apache-2.0
#pragma once
// The options of the built-in samplers, as plain data.

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

/// The order of the filters; the same options keep different tokens in each order. Logit biases
/// always come first, then the penalties.
enum class SamplerOrder : std::uint8_t {
  /// Top-k, top-p, min-p, temperature. Penalties cover the last 64 tokens by default.
  llama_cpp,
  /// Temperature, top-k, top-p, min-p. Penalties cover the whole history by default.
  hugging_face,
};

/// The defaults sample from the model's own distribution: no logit is changed, no token dropped.
struct SamplingOptions {
  float temperature = 1.0F;         ///< 0 is greedy; else from 1e-6 to 1e6.
  std::size_t top_k = 0;            ///< 0 is off.
  float top_p = 1.0F;               ///< From 0 (one token) to 1 (off).
  float min_p = 0.0F;               ///< From 0 (off) to 1.
  float repetition_penalty = 1.0F;  ///< Positive; 1 is off.
  float presence_penalty = 0.0F;    ///< 0 is off.
  float frequency_penalty = 0.0F;   ///< 0 is off.
  /// Number of most recent tokens, prompt included, that penalties cover. The default is that of
  /// llama.cpp or transformers, by `order`.
  std::optional<std::size_t> penalty_last_n = {};
  /// Added to the logits of these tokens; -infinity forbids one.
  std::vector<std::pair<Token, float>> logit_bias = {};
  SamplerOrder order = SamplerOrder::llama_cpp;

  friend bool operator==(const SamplingOptions&, const SamplingOptions&) = default;

  /// The options of the Penalties filter.
  [[nodiscard]] Penalties::Options penalties() const {
    const std::size_t usual = order == SamplerOrder::llama_cpp ? 64 : Penalties::kWholeHistory;
    return {repetition_penalty, presence_penalty, frequency_penalty,
            penalty_last_n.value_or(usual)};
  }

  /// Checks all options. @throws OptionError naming the value and the allowed range.
  void validate(std::size_t vocabulary_size) const {
    // The filters' constructors check their arguments.
    static_cast<void>(Temperature(temperature));
    static_cast<void>(TopP(top_p));
    static_cast<void>(MinP(min_p));
    static_cast<void>(Penalties(penalties()));
    LogitBias(logit_bias).check(vocabulary_size);
  }
};

}  // namespace tutti
