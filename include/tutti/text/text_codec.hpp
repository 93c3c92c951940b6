// SPDX-License-Identifier: Apache-2.0
#pragma once
// How an ensemble converts text to tokens and back: a few functions and lists, so that a model with
// its own tokenizer can take part. `Experts::codec()` and `codec_of(tokenizer)` make one.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/text/chat/chat_message.hpp"

namespace tutti {

/// Text to tokens and back. A function may be empty where it is not used: `encode` and
/// `encode_chat` when prompts are given as tokens, `token_bytes` when texts are not needed.
struct TextCodec {
  std::function<std::vector<Token>(std::string_view)> encode;
  /// Applies the chat template, up to the start of the assistant's answer, and encodes the result:
  /// what the messages say as plain text, whatever special tokens it names.
  std::function<std::vector<Token>(std::span<const ChatMessage>)> encode_chat;
  /// Bytes of one token; may end inside a code point. Empty for special tokens.
  std::function<std::string(Token)> token_bytes;
  /// Tokens at which a text ends, for all experts.
  std::vector<Token> end_of_text;
  /// One list per expert, used instead of `end_of_text`; empty when all experts share that list.
  std::vector<std::vector<Token>> expert_end_tokens;

  /// Tokens at which a text of this expert ends.
  [[nodiscard]] std::span<const Token> end_tokens_of(std::uint32_t expert) const {
    return expert_end_tokens.empty() ? end_of_text : expert_end_tokens.at(expert);
  }
};

}  // namespace tutti
