// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of draw.hpp.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>

#include "tutti/base/error.hpp"
#include "tutti/base/numeric/probability-inl.hpp"
#include "tutti/sampler/draw.hpp"
#include "tutti/sampler/gumbel.hpp"

namespace tutti::detail::inline TUTTI_ABI {

[[nodiscard]] inline std::uint32_t smallest_of(std::span<const std::uint32_t> bits) {
  // As signed numbers, which every instruction set can compare in vectors.
  std::int32_t smallest = std::numeric_limits<std::int32_t>::max();
  for (const std::uint32_t word : bits) {
    const auto shifted = static_cast<std::int32_t>(word ^ 0x80000000U);
    smallest = shifted < smallest ? shifted : smallest;
  }
  return static_cast<std::uint32_t>(smallest) ^ 0x80000000U;
}

}  // namespace tutti::detail::inline TUTTI_ABI

namespace tutti::inline TUTTI_ABI {

inline Token draw(std::span<const float> logits, const DrawKey& key) {
  // An upper bound of the rounding error of gumbel(), which is why it is not exactly monotonic.
  constexpr float kSlack = 0.01F;
  constexpr float kMaxNoise = gumbel(0) + kSlack;
  const auto likeliest = static_cast<std::uint32_t>(argmax(logits));
  TokenLogit best{static_cast<Token>(likeliest), logits[likeliest] + gumbel_of(key, likeliest)};
  std::array<std::uint32_t, kTokenBlock> bits;
  float scores[kTokenBlock];  // nvcc 13.0 does not parse a second std::array here
  for (std::size_t begin = 0; begin < logits.size(); begin += kTokenBlock) {
    const std::span<const float> block = logits.subspan(
        begin, std::min(kTokenBlock, logits.size() - begin));
    // Skip blocks that cannot win: with no bits at all, or with the bits that they have. The
    // smallest bits give the largest noise.
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

inline Token draw(std::span<const TokenLogit> entries, const DrawKey& key) {
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

}  // namespace tutti::inline TUTTI_ABI
