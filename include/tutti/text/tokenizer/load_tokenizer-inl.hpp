// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of load_tokenizer.hpp.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/chat/chat_message.hpp"
#include "tutti/text/chat/render_tokens.hpp"
#include "tutti/text/tokenizer/load_tokenizer.hpp"

namespace tutti {

TUTTI_INLINE Tokenizer load_tokenizer(const std::filesystem::path& path) {
  std::error_code ignored;  // what cannot be accessed cannot be opened either, and that says why
  return std::filesystem::is_directory(path, ignored) ? Tokenizer::from_hf(path)
                                                      : Tokenizer::from_gguf(GgufFile(path));
}

TUTTI_INLINE ChatTemplate chat_template_of(const Tokenizer& tokenizer) {
  ChatTokens tokens;
  for (const NamedToken& named : tokenizer.named_tokens()) {
    tokens.others.emplace_back(named.name, named.text);
  }
  return ChatTemplate::from_text(tokenizer.chat_template(), std::move(tokens));
}

TUTTI_INLINE TextCodec codec_of(const std::shared_ptr<const Tokenizer>& tokenizer,
                                std::vector<Token> end_tokens) {
  TextCodec codec;
  codec.end_of_text = std::move(end_tokens);
  if (tokenizer == nullptr) return codec;
  for (const Token token : tokenizer->end_tokens()) {
    if (std::find(codec.end_of_text.begin(), codec.end_of_text.end(), token) ==
        codec.end_of_text.end())
      codec.end_of_text.push_back(token);
  }
  codec.encode = [tokenizer](std::string_view text) {
    std::vector<Token> tokens = tokenizer->encode(text);
    const bool twice = tokenizer->bos() && tokens.size() > 1 && tokens[0] == *tokenizer->bos() &&
                       tokens[1] == tokens[0];
    if (twice) tokens.erase(tokens.begin());
    return tokens;
  };
  if (!tokenizer->chat_template().empty()) {
    codec.encode_chat = [tokenizer](std::span<const ChatMessage> messages) {
      return render_tokens(chat_template_of(*tokenizer), *tokenizer, messages);
    };
  }
  codec.token_bytes = [tokenizer](Token token) {
    const bool has_text = static_cast<std::size_t>(token) < tokenizer->vocabulary_size() &&
                          !tokenizer->is_special(token);
    return has_text ? std::string(tokenizer->token_bytes(token)) : std::string();
  };
  return codec;
}

TUTTI_INLINE TextCodec codec_of(const Tokenizer& tokenizer, std::vector<Token> end_tokens) {
  return codec_of(std::make_shared<const Tokenizer>(tokenizer), std::move(end_tokens));
}

}  // namespace tutti
