// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of token_masks.hpp.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/grammar/detail/automaton.hpp"
#include "tutti/text/grammar/detail/program.hpp"
#include "tutti/text/grammar/token_masks.hpp"

namespace tutti {

/// An automaton and its masks. Replaced as a whole when it has grown too large; states that refer
/// to an old one keep it alive until they advance.
struct TokenMasks::Cache {
  grammar::Automaton automaton;
  std::vector<std::shared_ptr<const TokenMask>> masks;  ///< Indexed by canonical state.
  std::size_t mask_bytes = 0;

  [[nodiscard]] const std::shared_ptr<const TokenMask>* find_mask(std::uint32_t state) const {
    const std::uint32_t canonical = automaton.known_canonical(state);
    return canonical < masks.size() && masks[canonical] != nullptr ? &masks[canonical] : nullptr;
  }
  [[nodiscard]] std::size_t bytes() const { return automaton.bytes() + mask_bytes; }
};

/// What all copies of a TokenMasks and all their states have in common. Look-ups take the lock
/// shared; what is not known yet is computed under the exclusive lock.
class TokenMasks::Shared {
 public:
  using State = grammar::Automaton::State;

  Shared(const Grammar& grammar, const TokenTrie& vocabulary, TokenMaskOptions options)
      : program_(grammar.program()),
        vocabulary_(vocabulary),
        options_(options),
        cache_(make_cache()),
        ended_(std::make_shared<TokenMask>(only_end_tokens())) {}

  [[nodiscard]] const TokenTrie& vocabulary() const { return vocabulary_; }
  [[nodiscard]] const std::shared_ptr<const TokenMask>& mask_after_end() const { return ended_; }

  [[nodiscard]] std::pair<std::shared_ptr<Cache>, State> start() const {
    const std::shared_lock<std::shared_mutex> lock(mutex_);
    return {cache_, cache_->automaton.start()};
  }

  [[nodiscard]] bool accepts(const Cache& cache, State state) const {
    const std::shared_lock<std::shared_mutex> lock(mutex_);
    return cache.automaton.accepts(state);
  }

  [[nodiscard]] bool reached_limit(const Cache& cache) const {
    const std::shared_lock<std::shared_mutex> lock(mutex_);
    return cache.automaton.reached_limit();
  }

  [[nodiscard]] std::shared_ptr<const TokenMask> allowed(Cache& cache, State state) {
    {
      const std::shared_lock<std::shared_mutex> lock(mutex_);
      if (const auto* mask = cache.find_mask(state)) return *mask;
    }
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    const State canonical = cache.automaton.canonical(state);
    if (const auto* mask = cache.find_mask(state)) return *mask;
    auto mask = std::make_shared<const TokenMask>(compute_mask(cache.automaton, canonical));
    if (cache.masks.size() <= canonical) cache.masks.resize(std::size_t{canonical} + 1);
    cache.masks[canonical] = mask;
    cache.mask_bytes += mask->words.size() * sizeof(std::uint64_t) + sizeof(TokenMask);
    ++masks_computed_;
    return mask;
  }

  /// The state after `text`, dead if there is none; `cache` becomes a new one if it was full.
  [[nodiscard]] State next(std::shared_ptr<Cache>& cache, State state, std::string_view text) {
    {
      const std::shared_lock<std::shared_mutex> lock(mutex_);
      const bool is_full = cache->bytes() > options_.max_cache_bytes;
      if (!is_full && cache->automaton.find_next(state, text)) return state;
    }
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    if (cache_->bytes() > options_.max_cache_bytes) cache_ = make_cache();
    if (cache != cache_) {
      state = cache_->automaton.import(cache->automaton, state);
      cache = cache_;
    }
    return cache->automaton.next(state, text);
  }

  [[nodiscard]] std::size_t cache_bytes() const {
    const std::shared_lock<std::shared_mutex> lock(mutex_);
    return cache_->bytes();
  }
  [[nodiscard]] std::size_t masks_computed() const {
    const std::shared_lock<std::shared_mutex> lock(mutex_);
    return masks_computed_;
  }

 private:
  /// Parses that computing one mask may visit, counted over the nodes of the trie: about a second.
  static constexpr std::size_t kMaxWork = std::size_t{1} << 24;

  [[nodiscard]] std::shared_ptr<Cache> make_cache() const {
    const auto longest = static_cast<std::uint32_t>(vocabulary_.max_token_bytes());
    return std::make_shared<Cache>(Cache{grammar::Automaton(program_, longest), {}, 0});
  }

  [[nodiscard]] TokenMask only_end_tokens() const {
    TokenMask mask;
    mask.words.resize((vocabulary_.vocabulary_size() + 63) / 64);
    for (const Token token : vocabulary_.end_tokens()) set(mask, token);
    return mask;
  }

  static void set(TokenMask& mask, Token token) {
    const auto index = static_cast<std::size_t>(token);
    const std::uint64_t bit = std::uint64_t{1} << (index % 64);
    mask.count += (mask.words[index / 64] & bit) == 0 ? 1U : 0U;
    mask.words[index / 64] |= bit;
  }

  /// Walks the trie; a subtree is skipped as soon as no parse goes on.
  [[nodiscard]] TokenMask compute_mask(grammar::Automaton& automaton, State state) const {
    TokenMask mask = automaton.accepts(state) ? *ended_ : TokenMask();
    mask.words.resize((vocabulary_.vocabulary_size() + 63) / 64);
    const auto bytes = vocabulary_.node_bytes();
    const auto depths = vocabulary_.node_depths();
    const auto ends = vocabulary_.subtree_ends();
    std::vector<State> path(vocabulary_.max_token_bytes() + 1);
    path[0] = state;
    std::size_t work = 0;
    const std::size_t moves_before = automaton.moves();
    for (std::size_t node = 1; node < bytes.size();) {
      const std::size_t depth = depths[node];
      const State after = automaton.next(path[depth - 1], automaton.class_of(bytes[node]));
      if (after == grammar::Automaton::kDead) {
        node = ends[node];
        continue;
      }
      work += automaton.stack_count(after);
      require<GrammarError>(work <= kMaxWork && automaton.moves() - moves_before <= kMaxWork,
                            "the grammar is too ambiguous: a mask of ",
                            vocabulary_.vocabulary_size(), " tokens takes more than ", kMaxWork,
                            " steps; give its alternatives different beginnings");
      for (const Token token : vocabulary_.tokens_at(node)) set(mask, token);
      path[depth] = after;
      ++node;
    }
    return mask;
  }

  std::shared_ptr<const grammar::Program> program_;
  TokenTrie vocabulary_;
  TokenMaskOptions options_;
  mutable std::shared_mutex mutex_;
  std::shared_ptr<Cache> cache_;
  std::shared_ptr<const TokenMask> ended_;
  std::size_t masks_computed_ = 0;
};

TUTTI_INLINE TokenMasks::TokenMasks(const Grammar& grammar, const TokenTrie& vocabulary,
                                    TokenMaskOptions options)
    : shared_(std::make_shared<Shared>(grammar, vocabulary, options)) {}

TUTTI_INLINE GrammarState TokenMasks::start() const {
  auto [cache, state] = shared_->start();
  return GrammarState(shared_, std::move(cache), state);
}

TUTTI_INLINE const TokenTrie& TokenMasks::vocabulary() const { return shared_->vocabulary(); }
TUTTI_INLINE std::size_t TokenMasks::cache_bytes() const { return shared_->cache_bytes(); }
TUTTI_INLINE std::size_t TokenMasks::masks_computed() const { return shared_->masks_computed(); }

TUTTI_INLINE std::shared_ptr<const TokenMask> GrammarState::allowed() const {
  return has_ended_ ? shared_->mask_after_end() : shared_->allowed(*cache_, state_);
}

TUTTI_INLINE bool GrammarState::reached_limit() const { return shared_->reached_limit(*cache_); }

TUTTI_INLINE bool GrammarState::may_end() const {
  return has_ended_ || shared_->accepts(*cache_, state_);
}

TUTTI_INLINE void GrammarState::advance(Token token) {
  const TokenTrie& vocabulary = shared_->vocabulary();
  const std::string_view text = vocabulary.token_bytes(token);
  if (vocabulary.is_end(token)) {
    require<GrammarDeadEnd>(may_end(), "end token ", token,
                            " where the grammar does not let the text end");
    has_ended_ = true;
    return;
  }
  std::shared_ptr<TokenMasks::Cache> cache = cache_;
  const std::uint32_t after = has_ended_ || text.empty() ? grammar::Automaton::kDead
                                                         : shared_->next(cache, state_, text);
  require<GrammarDeadEnd>(after != grammar::Automaton::kDead, "token ", token, " (",
                          in_quotes(text), ") is not allowed here by the grammar");
  cache_ = std::move(cache);
  state_ = after;
}

}  // namespace tutti
