// SPDX-License-Identifier: Apache-2.0
#pragma once
// Combines the next-token distributions of several experts into one.

#include <Eigen/Core>
#include <cstddef>
#include <span>

#include "tutti/core/error.hpp"
#include "tutti/core/matrix_view.hpp"
#include "tutti/core/probability.hpp"
#include "tutti/ensemble/request.hpp"

namespace tutti {

/// Writes the logarithm of the fused distribution, normalised: [vocabulary].
///
/// Mean of probabilities: log sum_e w_e p_e(t). Product of experts (Hinton 2002, with exponents w_e):
/// sum_e w_e log p_e(t) - log sum_t' exp(the same).
/// @param logits one row for each expert, [experts, vocabulary].
/// @param weights one for each expert, positive, of sum 1.
/// @throws NumericError when an expert's logits hold a NaN or nothing but -inf, or the product leaves no token.
inline void fuse_distributions(Fusion fusion, MatrixView<const float> logits, std::span<const float> weights, std::span<float> fused) {
  const auto vocabulary = static_cast<Eigen::Index>(logits.cols);
  Eigen::ArrayXf sum = Eigen::ArrayXf::Zero(vocabulary);
  for (std::size_t e = 0; e < logits.rows; ++e) {
    const Eigen::Map<const Eigen::ArrayXf> row(logits.row(e), vocabulary);
    const float normaliser = log_sum_exp(logits.row_span(e));
    if (fusion == Fusion::mean_of_probabilities) {
      sum += weights[e] * (row - normaliser).exp();
    } else {
      sum += weights[e] * (row - normaliser);
    }
  }
  Eigen::Map<Eigen::ArrayXf> result(fused.data(), vocabulary);
  if (fusion == Fusion::mean_of_probabilities) {
    result = sum.log();
  } else {
    result = sum - log_sum_exp(std::span<const float>(sum.data(), logits.cols));
  }
}

}  // namespace tutti
