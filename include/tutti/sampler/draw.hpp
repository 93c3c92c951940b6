// SPDX-License-Identifier: Apache-2.0
#pragma once
// The draw itself. Every token has its own Gumbel noise, a function of the draw's coordinates and
// the token; the token with the largest logit + noise is drawn, which is token t with probability
// softmax(logits)[t] (the Gumbel-max trick). So the result depends neither on the order of the
// entries nor on what else has been dropped from them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>

#include "tutti/base/error.hpp"
#include "tutti/base/philox.hpp"
#include "tutti/base/probability.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/gumbel.hpp"
#include "tutti/sampler/logit_set.hpp"

namespace tutti {

namespace detail {

[[nodiscard]] inline std::uint32_t smallest_of(std::span<const std::uint32_t> bits) {
  // As signed numbers, which have vector code everywhere.
  std::int32_t smallest = std::numeric_limits<std::int32_t>::max();
  for (const std::uint32_t word : bits) {
    const auto shifted = static_cast<std::int32_t>(word ^ 0x80000000U);
    smallest = shifted < smallest ? shifted : smallest;
  }
  return static_cast<std::uint32_t>(smallest) ^ 0x80000000U;
}

}  // namespace detail

/// The most likely token, of several the lowest.
/// @throws NumericError for a logit that is NaN or +infinity, and when all are -infinity.
[[nodiscard]] inline Token greedy(std::span<const float> logits) {
  return static_cast<Token>(argmax(logits));
}

/// Draws from softmax(logits). Ties, which rounding makes possible, go to the lowest token.
/// @throws NumericError for a logit that is NaN or +infinity, and when all are -infinity.
[[nodiscard]] inline Token draw(std::span<const float> logits, const DrawKey& key) {
  // More than rounding can make gumbel() differ from the monotonic function that it stands for.
  constexpr float kSlack = 0.01F;
  constexpr float kMaxNoise = gumbel(0) + kSlack;
  const auto likeliest = static_cast<std::uint32_t>(argmax(logits));
  TokenLogit best{static_cast<Token>(likeliest), logits[likeliest] + gumbel_of(key, likeliest)};
  std::array<std::uint32_t, kTokenBlock> bits;
  float scores[kTokenBlock];  // nvcc 13.0 does not parse a second std::array here
  for (std::size_t begin = 0; begin < logits.size(); begin += kTokenBlock) {
    const std::span<const float> block = logits.subspan(
        begin, std::min(kTokenBlock, logits.size() - begin));
    // Most blocks cannot win, whatever their bits, or at least with the bits they have: the
    // smallest bits make the most noise.
    const float largest = detail::largest_of(block);
    if (largest + kMaxNoise < best.logit) continue;
    random_block(key, static_cast<std::uint32_t>(begin), bits);
    if (largest + gumbel(detail::smallest_of(bits)) + kSlack < best.logit) continue;
    std::fill(std::begin(scores), std::end(scores), -std::numeric_limits<float>::infinity());
    for (std::size_t i = 0; i < block.size(); ++i) scores[i] = block[i] + gumbel(bits[i]);
    const float score = detail::largest_of(scores);
    const TokenLogit winner{static_cast<Token>(begin + detail::first_equal(scores, score)), score};
    if (ranks_before(winner, best)) best = winner;
  }
  return best.token;
}

/// Draws from the softmax of the entries' logits: the token that the whole vocabulary would give
/// with all other tokens at -infinity. The entries may be in any order.
/// @throws NumericError for a logit that is NaN or +infinity, when there is no entry, and when all
/// are -infinity.
[[nodiscard]] inline Token draw(std::span<const TokenLogit> entries, const DrawKey& key) {
  TokenLogit best{-1, -std::numeric_limits<float>::infinity()};
  for (const TokenLogit& entry : entries) {
    const float score = entry.logit + gumbel_of(key, static_cast<std::uint32_t>(entry.token));
    require<NumericError>(score < std::numeric_limits<float>::infinity(), "the logit of token ",
                          entry.token, " is ", entry.logit, ": it must be finite or -inf");
    if (score == -std::numeric_limits<float>::infinity()) continue;
    if (best.token < 0 || ranks_before({entry.token, score}, best)) best = {entry.token, score};
  }
  if (best.token < 0) detail::fail_for_no_token(entries.size());
  return best.token;
}

/// Draws from the softmax of what the filters have left.
[[nodiscard]] inline Token draw(const LogitSet& candidates, const DrawKey& key) {
  return candidates.is_dense() ? draw(candidates.dense_logits(), key)
                               : draw(candidates.list(), key);
}

}  // namespace tutti
