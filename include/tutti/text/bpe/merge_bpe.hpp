// SPDX-License-Identifier: Apache-2.0
#pragma once
// What byte-level and character BPE share: a piece becomes symbols, which are merged by rules.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/bpe/bpe_merger.hpp"
#include "tutti/text/bpe/piece_encoder.hpp"
#include "tutti/text/bpe/vocabulary.hpp"

namespace tutti {

/// Base of ByteLevelBpe and CharacterBpe, which differ in the symbols they start from.
class MergeBpe : public PieceEncoder {
 public:
  [[nodiscard]] const Vocabulary& vocabulary() const final { return vocabulary_; }

  void encode(std::string_view piece, std::vector<Token>& tokens) const final {
    if (options_.ignore_merges) {
      if (const std::optional<Token> whole = vocabulary_.find(piece))
        return tokens.push_back(*whole);
    }
    const std::size_t before = tokens.size();
    append_symbols(piece, tokens);
    const std::span<Token> symbols(tokens.data() + before, tokens.size() - before);
    tokens.resize(before + merger_.merge(symbols));
  }

 protected:
  /// @param vocabulary single symbols and merged tokens; those that are not findable are not used.
  /// @param merges in order of rank, the first merged first.
  /// @throws FormatError when two merges join the same tokens; OptionError when a token of `merges`
  /// or `options` is not in the vocabulary.
  MergeBpe(Vocabulary vocabulary, std::span<const BpeMerge> merges, BpeOptions options)
      : vocabulary_(std::move(vocabulary)), options_(options), merger_(merges) {
    for (const BpeMerge& merge : merges) {
      for (const Token token : {merge.left, merge.right, merge.merged})
        check_token(token, "a merge");
    }
    if (options_.unknown) check_token(*options_.unknown, "the unknown token");
  }

  /// Appends the tokens of the single symbols of `piece`.
  virtual void append_symbols(std::string_view piece, std::vector<Token>& tokens) const = 0;

  [[nodiscard]] const BpeOptions& options() const { return options_; }

 private:
  void check_token(Token token, std::string_view what) const {
    require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < vocabulary_.size(), what,
                         " names token ", token, ", the vocabulary has ", vocabulary_.size());
  }

  Vocabulary vocabulary_;
  BpeOptions options_;
  detail::BpeMerger merger_;
};

}  // namespace tutti
