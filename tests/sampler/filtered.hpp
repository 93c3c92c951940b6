// SPDX-License-Identifier: Apache-2.0
#pragma once
// Applies a filter to literal logits or probabilities, for the tests of filters.

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "tutti/sampler/sampler.hpp"

namespace tutti::test {

/// Logits whose softmax is `probabilities`, which sum to 1.
inline std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

/// The entries that `filter` keeps, by ascending token.
template <LogitFilter Filter>
std::vector<TokenLogit> filtered(const Filter& filter, const std::vector<float>& logits,
                                 std::span<const Token> history = {}) {
  LogitSet candidates;
  candidates.assign(logits);
  filter.apply(candidates, SamplingContext{history, 0});
  const std::span<const TokenLogit> entries = candidates.entries();
  std::vector<TokenLogit> result(entries.begin(), entries.end());
  std::sort(result.begin(), result.end(),
            [](const TokenLogit& a, const TokenLogit& b) { return a.token < b.token; });
  return result;
}

/// The tokens that `filter` keeps, ascending.
template <LogitFilter Filter>
std::vector<Token> tokens_left(const Filter& filter, const std::vector<float>& logits,
                               std::span<const Token> history = {}) {
  std::vector<Token> tokens;
  for (const TokenLogit& entry : filtered(filter, logits, history)) tokens.push_back(entry.token);
  return tokens;
}

/// The logits that `filter` keeps, by ascending token.
template <LogitFilter Filter>
std::vector<float> logits_left(const Filter& filter, const std::vector<float>& logits,
                               std::span<const Token> history = {}) {
  std::vector<float> result;
  for (const TokenLogit& entry : filtered(filter, logits, history)) result.push_back(entry.logit);
  return result;
}

/// Irregular logits with many equal ones: multiples of 1/8 between -8 and 8.
inline std::vector<float> stepped_waves(std::size_t count) {
  std::vector<float> logits(count);
  for (std::size_t i = 0; i < count; ++i)
    logits[i] = std::round(64.0F * std::sin(static_cast<float>(i * i % 7919) * 0.731F)) / 8.0F;
  return logits;
}

}  // namespace tutti::test
