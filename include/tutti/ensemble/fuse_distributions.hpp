// SPDX-License-Identifier: Apache-2.0
#pragma once
// Combines the next-token distributions of several experts into one.

#include <Eigen/Core>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/probability.hpp"
#include "tutti/ensemble/request.hpp"

namespace tutti {

/// Writes the logarithm of the fused distribution, normalized: [vocabulary].
///
/// Mean of probabilities: log sum_e w_e p_e(t), -inf for tokens that no expert allows. Product of
/// experts (Hinton 2002, with exponents w_e): sum_e w_e log p_e(t) - log sum_t' exp(the same).
/// @param logits one row for each expert, [experts, vocabulary].
/// @param weights one for each expert, positive, of sum 1.
/// @throws NumericError when an expert's logits hold a NaN or nothing but -inf, or the product
/// leaves no token.
inline void fuse_distributions(Fusion fusion, MatrixView<const float> logits,
                               std::span<const float> weights, std::span<float> fused) {
  const auto vocabulary = static_cast<Eigen::Index>(logits.cols);
  std::vector<float> normalizers;
  for (std::size_t e = 0; e < logits.rows; ++e) {
    try {
      normalizers.push_back(log_sum_exp(logits.row_span(e)));
    } catch (const NumericError& error) {
      fail<NumericError>("of ", logits.rows, " different experts, number ", e, ": ", error.what());
    }
  }
  const auto log_probabilities = [&](std::size_t e) {
    return Eigen::Map<const Eigen::ArrayXf>(logits.row(e), vocabulary) - normalizers[e];
  };
  Eigen::Map<Eigen::ArrayXf> result(fused.data(), vocabulary);
  Eigen::ArrayXf sum = Eigen::ArrayXf::Zero(vocabulary);
  if (fusion == Fusion::product_of_experts) {
    for (std::size_t e = 0; e < logits.rows; ++e) sum += weights[e] * log_probabilities(e);
    result = sum - log_sum_exp(std::span<const float>(sum.data(), logits.cols));
    return;
  }
  // Against each token's likeliest expert, so that the sum is neither 0 nor anything that the
  // vector code's exp rounds to.
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  Eigen::ArrayXf largest = log_probabilities(0);
  for (std::size_t e = 1; e < logits.rows; ++e) largest = largest.max(log_probabilities(e));
  for (std::size_t e = 0; e < logits.rows; ++e)
    sum += weights[e] * (log_probabilities(e) - largest).exp();
  result = (largest == kNever).select(kNever, largest + sum.log());
}

}  // namespace tutti
