// SPDX-License-Identifier: Apache-2.0
#pragma once
// Views of the weights of one linear layer in host memory: row-major, any element type including
// quantized blocks, with an optional bias and an optional low-rank delta (LoRA); and the vectors of
// one norm.

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

/// B A for a layer of [out, in], in 32-bit or 16-bit floats.
struct LowRankDelta {
  WeightMatrix a;             ///< A, [rank, in].
  WeightMatrix b_transposed;  ///< B^T, [rank, out], multiplied by the adapter's scale.
};

/// y = (W + B A) x + bias. An empty bias means none.
struct LinearWeights {
  WeightMatrix weight;
  std::vector<float> bias;
  std::optional<LowRankDelta> delta;
};

/// out = normalized x * weight + bias. An empty bias means none.
struct NormWeights {
  std::vector<float> weight;
  std::vector<float> bias;

  friend bool operator==(const NormWeights&, const NormWeights&) = default;
};

}  // namespace tutti
