// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a tokenizer is made of, as a file says it: the readers of tokenizer.json and GGUF fill this
// in, Tokenizer runs it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/added_tokens.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"

namespace tutti {

/// How pieces become tokens.
enum class TokenizerModel : std::uint8_t {
  byte_level_bpe,     ///< See ByteLevelBpe. Tokens are written in the byte alphabet.
  character_bpe,      ///< See CharacterBpe.
  sentencepiece_bpe,  ///< See SentencePieceBpe. It has scores instead of merges.
};

/// A BPE tokenizer. Nothing is checked before Tokenizer gets it.
struct TokenizerDefinition {
  struct Entry {
    /// As the file has it, with a byte-level model usually in the byte alphabet.
    std::string text;
    /// The text means itself, not the byte alphabet, and takes no part in merges.
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
  std::vector<NormalizerStep> normalizer;  ///< What is done to the text between added tokens.
  std::vector<PreTokenizerStep> pre_tokenizer{PreTokenizer::gpt2};
  /// See CharacterBpe. A SentencePiece model has byte tokens or not.
  bool byte_fallback = false;
  bool ignore_merges = false;  ///< See BpeOptions, as for the next two.
  std::optional<Token> unknown;
  bool fuse_unknown = false;
  /// Done to the text of a token that is decoded; not with a byte-level model.
  std::vector<ReplaceStep> decoder_replacements;
  bool decode_byte_tokens = false;  ///< <0xNN> is decoded to the byte.
  /// So many spaces at the beginning of a decoded text are left out.
  std::size_t decoder_strips_spaces = 0;
  /// Begins every text that is encoded with its special tokens, often the BOS token.
  std::vector<Token> prefix;
  std::vector<Token> suffix;  ///< Ends it.
  std::optional<Token> bos;
  std::optional<Token> eos;
  std::string chat_template;  ///< Jinja; empty if there is none.
};

}  // namespace tutti
