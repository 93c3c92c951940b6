// SPDX-License-Identifier: Apache-2.0
#pragma once
// Loops over a whole vocabulary that samplers spend their time in. Compiled for several instruction
// sets in the compiled library, like the kernels of the Cpu backend.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tutti/base/macros.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// A token that may be drawn.
struct TokenLogit {
  Token token = 0;
  float logit = 0.0F;

  friend bool operator==(const TokenLogit&, const TokenLogit&) = default;
};

/// The order of a sorted list: descending logits; of equal ones the lowest token first.
[[nodiscard]] constexpr bool ranks_before(const TokenLogit& a, const TokenLogit& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

namespace detail::inline TUTTI_ABI {

/// Logits dealt into this many groups per block have one maximum each; see group_maxima.
inline constexpr std::size_t kMaximaPerBlock = 16;
inline constexpr std::size_t kMaximaBlock = kMaximaPerBlock * 16;

/// sum exp(logit - shift) over the logits that are at least `threshold`.
[[nodiscard]] TUTTI_INLINE double mass_at_least(std::span<const float> logits, float shift,
                                                float threshold);

/// The same over entries of a list.
[[nodiscard]] TUTTI_INLINE double mass_at_least(std::span<const TokenLogit> entries, float shift,
                                                float threshold);

/// Writes the entries whose logit is at least `threshold`, in order of the tokens.
/// @param to room for logits.size() + 1 entries: the slot after the last one is written too.
/// @returns their number.
[[nodiscard]] TUTTI_INLINE std::size_t entries_at_least(std::span<const float> logits,
                                                        float threshold, TokenLogit* to);

/// The largest logit of every sixteenth token in each whole block of kMaximaBlock tokens, as whole
/// numbers in the order of the floats (order_of).
/// @param to room for logits.size() / kMaximaBlock * kMaximaPerBlock numbers.
TUTTI_INLINE void group_maxima(std::span<const float> logits, std::int32_t* to);

}  // namespace detail::inline TUTTI_ABI
}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/sampler/logit_kernels-inl.hpp"
#endif
