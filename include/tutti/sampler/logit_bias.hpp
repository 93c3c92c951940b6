// SPDX-License-Identifier: Apache-2.0
#pragma once
// Adds a bias to the logits of given tokens; -infinity forbids a token.

#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/sampler/sampler.hpp"

namespace tutti {

/// l(t) + b(t). Several biases of one token add up.
class LogitBias {
 public:
  /// @throws OptionError for a negative token, and for a bias that is NaN or +infinity.
  explicit LogitBias(std::vector<std::pair<Token, float>> biases = {})
      : biases_(std::move(biases)) {
    for (const auto& [token, bias] : biases_) {
      require<OptionError>(token >= 0, "logit_bias has token ", token, ": tokens count from 0");
      require<OptionError>(bias < std::numeric_limits<float>::infinity(),
                           "the logit_bias of token ", token, " is ", bias,
                           ": it must be finite, or -inf to forbid the token");
    }
  }

  /// @throws OptionError for a token outside the vocabulary.
  void check(std::size_t vocabulary_size) const {
    for (const auto& [token, bias] : biases_) {
      require<OptionError>(static_cast<std::size_t>(token) < vocabulary_size,
                           "logit_bias has token ", token, ": the vocabulary has ", vocabulary_size,
                           " tokens, from 0");
    }
  }

  /// @throws OptionError for a token outside the vocabulary.
  void apply(LogitSet& candidates, const SamplingContext&) const {
    check(candidates.vocabulary_size());
    for (const auto& [token, bias] : biases_) candidates.add_to_logit(token, bias);
  }

 private:
  std::vector<std::pair<Token, float>> biases_;
};

static_assert(LogitFilter<LogitBias>);

}  // namespace tutti
