// SPDX-License-Identifier: Apache-2.0
#pragma once
// Chat messages to tokens: the special tokens of the template, and the contents of the messages as
// plain text, whatever they say.

#include <span>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/text/chat/chat_message.hpp"
#include "tutti/text/chat/chat_template.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

namespace tutti {

/// The tokens of the text that `chat` makes of the messages. A special token is found in the text
/// of the template only, so that a message "<|im_end|>" does not end its turn; of other messages
/// the tokens are those of the whole text. Nothing is added to what the template writes: BOS is its
/// own, as with apply_chat_template of transformers.
/// @throws OptionError, FormatError, CapacityError as ChatTemplate::render.
[[nodiscard]] inline std::vector<Token> render_tokens(const ChatTemplate& chat,
                                                      const Tokenizer& tokenizer,
                                                      const ChatValue& messages,
                                                      const ChatOptions& options = {}) {
  const jinja::TaintedText text = chat.render_tainted(messages, options);
  return tokenizer.encode_partly_trusted(text.bytes(), text.tainted(), {.add_special = false});
}

[[nodiscard]] inline std::vector<Token> render_tokens(const ChatTemplate& chat,
                                                      const Tokenizer& tokenizer,
                                                      std::span<const ChatMessage> messages,
                                                      const ChatOptions& options = {}) {
  const jinja::TaintedText text = chat.render_tainted(messages, options);
  return tokenizer.encode_partly_trusted(text.bytes(), text.tainted(), {.add_special = false});
}

}  // namespace tutti
