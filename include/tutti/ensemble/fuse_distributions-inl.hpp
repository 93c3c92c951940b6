// SPDX-License-Identifier: Apache-2.0
#pragma once
// The bodies of fuse_distributions.hpp. The loops run over blocks of constant length, so that
// compilers vectorize fast_exp and fast_log.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/numeric/fast_math.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/ensemble/fuse_distributions.hpp"

namespace tutti {

namespace detail::inline TUTTI_ABI {

inline constexpr std::size_t kFusionBlock = 256;

/// A block of floats. Not an alias of std::array: what nvcc 13 makes of one does not compile.
struct FusionBlock {
  float values[kFusionBlock];

  float& operator[](std::size_t i) { return values[i]; }
  void fill(float value) { std::fill_n(values, kFusionBlock, value); }
};

/// log p of the tokens [first, first + 256) under one expert; -inf past the end of the vocabulary.
inline void load_log_probabilities(std::span<const float> logits, float normalizer,
                                   std::size_t first, FusionBlock& block) {
  const std::size_t count = std::min(kFusionBlock, logits.size() - first);
  if (count < kFusionBlock) block.fill(-std::numeric_limits<float>::infinity());
  for (std::size_t i = 0; i < count; ++i) block[i] = logits[first + i] - normalizer;
}

/// log of sum_e w_e p_e for one block. Terms are relative to each token's largest p_e, so that the
/// sum is at least the smallest weight and fast_log's precondition holds.
inline void mix_block(MatrixView<const float> logits, std::span<const float> normalizers,
                      std::span<const float> weights, std::size_t first, FusionBlock& result) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  FusionBlock largest;
  FusionBlock block;
  FusionBlock sum;
  largest.fill(kNever);
  sum.fill(0.0F);
  for (std::size_t e = 0; e < logits.rows; ++e) {
    load_log_probabilities(logits.row_span(e), normalizers[e], first, block);
    for (std::size_t i = 0; i < kFusionBlock; ++i)
      largest[i] = value_of_order(std::max(order_of(largest[i]), order_of(block[i])));
  }
  for (std::size_t e = 0; e < logits.rows; ++e) {
    load_log_probabilities(logits.row_span(e), normalizers[e], first, block);
    // A token without probability gives -inf - (-inf): clamped, it is discarded below.
    for (std::size_t i = 0; i < kFusionBlock; ++i)
      sum[i] += weights[e] * fast_exp(clamp(block[i] - largest[i], -104.0F, 0.0F));
  }
  for (std::size_t i = 0; i < kFusionBlock; ++i) {
    const float mixed = largest[i] + fast_log(clamp(sum[i], std::numeric_limits<float>::min(), 2));
    result[i] = choose(largest[i] == kNever ? 1U : 0U, kNever, mixed);
  }
}

/// sum_e w_e log p_e for one block.
inline void multiply_block(MatrixView<const float> logits, std::span<const float> normalizers,
                           std::span<const float> weights, std::size_t first, FusionBlock& result) {
  FusionBlock block;
  result.fill(0.0F);
  for (std::size_t e = 0; e < logits.rows; ++e) {
    load_log_probabilities(logits.row_span(e), normalizers[e], first, block);
    for (std::size_t i = 0; i < kFusionBlock; ++i) result[i] += weights[e] * block[i];
  }
}

}  // namespace detail::inline TUTTI_ABI

inline namespace TUTTI_ABI {

TUTTI_INLINE void fuse_distributions(Fusion fusion, MatrixView<const float> logits,
                                     std::span<const float> weights, std::span<float> fused) {
  require<OptionError>(weights.size() == logits.rows && fused.size() == logits.cols, "logits of ",
                       logits.rows, " experts for ", logits.cols, " tokens, but ", weights.size(),
                       " weights and room for ", fused.size(),
                       " results: give one weight per expert and room for one result per token");
  std::vector<float> normalizers;
  for (std::size_t e = 0; e < logits.rows; ++e) {
    try {
      normalizers.push_back(log_sum_exp(logits.row_span(e)));
    } catch (const NumericError& error) {
      fail<NumericError>("of ", logits.rows, " different experts, number ", e, ": ", error.what());
    }
  }
  const bool mixes = fusion == Fusion::mean_of_probabilities;
  detail::FusionBlock block;
  for (std::size_t first = 0; first < fused.size(); first += detail::kFusionBlock) {
    if (mixes) {
      detail::mix_block(logits, normalizers, weights, first, block);
    } else {
      detail::multiply_block(logits, normalizers, weights, first, block);
    }
    const std::size_t count = std::min(detail::kFusionBlock, fused.size() - first);
    std::copy_n(block.values, count, fused.begin() + static_cast<std::ptrdiff_t>(first));
  }
  if (mixes) return;
  const float normalizer = log_sum_exp(fused);
  for (float& value : fused) value -= normalizer;
}

}  // namespace TUTTI_ABI

}  // namespace tutti
