// SPDX-License-Identifier: Apache-2.0
#pragma once
// Byte-pair encoding on characters with byte fallback: how tokenizer.json represents the
// SentencePiece tokenizers of Llama 2, Mistral and Gemma. A piece starts as code points, those
// without a token as the tokens of their bytes, which are merged.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/text/bpe/bpe_merger.hpp"
#include "tutti/text/bpe/byte_tokens.hpp"
#include "tutti/text/bpe/merge_bpe.hpp"
#include "tutti/text/bpe/vocabulary.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

class CharacterBpe final : public MergeBpe {
 public:
  /// See MergeBpe.
  /// @param byte_fallback encode a character that has no token as the tokens <0xNN> of its bytes,
  /// if all of them exist.
  CharacterBpe(Vocabulary vocabulary, std::span<const BpeMerge> merges, BpeOptions options,
               bool byte_fallback)
      : MergeBpe(std::move(vocabulary), merges, options) {
    for (std::size_t byte = 0; byte_fallback && byte < 256; ++byte) {
      const auto value = static_cast<unsigned char>(byte);
      if (const std::optional<Token> token = this->vocabulary().find(byte_token_text(value)))
        byte_tokens_.set(value, *token);
    }
  }

 private:
  void append_symbols(std::string_view piece, std::vector<Token>& tokens) const override {
    // As in tokenizers, the unknown token is written before the next character that has a token of
    // its own, so byte tokens come before it.
    bool unknown_waits = false;
    for (std::size_t at = 0; at < piece.size();) {
      const std::string_view character = piece.substr(at, decode_utf8(piece, at).length);
      at += character.size();
      if (const std::optional<Token> token = vocabulary().find(character)) {
        if (std::exchange(unknown_waits, false)) tokens.push_back(*options().unknown);
        tokens.push_back(*token);
      } else if (!byte_tokens_.append(character, tokens) && options().unknown) {
        if (unknown_waits && !options().fuse_unknown) tokens.push_back(*options().unknown);
        unknown_waits = true;
      }
    }
    if (unknown_waits) tokens.push_back(*options().unknown);
  }

  ByteTokens byte_tokens_;
};

}  // namespace tutti
