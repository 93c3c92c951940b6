// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rows of activations: owned, cache-line aligned, row-major.

#include <cstddef>

#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/base/matrix_view.hpp"

namespace tutti::cpu {

/// [rows, width] floats whose content is undefined until written.
class FloatMatrix {
 public:
  FloatMatrix() = default;
  FloatMatrix(std::size_t rows, std::size_t width) { reset(rows, width); }

  /// Changes the shape; the content is lost. Memory only grows.
  void reset(std::size_t rows, std::size_t width) {
    rows_ = rows;
    width_ = width;
    memory_.grow(rows * width);
  }

  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] float* row(std::size_t r) { return memory_.data() + r * width_; }
  [[nodiscard]] const float* row(std::size_t r) const { return memory_.data() + r * width_; }
  [[nodiscard]] MatrixView<float> view() { return {memory_.data(), rows_, width_}; }
  [[nodiscard]] MatrixView<const float> view() const { return {memory_.data(), rows_, width_}; }

 private:
  AlignedBuffer<float> memory_;
  std::size_t rows_ = 0;
  std::size_t width_ = 0;
};

}  // namespace tutti::cpu
