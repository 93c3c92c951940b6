// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a caller asks of an ensemble: plain data with sensible defaults.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/stop_token.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/options.hpp"
#include "tutti/sampler/sampler.hpp"

namespace tutti {

/// Limits on what one request may use. Zero means no limit. A request that reaches one ends with
/// what it has, which is scored all the same.
struct Budget {
  std::size_t max_total_tokens = 0;  ///< Tokens drawn by all candidates together.
  /// Wall-clock time of prompt and decoding, looked at before each token. The only limit that makes
  /// results depend on speed.
  double max_seconds = 0;
};

/// News of one candidate while it is being written.
struct StreamEvent {
  std::uint32_t expert = 0;
  std::uint32_t sample = 0;
  Token token = -1;  ///< The token just drawn; -1 in the closing event of a candidate.
  /// log p of that token under the expert, temperature 1, unfiltered; nats.
  float log_probability = 0.0F;
  /// Text that has become certain: whole UTF-8, and no beginning of a stop string. Valid
  std::string_view text;
  /// < during the call only.
  /// Why the candidate has ended, in its last event.
  FinishReason finish = FinishReason::running;
};

/// A sampler of the caller's own, in the form of the concept Sampler. Several threads may call it
/// at once.
using CustomSampler = std::function<Token(std::span<const float> logits, const SamplingContext&,
                                          const DrawKey&, SamplerScratch&)>;

/// A request. Give `prompt` or `prompt_tokens`.
struct Request {
  /// Encoded by the ensemble's tokenizer; special tokens in it are recognized.
  std::string prompt;
  /// Used as they are when not empty; then `prompt` must be empty.
  std::vector<Token> prompt_tokens;
  std::size_t samples_per_expert = 2;
  std::size_t max_new_tokens = 128;  ///< For each candidate.
  SamplingOptions sampling;
  CustomSampler custom_sampler;  ///< Draws instead of what `sampling` describes, when given.
  /// A candidate ends before the first of these in its text, in which special tokens have none.
  std::vector<std::string> stop_strings;
  std::vector<Token> stop_tokens;   ///< Beside the model's own end-of-text tokens.
  bool ignore_end_of_text = false;  ///< Go on past end-of-text tokens, for benchmarks.
  std::uint64_t seed = 0;
  /// Draws of requests with different ids are independent even when their seeds are equal.
  std::uint32_t id = 0;
  Budget budget;
  StopToken stop;  ///< Ends the generation after the current step when asked to.
  /// Called in the thread that generates, which must not use the same ensemble meanwhile. It may
  /// throw, which ends the request.
  std::function<void(const StreamEvent&)> stream;
};

/// How `fuse` combines the experts' next-token distributions.
enum class Fusion : std::uint8_t {
  mean_of_probabilities,  ///< log mean_e p_e(t): a mixture.
  product_of_experts,     ///< mean_e log p_e(t), renormalized: a geometric mean.
};

}  // namespace tutti
