// SPDX-License-Identifier: Apache-2.0
#pragma once
// One product y = x W^T (+ bias) (+ y) as the kernels see it.

#include <cstddef>

#include "tutti/backend/cpu/activations.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/matrix_view.hpp"

namespace tutti::cpu {

/// A corner of y: where a kernel puts its results.
struct OutputTile {
  float* first;
  std::size_t stride;
  const float* bias;  ///< Of the first output, or null.
  bool accumulate;

  /// Outputs [0, count) of row `row`; `values` are changed.
  void put(std::size_t row, float* values, std::size_t count) const {
    float* y = first + row * stride;
    if (bias != nullptr) {
      for (std::size_t i = 0; i < count; ++i) values[i] += bias[i];
    }
    if (accumulate) {
      for (std::size_t i = 0; i < count; ++i) values[i] += y[i];
    }
    for (std::size_t i = 0; i < count; ++i) y[i] = values[i];
  }
};

/// y[m][n] = sum_k W[n][k] x[m][k] + bias[n], added to y if `accumulate`. x must be prepared for
/// the weight's type; the weight's columns are x.cols, y is [x.rows, weight.rows].
struct ProductJob {
  WeightMatrix weight;
  PreparedActivations x;
  MatrixView<float> y;
  const float* bias = nullptr;  ///< [weight.rows], or null for none.
  bool accumulate = false;

  [[nodiscard]] OutputTile tile(std::size_t m, std::size_t n) const {
    return {y.row(m) + n, y.stride, bias != nullptr ? bias + n : nullptr, accumulate};
  }
};

/// y[m][n] += sum_k t[m][k] b[k][n], k ascending.
struct LowRankJob {
  WeightMatrix b;             ///< [rank, outputs], of floats.
  MatrixView<const float> t;  ///< [rows, rank]
  MatrixView<float> y;        ///< [rows, outputs]
};

}  // namespace tutti::cpu
