// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W^T for 16-bit weights by way of float: a few weight rows at a time are converted, then
// multiplied as floats, with the bits of dense_product for their own type. For processors without
// instructions that convert vectors, where the conversion costs more than the product: it happens
// once for all activation rows, and no kernels are compiled for these types.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/product/dense_product.hpp"
#include "tutti/backend/cpu/product/product_job.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"
#include "tutti/base/numeric/float16.hpp"
#include "tutti/formats/quantized/dequantize.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Weight rows converted at a time: a multiple of the heights of all tiles.
inline constexpr std::size_t kWidenedRows = 12;

/// A row of f16 as floats, or of bf16 in the order of its activations (ActivationForm::even_odd),
/// with zeros up to a multiple of 2 * kLanes.
inline void widen_row(DType type, const std::byte* row, std::size_t cols, float* to) {
  if (type == DType::f16) return dequantize_row(type, row, cols, to);
  constexpr std::size_t kStep = 2 * kLanes;
  const auto widen = [&](const std::byte* from, std::size_t k) {
    store(to + k, load_even(from));
    store(to + k + kLanes, load_odd(from, upper_halves()));
  };
  std::size_t k = 0;
  for (; k + kStep <= cols; k += kStep) widen(row + k * sizeof(BFloat16), k);
  if (k < cols) {
    std::byte padded[kStep * sizeof(BFloat16)] = {};
    std::memcpy(padded, row + k * sizeof(BFloat16), (cols - k) * sizeof(BFloat16));
    widen(padded, k);
  }
}

/// Output columns [first, last) of `job`, whose weights are f16 or bf16.
inline void widened_product(const ProductJob& job, std::size_t first, std::size_t last) {
  const std::size_t width = round_up(job.x.cols, 2 * kLanes);
  thread_local AlignedBuffer<float> buffer;
  buffer.grow(kWidenedRows * width);
  ProductJob part = job;
  part.weight = {DType::f32, reinterpret_cast<const std::byte*>(buffer.data()), 0, job.x.cols,
                 width * sizeof(float)};
  if (job.weight.type == DType::bf16) {
    part.x.plain = job.x.even_odd;
    part.x.cols = part.weight.cols = width;
  }
  for (std::size_t n = first; n < last; n += kWidenedRows) {
    part.weight.rows = std::min(kWidenedRows, last - n);
    for (std::size_t r = 0; r < part.weight.rows; ++r) {
      widen_row(job.weight.type, job.weight.row(n + r), job.x.cols, buffer.data() + r * width);
    }
    part.y = {job.y.data + n, job.y.rows, part.weight.rows, job.y.stride};
    if (job.bias != nullptr) part.bias = job.bias + n;
    dense_product<float>(part, 0, part.weight.rows);
  }
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI
