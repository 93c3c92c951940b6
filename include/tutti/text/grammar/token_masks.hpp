// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which tokens may follow a text under a grammar. A mask is computed once for each state of the
// parser and then looked up.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/grammar/grammar.hpp"
#include "tutti/text/grammar/token_trie.hpp"

namespace tutti {

/// A set of tokens, one bit each.
struct TokenMask {
  std::vector<std::uint64_t> words;
  std::size_t count = 0;  ///< Number of tokens in the set.

  [[nodiscard]] bool contains(Token token) const {
    const auto index = static_cast<std::size_t>(token);
    return token >= 0 && index / 64 < words.size() && (words[index / 64] >> (index % 64) & 1) != 0;
  }
};

struct TokenMaskOptions {
  /// Memory of parser states and masks. When it is exceeded they are computed anew.
  std::size_t max_cache_bytes = std::size_t{1} << 27;
};

class GrammarState;

/// A grammar and a vocabulary, with the masks that have been needed so far. Cheap to copy; copies
/// share their masks, and threads may share one.
class TokenMasks {
 public:
  TokenMasks(const Grammar& grammar, const TokenTrie& vocabulary, TokenMaskOptions options = {});

  /// The state before the first token.
  [[nodiscard]] GrammarState start() const;

  [[nodiscard]] const TokenTrie& vocabulary() const;
  /// Memory in use now.
  [[nodiscard]] std::size_t cache_bytes() const;
  /// Masks computed so far.
  [[nodiscard]] std::size_t masks_computed() const;

 private:
  friend class GrammarState;
  struct Cache;
  class Shared;

  std::shared_ptr<Shared> shared_;
};

/// Where a text is in a grammar. A small value: copy it when a candidate is forked.
class GrammarState {
 public:
  /// The tokens that may follow, end tokens included when the text may end here. Empty when the
  /// vocabulary cannot express what must follow.
  /// @throws GrammarError when the grammar is too ambiguous to be followed (see
  /// docs/structured_output.md).
  [[nodiscard]] std::shared_ptr<const TokenMask> allowed() const;

  /// Goes on after a token; an end token ends the text.
  /// @throws GrammarDeadEnd when the token is not allowed; the state is then unchanged.
  void advance(Token token);

  /// Whether some texts have been left out of masks because they are nested too deeply or can be
  /// parsed in too many ways (docs/structured_output.md). A mask may then be empty.
  [[nodiscard]] bool reached_limit() const;

  /// Whether the text so far is complete.
  [[nodiscard]] bool may_end() const;
  /// Whether an end token has been read. Only end tokens may follow.
  [[nodiscard]] bool has_ended() const { return has_ended_; }

  /// Whether both states are positions of one parser cache; false after the cache was emptied
  /// between them.
  [[nodiscard]] bool shares_cache_with(const GrammarState& other) const {
    return cache_ == other.cache_;
  }

 private:
  friend class TokenMasks;
  GrammarState(std::shared_ptr<TokenMasks::Shared> shared, std::shared_ptr<TokenMasks::Cache> cache,
               std::uint32_t state)
      : shared_(std::move(shared)), cache_(std::move(cache)), state_(state) {}

  std::shared_ptr<TokenMasks::Shared> shared_;
  std::shared_ptr<TokenMasks::Cache> cache_;
  std::uint32_t state_ = 0;
  bool has_ended_ = false;
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/token_masks-inl.hpp"
#endif
