// SPDX-License-Identifier: Apache-2.0
#pragma once
// How an ensemble turns text into tokens and back: two functions and a list, so that models with
// any tokenizer can be used. `codec_of` makes one from a Tokenizer.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"

namespace tutti {

/// `encode` may be empty if prompts are given as tokens, `token_bytes` if no text is wanted.
struct TextCodec {
  std::function<std::vector<Token>(std::string_view)> encode;
  /// Bytes of one token; may end within a code point. Empty for special tokens.
  std::function<std::string(Token)> token_bytes;
  std::vector<Token> end_of_text;  ///< Tokens that end an answer.
};

}  // namespace tutti
