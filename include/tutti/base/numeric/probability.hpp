// SPDX-License-Identifier: Apache-2.0
#pragma once
// From logits to probabilities: one row of logits, natural logarithms, sums in one fixed order. A
// logit of -infinity is a token that cannot be drawn; NaN and +infinity are errors.

#include <cstddef>
#include <span>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

namespace detail {

[[noreturn]] inline void fail_for_no_token(std::size_t count) {
  fail<NumericError>("no token left: all ", count,
                     " logits are -inf; loosen the logit bias or the filters");
}

}  // namespace detail

inline namespace TUTTI_ABI {

/// The largest logit, finite.
/// @throws NumericError naming the first token whose logit is NaN or +infinity, and when no token
/// is left.
[[nodiscard]] TUTTI_INLINE float largest_logit(std::span<const float> logits);

/// Index of the largest logit, the lowest of several.
/// @throws NumericError as largest_logit does.
[[nodiscard]] TUTTI_INLINE std::size_t argmax(std::span<const float> logits);

/// sum exp(x - shift) over a row. The caller has checked the row: `shift` is its largest logit.
[[nodiscard]] TUTTI_INLINE double sum_of_exponentials(std::span<const float> logits, float shift);

/// log sum exp(x): the logarithm by which logits are normalized, in nats.
/// @throws NumericError as largest_logit does.
[[nodiscard]] TUTTI_INLINE float log_sum_exp(std::span<const float> logits);

/// log p(token) under the softmax of the logits, in nats; -infinity for a token that is left out.
/// @throws NumericError as largest_logit does, OptionError for a token outside the row.
[[nodiscard]] TUTTI_INLINE float log_probability_of(std::span<const float> logits, Token token);

/// Writes log p of every token: result[t] == log_probability_of(logits, t), to the bit. `result`
/// may be `logits` itself.
/// @throws NumericError as largest_logit does, OptionError when the sizes differ.
TUTTI_INLINE void log_softmax(std::span<const float> logits, std::span<float> result);

/// Entropy -sum p log p of the softmax, in nats: 0 for one possible token, log n for n equal ones.
/// @throws NumericError as largest_logit does.
[[nodiscard]] TUTTI_INLINE float entropy(std::span<const float> logits);

}  // namespace TUTTI_ABI
}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/base/numeric/probability-inl.hpp"
#endif
