// SPDX-License-Identifier: Apache-2.0
#pragma once
// A language model over letters, all of whose logits are known, and its codec.

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/text/text_codec.hpp"

namespace tutti::test {

/// Tokens 0 to 25 are letters, 26 ends the text. After any token t the model gives t + step the
/// logit `confidence`, the end token the logit `end`, and all others 0.
struct LetterModel {
  int step = 1;
  float confidence = 3.0F;
  float end = -20.0F;
  std::size_t context = 1000;

  static constexpr Token kEnd = 26;

  [[nodiscard]] static std::size_t vocabulary_size() { return 27; }
  [[nodiscard]] std::size_t context_length() const { return context; }
  void next_logits(std::span<const Token> tokens, std::span<float> logits) const {
    for (float& logit : logits) logit = 0.0F;
    logits[static_cast<std::size_t>((tokens.back() + step) % 26)] = confidence;
    logits[kEnd] = end;
  }

  /// log p of the token that the model prefers, after any letter.
  [[nodiscard]] double log_probability_of_favorite() const {
    return static_cast<double>(confidence) - std::log(std::exp(static_cast<double>(confidence)) +
                                                      25.0 + std::exp(static_cast<double>(end)));
  }
};

inline TextCodec letter_codec() {
  TextCodec codec;
  codec.encode = [](std::string_view text) {
    std::vector<Token> tokens;
    for (const char c : text) tokens.push_back(c - 'a');
    return tokens;
  };
  codec.token_bytes = [](Token token) {
    return token < 26 ? std::string(1, static_cast<char>('a' + token)) : std::string();
  };
  codec.end_of_text = {LetterModel::kEnd};
  return codec;
}

}  // namespace tutti::test
