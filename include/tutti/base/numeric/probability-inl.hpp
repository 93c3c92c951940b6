// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of probability.hpp: loops over a row that compilers turn into vector code.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tutti/base/error.hpp"
#include "tutti/base/numeric/fast_math.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/base/types.hpp"

namespace tutti::detail::inline TUTTI_ABI {

// Compilers make vector code of the largest whole number, not of the largest float: see order_of in
// fast_math.hpp.
inline constexpr std::int32_t kOrderOfInfinity = order_of(std::numeric_limits<float>::infinity());
inline constexpr std::int32_t kOrderOfMinusInfinity = order_of(
    -std::numeric_limits<float>::infinity());

[[noreturn]] inline void fail_for_bad_logit(std::span<const float> logits) {
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] < std::numeric_limits<float>::infinity()) continue;
    fail<NumericError>(
        "the logit of token ", i, " of ", logits.size(), " is ", logits[i],
        ": it must be finite, or -inf for a token to leave out; check the model's weights");
  }
  fail<NumericError>("a logit is NaN");
}

/// The largest of numbers without NaN; -infinity for none.
[[nodiscard]] inline float largest_of(std::span<const float> values) {
  std::int32_t highest = kOrderOfMinusInfinity;
  for (const float value : values) {
    const std::int32_t order = order_of(value);
    highest = order > highest ? order : highest;
  }
  return value_of_order(highest);
}

/// Index of the first element equal to `value`; logits.size() if there is none.
[[nodiscard]] inline std::size_t first_equal(std::span<const float> logits, float value) {
  constexpr std::size_t kBlock =
      64;  // the search within a block has no exit, so that it becomes vector code
  std::size_t begin = 0;
  for (; begin + kBlock <= logits.size(); begin += kBlock) {
    std::int32_t found = 0;
    for (std::size_t i = 0; i < kBlock; ++i) found |= logits[begin + i] == value ? 1 : 0;
    if (found != 0) break;
  }
  while (begin < logits.size() && logits[begin] != value) ++begin;
  return begin;
}

/// Sum of a block of terms, which it overwrites: halves are added until 16 are left, those in
/// double.
template <std::size_t Count>
[[nodiscard]] double sum_of_block(std::array<float, Count>& terms) {
  constexpr std::size_t kLanes = 16;
  for (std::size_t width = Count / 2; width >= kLanes; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) terms[i] += terms[i + width];
  }
  double sum = 0;
  for (std::size_t i = 0; i < kLanes; ++i) sum += static_cast<double>(terms[i]);
  return sum;
}

/// sum f(x) over a row, in blocks of 256. A block's length is a constant, so that its loops become
/// vector code at -O2 too.
template <class Function>
[[nodiscard]] double sum_over(std::span<const float> row, Function f) {
  constexpr std::size_t kBlock = 256;
  std::array<float, kBlock> terms;
  double total = 0;
  std::size_t begin = 0;
  for (; begin + kBlock <= row.size(); begin += kBlock) {
    for (std::size_t i = 0; i < kBlock; ++i) terms[i] = f(row[begin + i]);
    total += sum_of_block(terms);
  }
  if (begin == row.size()) return total;
  terms.fill(0.0F);
  for (std::size_t i = 0; begin + i < row.size(); ++i) terms[i] = f(row[begin + i]);
  return total + sum_of_block(terms);
}

}  // namespace tutti::detail::inline TUTTI_ABI

namespace tutti::inline TUTTI_ABI {

inline float largest_logit(std::span<const float> logits) {
  std::int32_t highest = detail::kOrderOfMinusInfinity;
  std::int32_t lowest = highest;
  for (const float logit : logits) {
    const std::int32_t order = detail::order_of(logit);
    highest = order > highest ? order : highest;
    lowest = order < lowest ? order : lowest;
  }
  if (highest >= detail::kOrderOfInfinity || lowest < detail::kOrderOfMinusInfinity)
    detail::fail_for_bad_logit(logits);
  if (highest == detail::kOrderOfMinusInfinity) detail::fail_for_no_token(logits.size());
  return detail::value_of_order(highest);
}

inline std::size_t argmax(std::span<const float> logits) {
  return detail::first_equal(logits, largest_logit(logits));
}

inline double sum_of_exponentials(std::span<const float> logits, float shift) {
  return detail::sum_over(logits, [shift](float logit) { return fast_exp(logit - shift); });
}

inline float log_sum_exp(std::span<const float> logits) {
  const float largest = largest_logit(logits);
  return static_cast<float>(static_cast<double>(largest) +
                            std::log(sum_of_exponentials(logits, largest)));
}

inline float log_probability_of(std::span<const float> logits, Token token) {
  require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < logits.size(), "token ",
                       token, " is outside the vocabulary of ", logits.size(),
                       ": it must be between 0 and ", logits.size(), " - 1");
  const float largest = largest_logit(logits);
  const double log_sum = std::log(sum_of_exponentials(logits, largest));
  return static_cast<float>(static_cast<double>(logits[static_cast<std::size_t>(token)]) -
                            static_cast<double>(largest) - log_sum);
}

inline void log_softmax(std::span<const float> logits, std::span<float> result) {
  require<OptionError>(result.size() == logits.size(), "room for ", result.size(),
                       " log-probabilities of ", logits.size(), " logits: both must be equal");
  const double largest = static_cast<double>(largest_logit(logits));
  const double log_sum = std::log(sum_of_exponentials(logits, static_cast<float>(largest)));
  for (std::size_t i = 0; i < logits.size(); ++i)
    result[i] = static_cast<float>(static_cast<double>(logits[i]) - largest - log_sum);
}

inline float entropy(std::span<const float> logits) {
  const float largest = largest_logit(logits);
  const double sum = sum_of_exponentials(logits, largest);
  // With d = x - largest: H = log S - (1/S) sum e^d d. Below -104 e^d is 0; the bound keeps 0 times
  // -infinity out.
  const double weighted = detail::sum_over(logits, [largest](float logit) {
    const float d = detail::clamp(logit - largest, -104.0F, 0.0F);
    return fast_exp(d) * d;
  });
  return static_cast<float>(std::log(sum) - weighted / sum);
}

}  // namespace tutti::inline TUTTI_ABI
