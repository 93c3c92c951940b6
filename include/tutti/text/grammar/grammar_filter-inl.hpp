// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of grammar_filter.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tutti/text/grammar/grammar_filter.hpp"

namespace tutti {

/// The states after the token sequences that were asked for last. A sequence that is one token
/// longer than a known one costs one step of the parser.
class GrammarFilter::States {
 public:
  explicit States(TokenMasks masks) : masks_(std::move(masks)) {}

  [[nodiscard]] GrammarState after(std::span<const Token> tokens) {
    if (tokens.empty()) return masks_.start();
    if (std::optional<GrammarState> known = find(tokens)) return *std::move(known);
    const std::size_t last = tokens.size() - 1;
    std::optional<GrammarState> state = find(tokens.first(last));
    std::size_t done = last;
    if (!state) {
      state = masks_.start();
      done = 0;
    }
    for (const Token token : tokens.subspan(done)) state->advance(token);
    keep(tokens, *state);
    return *std::move(state);
  }

 private:
  struct Entry {
    std::vector<Token> tokens;
    GrammarState state;
  };

  static constexpr std::size_t kMaxEntries = 4096;
  static constexpr std::size_t kMaxTokens = std::size_t{1} << 20;

  static std::uint64_t hash_of(std::span<const Token> tokens) {
    std::uint64_t hash = tokens.size();
    for (const Token token : tokens)
      hash = (hash ^ static_cast<std::uint32_t>(token)) * 0x9E3779B97F4A7C15U;
    return hash ^ (hash >> 32);
  }

  [[nodiscard]] std::optional<GrammarState> find(std::span<const Token> tokens) {
    const std::uint64_t hash = hash_of(tokens);
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto entry = entries_.find(hash);
    if (entry == entries_.end() ||
        !std::equal(tokens.begin(), tokens.end(), entry->second.tokens.begin(),
                    entry->second.tokens.end()))
      return std::nullopt;
    return entry->second.state;
  }

  void keep(std::span<const Token> tokens, const GrammarState& state) {
    const std::uint64_t hash = hash_of(tokens);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!newest_ || !newest_->shares_cache_with(state)) {
      // States keep the parser cache that they belong to alive.
      entries_.clear();
      order_.clear();
      token_count_ = 0;
      newest_ = state;
    }
    const auto [entry, is_new] = entries_.try_emplace(
        hash, Entry{std::vector<Token>(tokens.begin(), tokens.end()), state});
    if (!is_new) return;
    order_.push_back(hash);
    token_count_ += tokens.size();
    while (order_.size() > kMaxEntries || (token_count_ > kMaxTokens && order_.size() > 1)) {
      const auto oldest = entries_.find(order_.front());
      token_count_ -= oldest->second.tokens.size();
      entries_.erase(oldest);
      order_.pop_front();
    }
  }

  TokenMasks masks_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::deque<std::uint64_t> order_;  ///< Keys, the oldest first.
  std::size_t token_count_ = 0;
  std::optional<GrammarState> newest_;
};

TUTTI_INLINE GrammarFilter::GrammarFilter(TokenMasks masks)
    : states_(std::make_shared<States>(std::move(masks))) {}

TUTTI_INLINE GrammarState GrammarFilter::state_after(std::span<const Token> generated) const {
  return states_->after(generated);
}

TUTTI_INLINE void GrammarFilter::apply(LogitSet& candidates, const SamplingContext& context) const {
  const std::span<const Token> generated = context.history.subspan(context.prompt_length);
  const GrammarState state = state_after(generated);
  const std::shared_ptr<const TokenMask> mask = state.allowed();
  require<GrammarDeadEnd>(
      mask->count > 0, "no token is allowed after ", generated.size(), " generated tokens: ",
      state.reached_limit() ? "the text is nested too deeply or can be parsed in too many ways"
                            : "the vocabulary has no token for what the grammar requires next");
  apply_mask(*mask, candidates);
}

TUTTI_INLINE void apply_mask(const TokenMask& mask, LogitSet& candidates) {
  const std::span<float> logits = candidates.dense_logits();
  if (logits.empty()) {
    candidates.keep_if([&mask](const TokenLogit& entry) { return mask.contains(entry.token); });
    return;
  }
  constexpr float kDropped = -std::numeric_limits<float>::infinity();
  const std::size_t known = std::min(logits.size(), 64 * mask.words.size());
  for (std::size_t first = 0; first < known; first += 64) {
    const std::uint64_t word = mask.words[first / 64];
    const std::size_t count = std::min<std::size_t>(64, known - first);
    if (word == ~std::uint64_t{0}) continue;
    float* const block = logits.data() + first;
    if (word == 0) {
      std::fill_n(block, count, kDropped);
    } else {
      for (std::size_t i = 0; i < count; ++i) block[i] = (word >> i & 1) != 0 ? block[i] : kDropped;
    }
  }
  std::fill(logits.begin() + static_cast<std::ptrdiff_t>(known), logits.end(), kDropped);
}

}  // namespace tutti
