// SPDX-License-Identifier: Apache-2.0
#pragma once
// How an ensemble turns text into tokens and back: three functions and a list, so that a model with
// a tokenizer of its own can take part. Tokenizer makes one by `codec_of`.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"

namespace tutti {

/// Text in and out of a vocabulary. `encode` may be empty where prompts are given as tokens,
/// `token_bytes` where texts are not wanted.
struct TextCodec {
  std::function<std::vector<Token>(std::string_view)> encode;
  /// Bytes of one token; may end within a code point. Empty for special tokens.
  std::function<std::string(Token)> token_bytes;
  std::vector<Token> end_of_text;  ///< Tokens after which the model has nothing more to say.
};

}  // namespace tutti
