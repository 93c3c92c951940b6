// SPDX-License-Identifier: Apache-2.0
#pragma once
// The contents of a tokenizer file: the readers of tokenizer.json and GGUF fill it in, Tokenizer is
// constructed from it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/added_tokens.hpp"
#include "tutti/text/tokenizer/named_token.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"

namespace tutti {

/// How pieces become tokens.
enum class TokenizerModel : std::uint8_t {
  byte_level_bpe,     ///< See ByteLevelBpe. Tokens are written in the byte alphabet.
  character_bpe,      ///< See CharacterBpe.
  sentencepiece_bpe,  ///< See SentencePieceBpe. It has scores instead of merges.
};

/// A BPE tokenizer. Nothing is checked before a Tokenizer is constructed from it.
struct TokenizerDefinition {
  struct Entry {
    /// As in the file; of a byte-level model usually in the byte alphabet.
    std::string text;
    /// The text stands for itself, not for bytes in the byte alphabet, and is not used in merges.
    bool literal = false;
    bool unused = false;  ///< See SentencePieceBpe.
  };

  struct Merge {
    std::string left;
    std::string right;
  };

  std::string source;  ///< The file, for messages.
  TokenizerModel model = TokenizerModel::byte_level_bpe;
  std::vector<Entry> tokens;               ///< By id.
  std::vector<Merge> merges;               ///< In order of rank, written as the tokens are.
  std::vector<float> scores;               ///< By id, of a SentencePiece model.
  std::vector<AddedToken> added_tokens;    ///< Found in the text before it is cut into pieces.
  std::vector<NormalizerStep> normalizer;  ///< Applied to the text between added tokens.
  /// At first PreTokenizer::gpt2 alone.
  std::vector<PreTokenizerStep> pre_tokenizer = std::vector<PreTokenizerStep>(1);
  /// See CharacterBpe. SentencePiece models use byte tokens if they have them.
  bool byte_fallback = false;
  bool ignore_merges = false;  ///< See BpeOptions, as for the next two.
  std::optional<Token> unknown;
  bool fuse_unknown = false;
  /// Applied to the text of a decoded token; not for byte-level models.
  std::vector<ReplaceStep> decoder_replacements;
  bool decode_byte_tokens = false;  ///< <0xNN> is decoded to the byte.
  /// Number of spaces removed from the beginning of a decoded text.
  std::size_t decoder_strips_spaces = 0;
  /// Put before every text that is encoded with special tokens, often BOS.
  std::vector<Token> prefix;
  std::vector<Token> suffix;  ///< Put after it.
  std::optional<Token> bos;
  std::optional<Token> eos;
  std::vector<Token> end_tokens;         ///< Beside EOS: end of turn, end of message.
  std::vector<NamedToken> named_tokens;  ///< See Tokenizer::named_tokens.
  std::string chat_template;             ///< Jinja; empty if there is none.
};

}  // namespace tutti
