// SPDX-License-Identifier: Apache-2.0
#pragma once
// One generated sequence and the reason it ended. Samplers produce candidates, scorers value them
// and selectors choose among them.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"

namespace tutti {

/// Why a candidate ended.
enum class FinishReason : std::uint8_t {
  running,       ///< Not ended yet.
  end_of_text,   ///< The model drew one of its end tokens.
  stop_token,    ///< A stop token of the request was drawn.
  stop_string,   ///< A stop string of the request appeared in the text.
  length,        ///< `max_new_tokens` reached.
  context_full,  ///< The model's context is full.
  budget,        ///< The request's budget of tokens or seconds is used up.
  canceled,      ///< The request's StopToken requested a stop.
  pruned,        ///< The method of the request stopped it.
};

[[nodiscard]] constexpr std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::running: return "running";
    case FinishReason::end_of_text: return "end_of_text";
    case FinishReason::stop_token: return "stop_token";
    case FinishReason::stop_string: return "stop_string";
    case FinishReason::length: return "length";
    case FinishReason::context_full: return "context_full";
    case FinishReason::budget: return "budget";
    case FinishReason::canceled: return "canceled";
    case FinishReason::pruned: return "pruned";
  }
  return "unknown";
}

/// Whether the text was cut off instead of coming to its own end.
[[nodiscard]] constexpr bool is_cut_off(FinishReason reason) {
  return reason == FinishReason::length || reason == FinishReason::context_full ||
         reason == FinishReason::budget || reason == FinishReason::canceled ||
         reason == FinishReason::pruned;
}

/// One of the N x M sequences of a request.
struct Candidate {
  std::uint32_t expert = 0;   ///< Index of the expert that wrote it.
  std::uint32_t sample = 0;   ///< Index among that expert's samples.
  std::vector<Token> tokens;  ///< The generated tokens, the end token excluded.
  /// log p of each token under its own expert, at temperature 1, unfiltered; nats.
  std::vector<float> log_probabilities;
  std::string text;  ///< Decoded text, complete UTF-8, cut before a stop string.
  FinishReason finish = FinishReason::running;
  /// The scorer's value; NaN until scored.
  double score = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace tutti
