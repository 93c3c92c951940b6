// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a tokenizer is made of, as a file says it: the readers of tokenizer.json and GGUF fill this in, Tokenizer runs it.

#include <optional>
#include <string>
#include <vector>

#include "tutti/core/types.hpp"
#include "tutti/text/added_tokens.hpp"
#include "tutti/text/pre_tokenizer.hpp"

namespace tutti {

/// A byte-level BPE tokenizer. Nothing is checked before Tokenizer gets it.
struct TokenizerDefinition {
  struct Entry {
    std::string text;      ///< As the file has it, usually in the byte alphabet.
    bool literal = false;  ///< The text means itself, not the byte alphabet, and takes no part in merges.
  };

  struct Merge {
    std::string left;
    std::string right;
  };

  std::string source;                    ///< The file, for messages.
  std::vector<Entry> tokens;             ///< By id.
  std::vector<Merge> merges;             ///< In order of rank, in the byte alphabet.
  std::vector<AddedToken> added_tokens;  ///< Found in the text before it is cut into pieces.
  PreTokenizer pre_tokenizer = PreTokenizer::gpt2;
  bool add_prefix_space = false;  ///< Put a space before a text that begins without one.
  bool ignore_merges = false;     ///< See BpeOptions, as for the next two.
  std::optional<Token> unknown;
  bool fuse_unknown = false;
  std::vector<Token> prefix;  ///< Begins every text that is encoded with its special tokens, often the BOS token.
  std::vector<Token> suffix;  ///< Ends it.
  std::optional<Token> bos;
  std::optional<Token> eos;
  std::string chat_template;  ///< Jinja; empty if there is none.
};

}  // namespace tutti
