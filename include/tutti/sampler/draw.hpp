// SPDX-License-Identifier: Apache-2.0
#pragma once
// Draws a token by the Gumbel-max trick: every token has its own Gumbel noise, a function of the
// draw key and the token, and the token with the largest logit + noise is drawn. That is token t
// with probability softmax(logits)[t]. The result depends neither on the order of the entries nor
// on which other tokens have been dropped.

#include <span>

#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/philox.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/logit_kernels.hpp"
#include "tutti/sampler/logit_set.hpp"

namespace tutti {

/// The most likely token; among equal ones the lowest.
/// @throws NumericError for a logit that is NaN or +infinity, and when all are -infinity.
[[nodiscard]] inline Token greedy(std::span<const float> logits) {
  return static_cast<Token>(argmax(logits));
}

inline namespace TUTTI_ABI {

/// Draws from softmax(logits). Ties, which rounding makes possible, go to the lowest token.
/// @throws NumericError for a logit that is NaN or +infinity, and when all are -infinity.
[[nodiscard]] TUTTI_INLINE Token draw(std::span<const float> logits, const DrawKey& key);

/// Draws from the softmax of the entries' logits: the token that the whole vocabulary would give
/// with all other tokens at -infinity. The entries may be in any order.
/// @throws NumericError for a logit that is NaN or +infinity, when there is no entry, and when all
/// are -infinity.
[[nodiscard]] TUTTI_INLINE Token draw(std::span<const TokenLogit> entries, const DrawKey& key);

}  // namespace TUTTI_ABI

/// Draws from the softmax of the tokens that the filters have left.
[[nodiscard]] inline Token draw(const LogitSet& candidates, const DrawKey& key) {
  return candidates.is_dense() ? draw(candidates.dense_logits(), key)
                               : draw(candidates.list(), key);
}

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/sampler/draw-inl.hpp"
#endif
