// SPDX-License-Identifier: Apache-2.0
#pragma once
// The vocabulary of a tokenizer as a trie of its tokens' bytes, over which token masks are
// computed.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

class Tokenizer;  // text/tokenizer/tokenizer.hpp

/// Immutable and cheap to copy; threads may share one. Takes some tens of milliseconds to build, so
/// make one per tokenizer.
class TokenTrie {
 public:
  /// Every token that is neither special nor without bytes stands for its bytes; the tokenizer's
  /// end tokens end a text.
  explicit TokenTrie(const Tokenizer& tokenizer);

  /// With other end tokens, for instance those of all experts of an ensemble.
  TokenTrie(const Tokenizer& tokenizer, std::span<const Token> end_tokens);

  /// @param token_bytes indexed by token; empty for tokens that are never allowed.
  /// @throws OptionError without end tokens, and for one outside the vocabulary.
  TokenTrie(std::span<const std::string> token_bytes, std::span<const Token> end_tokens);

  [[nodiscard]] std::size_t vocabulary_size() const { return data_->token_bytes.size(); }
  [[nodiscard]] std::span<const Token> end_tokens() const { return data_->end_tokens; }
  [[nodiscard]] bool is_end(Token token) const;
  /// The bytes of a token; empty for end tokens and for those that are never allowed.
  /// @throws OptionError when the token is not in the vocabulary.
  [[nodiscard]] std::string_view token_bytes(Token token) const;
  /// Bytes of the longest token.
  [[nodiscard]] std::size_t max_token_bytes() const { return data_->max_token_bytes; }

  // The nodes in preorder. Node 0 is the root; the children of a node come after it, so skipping a
  // subtree is one jump.

  [[nodiscard]] std::size_t node_count() const { return data_->bytes.size(); }
  /// The byte that leads to a node.
  [[nodiscard]] std::span<const std::uint8_t> node_bytes() const { return data_->bytes; }
  /// Bytes from the root to a node.
  [[nodiscard]] std::span<const std::uint16_t> node_depths() const { return data_->depths; }
  /// The first node after a node's subtree.
  [[nodiscard]] std::span<const std::uint32_t> subtree_ends() const { return data_->subtree_ends; }
  /// The tokens with exactly a node's bytes.
  [[nodiscard]] std::span<const Token> tokens_at(std::size_t node) const {
    const std::uint32_t begin = data_->token_begins[node];
    return std::span(data_->tokens).subspan(begin, data_->token_begins[node + 1] - begin);
  }

 private:
  struct Data {
    std::vector<std::string> token_bytes;
    std::vector<Token> end_tokens;
    std::size_t max_token_bytes = 0;
    std::vector<std::uint8_t> bytes;
    std::vector<std::uint16_t> depths;
    std::vector<std::uint32_t> subtree_ends;
    std::vector<std::uint32_t> token_begins;  ///< One per node, and the end.
    std::vector<Token> tokens;
  };

  static std::shared_ptr<const Data> build(std::vector<std::string> token_bytes,
                                           std::span<const Token> end_tokens);
  static void add_nodes(Data& data, const std::vector<Token>& sorted);
  static std::vector<std::string> bytes_of(const Tokenizer& tokenizer);

  std::shared_ptr<const Data> data_;
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/token_trie-inl.hpp"
#endif
