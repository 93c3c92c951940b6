// SPDX-License-Identifier: Apache-2.0
#pragma once
// Penalties for tokens that have occurred before: repetition (Keskar et al., "CTRL", 2019),
// presence and frequency.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tutti/base/error.hpp"
#include "tutti/sampler/sampler.hpp"

namespace tutti {

/// Let c(t) be the number of occurrences of t in the last `last_n` tokens of the history, prompt
/// included. A token with c(t) > 0 first gets l > 0 ? l / repetition : l * repetition, then l -
/// presence - frequency c(t).
class Penalties {
 public:
  static constexpr std::size_t kWholeHistory = std::numeric_limits<std::size_t>::max();

  struct Options {
    float repetition = 1.0F;             ///< 1 is off; larger values penalize.
    float presence = 0.0F;               ///< 0 is off.
    float frequency = 0.0F;              ///< 0 is off.
    std::size_t last_n = kWholeHistory;  ///< 0 is off.
  };

  Penalties() = default;
  /// @throws OptionError unless repetition is positive and all three are finite.
  explicit Penalties(const Options& options) : options_(options) {
    require<OptionError>(options.repetition > 0.0F && std::isfinite(options.repetition),
                         "repetition_penalty is ", options.repetition,
                         ": it must be positive and finite; 1 is off");
    require<OptionError>(std::isfinite(options.presence), "presence_penalty is ", options.presence,
                         ": it must be finite; 0 is off");
    require<OptionError>(std::isfinite(options.frequency), "frequency_penalty is ",
                         options.frequency, ": it must be finite; 0 is off");
  }

  /// @throws OptionError for a token of the history that is outside the vocabulary.
  void apply(LogitSet& candidates, const SamplingContext& context) const {
    if (options_.repetition == 1.0F && options_.presence == 0.0F && options_.frequency == 0.0F)
      return;
    const std::span<const Token> window = context.history.last(
        std::min(options_.last_n, context.history.size()));
    if (window.empty()) return;
    const std::size_t vocabulary = candidates.vocabulary_size();
    for (const Token token : window) {
      require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < vocabulary,
                           "the history has token ", token, ": the vocabulary has ", vocabulary,
                           " tokens");
    }
    const std::span<std::uint32_t> counts = candidates.token_counts();
    for (const Token token : window) ++counts[static_cast<std::size_t>(token)];
    penalize(candidates, window, counts);
    for (const Token token : window) counts[static_cast<std::size_t>(token)] = 0;
  }

 private:
  void penalize(LogitSet& candidates, std::span<const Token> window,
                std::span<std::uint32_t> counts) const {
    const std::span<float> logits = candidates.dense_logits();
    if (logits.empty()) {
      candidates.transform_logits([&](Token token, float logit) {
        const std::uint32_t count = counts[static_cast<std::size_t>(token)];
        return count == 0 ? logit : penalized(logit, count);
      });
      return;
    }
    for (const Token token : window) {
      const auto t = static_cast<std::size_t>(token);
      if (counts[t] == 0) continue;  // already penalized
      logits[t] = penalized(logits[t], counts[t]);
      counts[t] = 0;
    }
  }

  [[nodiscard]] float penalized(float logit, std::uint32_t count) const {
    logit = logit > 0.0F ? logit / options_.repetition : logit * options_.repetition;
    return logit - options_.presence - options_.frequency * static_cast<float>(count);
  }

  Options options_;
};

static_assert(LogitFilter<Penalties>);

}  // namespace tutti
