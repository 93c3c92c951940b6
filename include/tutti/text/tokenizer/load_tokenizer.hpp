// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokenizer that belongs to a model's files, and the codec that an ensemble reads and writes
// text with.

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/chat/chat_template.hpp"
#include "tutti/text/text_codec.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

namespace tutti {

/// The tokenizer inside a `.gguf` file, or tokenizer.json of a model's directory.
/// @throws FormatError when it is missing, malformed or of a kind that is not supported.
[[nodiscard]] inline Tokenizer load_tokenizer(const std::filesystem::path& path) {
  std::error_code ignored;  // what cannot be looked at cannot be opened either, and that says why
  return std::filesystem::is_directory(path, ignored) ? Tokenizer::from_hf(path)
                                                      : Tokenizer::from_gguf(GgufFile(path));
}

/// The chat template that belongs to a tokenizer, with the texts of its BOS and EOS.
/// @throws FormatError when it has none, or one that is not known.
[[nodiscard]] inline ChatTemplate chat_template_of(const Tokenizer& tokenizer) {
  const auto text = [&](std::optional<Token> token) {
    return token ? std::string(tokenizer.token_bytes(*token)) : std::string();
  };
  return ChatTemplate::from_text(tokenizer.chat_template(),
                                 {text(tokenizer.bos()), text(tokenizer.eos())});
}

/// A codec over a shared tokenizer. Special tokens have no text, nor have those that a model has
/// beyond the tokenizer's. Text ends at the tokenizer's EOS, at `end_tokens` (those of the model's
/// configuration), and at the end-of-turn markers of the common chat formats, as far as they are
/// special tokens. A text that begins with BOS itself, as a rendered chat may, gets no second one.
[[nodiscard]] inline TextCodec codec_of(const std::shared_ptr<const Tokenizer>& tokenizer,
                                        std::vector<Token> end_tokens = {}) {
  const auto add = [&](std::optional<Token> token) {
    if (token && std::find(end_tokens.begin(), end_tokens.end(), *token) == end_tokens.end())
      end_tokens.push_back(*token);
  };
  add(tokenizer->eos());
  constexpr std::array<std::string_view, 5> kEndMarkers{"<|im_end|>", "<|endoftext|>", "<|eot_id|>",
                                                        "<|end_of_text|>", "<end_of_turn>"};
  for (const std::string_view marker : kEndMarkers) {
    const std::optional<Token> token = tokenizer->find(marker);
    if (token && tokenizer->is_special(*token)) add(token);
  }
  TextCodec codec;
  codec.encode = [tokenizer](std::string_view text) {
    std::vector<Token> tokens = tokenizer->encode(text);
    const bool twice = tokenizer->bos() && tokens.size() > 1 && tokens[0] == *tokenizer->bos() &&
                       tokens[1] == tokens[0];
    if (twice) tokens.erase(tokens.begin());
    return tokens;
  };
  codec.token_bytes = [tokenizer](Token token) {
    const bool has_text = static_cast<std::size_t>(token) < tokenizer->vocabulary_size() &&
                          !tokenizer->is_special(token);
    return has_text ? std::string(tokenizer->token_bytes(token)) : std::string();
  };
  codec.end_of_text = std::move(end_tokens);
  return codec;
}

/// The same for a tokenizer that is not used elsewhere.
[[nodiscard]] inline TextCodec codec_of(Tokenizer tokenizer, std::vector<Token> end_tokens = {}) {
  return codec_of(std::make_shared<const Tokenizer>(std::move(tokenizer)), std::move(end_tokens));
}

}  // namespace tutti
