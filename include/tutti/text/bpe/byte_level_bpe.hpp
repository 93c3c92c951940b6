// SPDX-License-Identifier: Apache-2.0
#pragma once
// Byte-pair encoding of one piece of text on bytes, as GPT-2 has it: start from single bytes and
// merge.

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/bpe/bpe_merger.hpp"
#include "tutti/text/bpe/vocabulary.hpp"

namespace tutti {

/// Merges the bytes of pieces into tokens. Immutable, so const methods may run in any number of
/// threads.
class ByteLevelBpe {
 public:
  /// @param vocabulary single bytes and merged tokens; those that are not findable take no part.
  /// @param merges in order of rank, the first merged first.
  /// @throws FormatError when two merges join the same tokens; OptionError when a token of `merges`
  /// or `options` is none.
  ByteLevelBpe(Vocabulary vocabulary, std::span<const BpeMerge> merges, BpeOptions options)
      : vocabulary_(std::move(vocabulary)), options_(options), merger_(merges) {
    for (const BpeMerge& merge : merges) {
      for (const Token token : {merge.left, merge.right, merge.merged})
        check_token(token, "a merge");
    }
    if (options_.unknown) check_token(*options_.unknown, "the unknown token");
    for (std::size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
      const char text = static_cast<char>(byte);
      byte_tokens_[byte] = vocabulary_.find({&text, 1}).value_or(kNoToken);
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
    append_bytes(piece, tokens);
    const std::span<Token> symbols(tokens.data() + before, tokens.size() - before);
    tokens.resize(before + merger_.merge(symbols));
  }

 private:
  static constexpr Token kNoToken = -1;

  void check_token(Token token, std::string_view what) const {
    require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < vocabulary_.size(), what,
                         " names token ", token, ", the vocabulary has ", vocabulary_.size());
  }

  void append_bytes(std::string_view piece, std::vector<Token>& tokens) const {
    bool after_unknown = false;
    for (const char byte : piece) {
      const Token token = byte_tokens_[static_cast<unsigned char>(byte)];
      const bool unknown = token == kNoToken;
      if (!unknown) {
        tokens.push_back(token);
      } else if (options_.unknown && !(after_unknown && options_.fuse_unknown)) {
        tokens.push_back(*options_.unknown);
      }
      after_unknown = unknown;
    }
  }

  Vocabulary vocabulary_;
  BpeOptions options_;
  detail::BpeMerger merger_;
  std::array<Token, 256> byte_tokens_{};
};

}  // namespace tutti
