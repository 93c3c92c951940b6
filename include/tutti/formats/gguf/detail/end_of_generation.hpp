// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokens that llama.cpp recognizes by their text as the end of a generation.

#include <algorithm>
#include <array>
#include <string_view>

namespace tutti::detail {

/// Whether a token with this text ends a generation, whatever the file says about it.
[[nodiscard]] inline bool is_end_of_generation(std::string_view token) {
  constexpr std::array<std::string_view, 20> kTexts{
      "</s>",          "<|eot_id|>",         "<|im_end|>", "<|end|>", "<|return|>",
      "<|call|>",      "<|flush|>",          "<|calls|>",  "<turn|>", "<end_of_turn>",
      "<|endoftext|>", "<|end_of_text|>",    "<|eom_id|>", "<EOT>",   "_<EOT>",
      "[EOT]",         "<end_of_utterance>", "[EOS]",      "<eos>",   "<|tool_response>"};
  return std::find(kTexts.begin(), kTexts.end(), token) != kTexts.end();
}

}  // namespace tutti::detail
