// SPDX-License-Identifier: Apache-2.0
#pragma once
// Weights of one linear layer where they lie in host memory: row-major, any element type, quantized
// blocks included, with an optional bias and an optional low-rank delta (LoRA) beside them; and the
// vectors of one norm.

#include <cstddef>
#include <optional>
#include <vector>

#include "tutti/base/tensor.hpp"

namespace tutti {

/// View of [rows = outputs, cols = inputs] weights; row r begins at `data + r * row_bytes`. The
/// memory may be unaligned.
struct WeightMatrix {
  DType type = DType::f32;
  const std::byte* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t row_bytes = 0;

  [[nodiscard]] const std::byte* row(std::size_t r) const { return data + r * row_bytes; }
  [[nodiscard]] std::size_t bytes() const { return rows * row_bytes; }

  friend bool operator==(const WeightMatrix&, const WeightMatrix&) = default;
};

/// B A for a layer of [out, in], of floats of 32 or 16 bits.
struct LowRankDelta {
  WeightMatrix a;             ///< A, [rank, in].
  WeightMatrix b_transposed;  ///< B^T, [rank, out], with the adapter's scale in it.
};

/// y = (W + B A) x + bias. An empty bias stands for none.
struct LinearWeights {
  WeightMatrix weight;
  std::vector<float> bias;
  std::optional<LowRankDelta> delta;
};

/// out = normalized x * weight + bias. An empty bias stands for none.
struct NormWeights {
  std::vector<float> weight;
  std::vector<float> bias;

  friend bool operator==(const NormWeights&, const NormWeights&) = default;
};

}  // namespace tutti
