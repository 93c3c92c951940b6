// SPDX-License-Identifier: Apache-2.0
#pragma once
// SentencePiece's byte-pair encoding (Kudo and Richardson, "SentencePiece: A simple and language
// independent subword tokenizer and detokenizer for Neural Text Processing", EMNLP 2018), as GGUF
// files of the model "llama" describe it. There are no merge rules: adjacent symbols are joined if
// their concatenation is a token, the highest score first, the leftmost on ties.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <queue>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/bpe/byte_tokens.hpp"
#include "tutti/text/bpe/piece_encoder.hpp"
#include "tutti/text/bpe/vocabulary.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

/// Joins the characters of a text into tokens.
class SentencePieceBpe final : public PieceEncoder {
 public:
  struct Options {
    std::vector<float> scores;  ///< By token.
    /// By token: joined as a step towards longer tokens, but split again at the end.
    std::vector<bool> unused;
    ByteTokens byte_tokens;  ///< For characters without a token.
    /// Replaces a character without byte tokens; without it the character is dropped.
    std::optional<Token> unknown;
  };

  /// @param vocabulary the findable tokens are those that text can become, not control and byte
  /// tokens.
  /// @throws FormatError when a score is NaN, or when the numbers of scores and tokens differ.
  SentencePieceBpe(Vocabulary vocabulary, Options options)
      : vocabulary_(std::move(vocabulary)), options_(std::move(options)) {
    require<FormatError>(options_.scores.size() == vocabulary_.size() &&
                             options_.unused.size() == vocabulary_.size(),
                         options_.scores.size(), " scores and ", options_.unused.size(),
                         " types for ", vocabulary_.size(), " tokens");
    for (std::size_t i = 0; i < options_.scores.size(); ++i) {
      require<FormatError>(!std::isnan(options_.scores[i]), "the score of token ", i,
                           " is not a number");
    }
  }

  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

  /// Appends the tokens of `text`, in which spaces are already U+2581.
  void encode(std::string_view text, std::vector<Token>& tokens) const override {
    Joining(*this, text).run(tokens);
  }

 private:
  /// The state of one call of `encode`.
  class Joining {
   public:
    Joining(const SentencePieceBpe& bpe, std::string_view text) : bpe_(bpe) {
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = decode_utf8(text, at).length;
        symbols_.push_back({text.substr(at, length), symbols_.size() - 1, symbols_.size() + 1});
        at += length;
      }
      if (!symbols_.empty()) symbols_.back().next = kNone;
    }

    void run(std::vector<Token>& tokens) {
      for (std::size_t i = 0; i + 1 < symbols_.size(); ++i) consider(i);
      while (!candidates_.empty()) {
        const Candidate best = candidates_.top();
        candidates_.pop();
        Symbol& left = symbols_[best.left];
        // The candidate is still valid if the lengths of its symbols add up; a symbol that has been
        // joined to its left neighbor is empty.
        if (left.text.empty() || left.next == kNone ||
            left.text.size() + symbols_[left.next].text.size() != best.size)
          continue;
        join(best.left);
        if (left.previous != kNone) consider(left.previous);
        consider(best.left);
      }
      for (std::size_t i = symbols_.empty() ? kNone : 0; i != kNone; i = symbols_[i].next)
        append(symbols_[i].text, tokens);
    }

   private:
    static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

    struct Symbol {
      std::string_view text;
      std::size_t previous;
      std::size_t next;
    };
    struct Candidate {
      float score;
      std::size_t left;
      std::size_t size;  // bytes of the joined text

      /// Order of the heap: the higher score, then the leftmost.
      friend bool operator<(const Candidate& a, const Candidate& b) {
        return a.score < b.score || (a.score == b.score && a.left > b.left);
      }
    };

    [[nodiscard]] std::string_view joined_text(std::size_t left) const {
      return {symbols_[left].text.data(),
              symbols_[left].text.size() + symbols_[symbols_[left].next].text.size()};
    }

    void consider(std::size_t left) {
      if (symbols_[left].next == kNone) return;
      const std::string_view joined = joined_text(left);
      const std::optional<Token> token = bpe_.vocabulary_.find(joined);
      if (!token) return;
      candidates_.push(
          {bpe_.options_.scores[static_cast<std::size_t>(*token)], left, joined.size()});
      if (bpe_.is_unused(*token)) parts_[joined] = symbols_[left].text.size();
    }

    void join(std::size_t left) {
      Symbol& symbol = symbols_[left];
      Symbol& right = symbols_[symbol.next];
      symbol.text = joined_text(left);
      symbol.next = std::exchange(right.next, kNone);
      right.text = {};
      if (symbol.next != kNone) symbols_[symbol.next].previous = left;
    }

    /// Appends the token of `text`; if it is unused, the tokens of the two parts it was joined
    /// from; if there is none, the tokens of its bytes.
    void append(std::string_view text, std::vector<Token>& tokens) const {
      const std::optional<Token> token = bpe_.vocabulary_.find(text);
      const auto parts = token && bpe_.is_unused(*token) ? parts_.find(text) : parts_.end();
      if (parts != parts_.end()) {
        append(text.substr(0, parts->second), tokens);
        append(text.substr(parts->second), tokens);
      } else if (token) {
        tokens.push_back(*token);
      } else if (!bpe_.options_.byte_tokens.append(text, tokens) && bpe_.options_.unknown) {
        tokens.push_back(*bpe_.options_.unknown);
      }
    }

    const SentencePieceBpe& bpe_;
    std::vector<Symbol> symbols_;
    std::priority_queue<Candidate> candidates_;
    std::unordered_map<std::string_view, std::size_t>
        parts_;  // by the text of an unused token: length of its left part
  };

  [[nodiscard]] bool is_unused(Token token) const {
    return options_.unused[static_cast<std::size_t>(token)];
  }

  Vocabulary vocabulary_;
  Options options_;
};

}  // namespace tutti
