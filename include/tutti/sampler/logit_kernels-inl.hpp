// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of logit_kernels.hpp.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tutti/base/numeric/fast_math.hpp"
#include "tutti/base/numeric/probability-inl.hpp"
#include "tutti/sampler/logit_kernels.hpp"

namespace tutti::detail::inline TUTTI_ABI {

/// Whether any logit is at least `threshold`; without an exit, so that it becomes vector code.
[[nodiscard]] inline bool reaches(std::span<const float> block, float threshold) {
  std::int32_t found = 0;
  for (const float logit : block) found |= logit >= threshold ? 1 : 0;
  return found != 0;
}

/// exp(logit - shift), or 0 below the threshold.
[[nodiscard]] inline float mass_term(float logit, float shift, float threshold) {
  return choose(logit >= threshold ? 1U : 0U, fast_exp(logit - shift), 0.0F);
}

inline double mass_at_least(std::span<const float> logits, float shift, float threshold) {
  double sum = 0;
  constexpr std::size_t kBlock = 256;
  for (std::size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const auto block = logits.subspan(begin, std::min(kBlock, logits.size() - begin));
    if (reaches(block, threshold)) {
      sum += sum_over(
          block, [shift, threshold](float logit) { return mass_term(logit, shift, threshold); });
    }
  }
  return sum;
}

inline double mass_at_least(std::span<const TokenLogit> entries, float shift, float threshold) {
  double sum = 0;
  for (const TokenLogit& entry : entries)
    sum += static_cast<double>(mass_term(entry.logit, shift, threshold));
  return sum;
}

inline std::size_t entries_at_least(std::span<const float> logits, float threshold,
                                    TokenLogit* to) {
  std::size_t size = 0;
  constexpr std::size_t kBlock = 64;
  for (std::size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const auto block = logits.subspan(begin, std::min(kBlock, logits.size() - begin));
    if (!reaches(block, threshold)) continue;
    for (std::size_t i = 0; i < block.size(); ++i) {
      to[size] = {static_cast<Token>(begin + i), block[i]};
      size += block[i] >= threshold ? 1U : 0U;
    }
  }
  return size;
}

inline void group_maxima(std::span<const float> logits, std::int32_t* to) {
  for (std::size_t block = 0; block < logits.size() / kMaximaBlock; ++block) {
    const float* from = logits.data() + block * kMaximaBlock;
    std::array<std::int32_t, kMaximaPerBlock> highest;
    highest.fill(kOrderOfMinusInfinity);
    for (std::size_t i = 0; i < kMaximaBlock; i += kMaximaPerBlock) {
      for (std::size_t lane = 0; lane < kMaximaPerBlock; ++lane) {
        const std::int32_t order = order_of(from[i + lane]);
        highest[lane] = order > highest[lane] ? order : highest[lane];
      }
    }
    std::copy(highest.begin(), highest.end(), to + block * kMaximaPerBlock);
  }
}

}  // namespace tutti::detail::inline TUTTI_ABI
