// SPDX-License-Identifier: Apache-2.0
#pragma once
// Byte-pair encoding on characters with byte fallback: how tokenizer.json writes the SentencePiece
// tokenizers of Llama 2, Mistral and Gemma. Start from code points, those without a token as the
// tokens of their bytes, and merge.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/bpe/bpe_merger.hpp"
#include "tutti/text/bpe/byte_tokens.hpp"
#include "tutti/text/bpe/vocabulary.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

/// Merges the characters of pieces into tokens. Immutable, so const methods may run in any number
/// of threads.
class CharacterBpe {
 public:
  /// @param vocabulary characters, byte tokens and merged tokens; those that are not findable take
  /// no part.
  /// @param merges in order of rank, the first merged first.
  /// @param byte_fallback write a character that has no token as the tokens <0xNN> of its bytes, if
  /// it has all of them.
  /// @throws FormatError when two merges join the same tokens. Precondition: all tokens are in the
  /// vocabulary.
  CharacterBpe(Vocabulary vocabulary, std::span<const BpeMerge> merges, BpeOptions options,
               bool byte_fallback)
      : vocabulary_(std::move(vocabulary)), options_(options), merger_(merges) {
    for (std::size_t byte = 0; byte_fallback && byte < 256; ++byte) {
      const auto value = static_cast<unsigned char>(byte);
      if (const std::optional<Token> token = vocabulary_.find(byte_token_text(value)))
        byte_tokens_.set(value, *token);
    }
  }

  [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }

  /// Appends the tokens of `piece` to `tokens`. Time O(n log n) in the length of the piece.
  void encode(std::string_view piece, std::vector<Token>& tokens) const {
    if (options_.ignore_merges) {
      if (const std::optional<Token> whole = vocabulary_.find(piece))
        return tokens.push_back(*whole);
    }
    const std::size_t before = tokens.size();
    append_characters(piece, tokens);
    const std::span<Token> symbols(tokens.data() + before, tokens.size() - before);
    tokens.resize(before + merger_.merge(symbols));
  }

 private:
  void append_characters(std::string_view piece, std::vector<Token>& tokens) const {
    // As in tokenizers, the unknown token waits for the next character with a token of its own, so
    // that byte tokens overtake it.
    bool unknown_waits = false;
    for (std::size_t at = 0; at < piece.size();) {
      const std::string_view character = piece.substr(at, decode_utf8(piece, at).length);
      at += character.size();
      if (const std::optional<Token> token = vocabulary_.find(character)) {
        if (std::exchange(unknown_waits, false)) tokens.push_back(*options_.unknown);
        tokens.push_back(*token);
      } else if (!byte_tokens_.append(character, tokens) && options_.unknown) {
        if (unknown_waits && !options_.fuse_unknown) tokens.push_back(*options_.unknown);
        unknown_waits = true;
      }
    }
    if (unknown_waits) tokens.push_back(*options_.unknown);
  }

  Vocabulary vocabulary_;
  BpeOptions options_;
  detail::BpeMerger merger_;
  ByteTokens byte_tokens_;
};

}  // namespace tutti
