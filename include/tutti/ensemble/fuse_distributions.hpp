// SPDX-License-Identifier: Apache-2.0
#pragma once
// Combines the next-token distributions of several experts into one.

#include <span>

#include "tutti/base/macros.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/ensemble/request.hpp"

namespace tutti::inline TUTTI_ABI {

/// Writes the logarithm of the fused distribution, normalized: [vocabulary].
///
/// Mean of probabilities: log sum_e w_e p_e(t), -inf for tokens to which no expert gives a
/// probability. Product of experts (Hinton 2002, with exponents w_e): sum_e w_e log p_e(t) - log
/// sum_t' exp(the same), -inf for tokens that any expert excludes.
/// @param logits one row per expert, [experts, vocabulary].
/// @param weights one per expert, positive, with the sum 1.
/// @throws OptionError when sizes differ; NumericError when an expert's logits contain a NaN or
/// only -inf, or the product excludes every token.
void fuse_distributions(Fusion fusion, MatrixView<const float> logits,
                        std::span<const float> weights, std::span<float> fused);

}  // namespace tutti::inline TUTTI_ABI

#if !defined(TUTTI_COMPILED)
#include "tutti/ensemble/fuse_distributions-inl.hpp"
#endif
