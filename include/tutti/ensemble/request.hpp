// SPDX-License-Identifier: Apache-2.0
#pragma once
// A request to an ensemble: plain data with defaults.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/threads/stop_token.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/options.hpp"
#include "tutti/sampler/sampler.hpp"
#include "tutti/text/chat/chat_message.hpp"

namespace tutti {

/// Limits of one request; 0 means no limit. When a limit is reached, the candidates end as they are
/// and are scored.
struct Budget {
  std::size_t max_total_tokens = 0;  ///< Generated tokens of all candidates together.
  /// Wall-clock time of prefill and decoding, checked before each token. This is the only option
  /// that makes results depend on speed.
  double max_seconds = 0;
};

/// A new token of one candidate, or its end.
struct StreamEvent {
  std::uint32_t expert = 0;
  std::uint32_t sample = 0;
  Token token = -1;  ///< The new token; -1 in the last event of a candidate.
  /// log p of that token under the expert, at temperature 1, unfiltered; nats.
  float log_probability = 0.0F;
  /// New text that can no longer change: complete UTF-8, and not the start of a stop string. Valid
  /// during the call only.
  std::string_view text;
  /// The reason why the candidate ended, in its last event; before that `running`.
  FinishReason finish = FinishReason::running;
};

/// A custom sampler, with the signature of the concept Sampler. It may be called by several threads
/// at once.
using CustomSampler = std::function<Token(std::span<const float> logits, const SamplingContext&,
                                          const DrawKey&, SamplerScratch&)>;

/// A request. Give exactly one of `prompt`, `messages` and `prompt_tokens`.
struct Request {
  /// A text for the ensemble's tokenizer, which recognizes special tokens in it.
  std::string prompt;
  /// A chat; the codec applies the model's chat template.
  std::vector<ChatMessage> messages;
  /// Tokens, used unchanged.
  std::vector<Token> prompt_tokens;
  std::size_t samples_per_expert = 2;
  std::size_t max_new_tokens = 128;  ///< Per candidate.
  SamplingOptions sampling;
  /// Custom filters, for instance a grammar's token mask. They run in this order before everything
  /// that `sampling` describes (logit bias, penalties, top-k, ...), so they see the model's logits;
  /// with `fuse`, the fused log-probabilities. Greedy sampling applies them too. With filters, all
  /// tokens are drawn on the host, also with a backend that could draw on its device.
  std::vector<CustomFilter> filters;
  /// Draws the tokens instead of `sampling` and `filters`, which must keep their defaults.
  CustomSampler custom_sampler;
  /// A candidate ends before the first of these in its text. Special tokens have no text.
  std::vector<std::string> stop_strings;
  std::vector<Token> stop_tokens;   ///< In addition to the models' own end tokens.
  bool ignore_end_of_text = false;  ///< Continue after end tokens, for benchmarks.
  std::uint64_t seed = 0;
  /// Selects an independent stream of random draws: requests with equal seeds and different streams
  /// draw independently.
  std::uint32_t draw_stream = 0;
  Budget budget;
  StopToken stop;  ///< When a stop is requested, generation ends after the current step.
  /// Among the requests of an engine, those of a higher priority are computed first.
  int priority = 0;
  /// When it passes, the candidates end as they are, as with Budget::max_seconds.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  /// Called in the thread that generates; it must not use the same ensemble. If it throws, the
  /// request ends and the exception leaves `generate`.
  std::function<void(const StreamEvent&)> stream;
};

/// How `fuse` combines the experts' next-token distributions.
enum class Fusion : std::uint8_t {
  mean_of_probabilities,  ///< log mean_e p_e(t): a mixture.
  product_of_experts,     ///< mean_e log p_e(t), renormalized: a geometric mean.
};

}  // namespace tutti
