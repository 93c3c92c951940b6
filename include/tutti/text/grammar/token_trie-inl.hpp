// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of token_trie.hpp.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/text/grammar/token_trie.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

namespace tutti {

TUTTI_INLINE TokenTrie::TokenTrie(const Tokenizer& tokenizer)
    : TokenTrie(tokenizer, tokenizer.end_tokens()) {}

TUTTI_INLINE TokenTrie::TokenTrie(const Tokenizer& tokenizer, std::span<const Token> end_tokens)
    : data_(build(bytes_of(tokenizer), end_tokens)) {}

TUTTI_INLINE TokenTrie::TokenTrie(std::span<const std::string> token_bytes,
                                  std::span<const Token> end_tokens)
    : data_(build(std::vector<std::string>(token_bytes.begin(), token_bytes.end()), end_tokens)) {}

TUTTI_INLINE std::vector<std::string> TokenTrie::bytes_of(const Tokenizer& tokenizer) {
  std::vector<std::string> bytes(tokenizer.vocabulary_size());
  for (std::size_t t = 0; t < bytes.size(); ++t) {
    const auto token = static_cast<Token>(t);
    if (!tokenizer.is_special(token)) bytes[t] = tokenizer.token_bytes(token);
  }
  return bytes;
}

TUTTI_INLINE std::shared_ptr<const TokenTrie::Data> TokenTrie::build(
    std::vector<std::string> token_bytes, std::span<const Token> end_tokens) {
  require<OptionError>(!end_tokens.empty(),
                       "a token trie needs an end token, or no text could ever end: name those of "
                       "the model");
  auto data = std::make_shared<Data>();
  data->end_tokens.assign(end_tokens.begin(), end_tokens.end());
  for (const Token token : end_tokens) {
    require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < token_bytes.size(),
                         "end token ", token, " is outside the vocabulary of ", token_bytes.size(),
                         " tokens");
    token_bytes[static_cast<std::size_t>(token)].clear();
  }
  std::vector<Token> sorted;
  for (std::size_t t = 0; t < token_bytes.size(); ++t) {
    require<OptionError>(token_bytes[t].size() <= std::numeric_limits<std::uint16_t>::max(),
                         "token ", t, " has ", token_bytes[t].size(),
                         " bytes, at most 65535 are "
                         "supported");
    data->max_token_bytes = std::max(data->max_token_bytes, token_bytes[t].size());
    if (!token_bytes[t].empty()) sorted.push_back(static_cast<Token>(t));
  }
  data->token_bytes = std::move(token_bytes);
  std::sort(sorted.begin(), sorted.end(), [&data](Token a, Token b) {
    const int order = data->token_bytes[static_cast<std::size_t>(a)].compare(
        data->token_bytes[static_cast<std::size_t>(b)]);
    return order != 0 ? order < 0 : a < b;
  });
  add_nodes(*data, sorted);
  return data;
}

TUTTI_INLINE void TokenTrie::add_nodes(Data& data, const std::vector<Token>& sorted) {
  const auto node_count = [&data] { return static_cast<std::uint32_t>(data.bytes.size()); };
  const auto add_node = [&data](std::uint8_t byte, std::size_t depth) {
    data.bytes.push_back(byte);
    data.depths.push_back(static_cast<std::uint16_t>(depth));
    data.subtree_ends.push_back(0);
    data.token_begins.push_back(static_cast<std::uint32_t>(data.tokens.size()));
  };
  add_node(0, 0);
  std::vector<std::uint32_t> path{0};  // the nodes of the token before
  std::string_view before;
  const auto close_to = [&](std::size_t length) {
    for (; path.size() > length + 1; path.pop_back()) data.subtree_ends[path.back()] = node_count();
  };
  for (const Token token : sorted) {
    const std::string_view text = data.token_bytes[static_cast<std::size_t>(token)];
    const auto differ = std::mismatch(before.begin(), before.end(), text.begin(), text.end());
    close_to(static_cast<std::size_t>(differ.second - text.begin()));
    for (std::size_t depth = path.size(); depth <= text.size(); ++depth) {
      path.push_back(node_count());
      add_node(static_cast<std::uint8_t>(text[depth - 1]), depth);
    }
    // Tokens with equal bytes follow each other, so the newest node is that of all of them.
    data.tokens.push_back(token);
    before = text;
  }
  close_to(0);
  data.subtree_ends[0] = node_count();
  data.token_begins.push_back(static_cast<std::uint32_t>(data.tokens.size()));
}

TUTTI_INLINE bool TokenTrie::is_end(Token token) const {
  return std::find(data_->end_tokens.begin(), data_->end_tokens.end(), token) !=
         data_->end_tokens.end();
}

TUTTI_INLINE std::string_view TokenTrie::token_bytes(Token token) const {
  require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < vocabulary_size(), "token ",
                       token, " is outside the vocabulary of ", vocabulary_size(), " tokens");
  return data_->token_bytes[static_cast<std::size_t>(token)];
}

}  // namespace tutti
