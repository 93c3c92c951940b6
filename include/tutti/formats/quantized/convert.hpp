// SPDX-License-Identifier: Apache-2.0
#pragma once
// Copies a matrix into another element type, or transposes it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/numeric/float16.hpp"
#include "tutti/formats/quantized/dequantize.hpp"

namespace tutti {

namespace detail {

/// Blocks of 32: scale max|x| / 127 kept as f16, values rounded to nearest.
inline void quantize_q8_0(const float* values, std::size_t count, std::byte* out) {
  for (std::size_t begin = 0; begin < count; begin += 32, out += 34) {
    float largest = 0;
    for (std::size_t i = 0; i < 32; ++i) largest = std::max(largest, std::abs(values[begin + i]));
    const float scale = largest / 127.0F;
    const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
    const Float16 stored = to_float16(scale);
    std::memcpy(out, &stored, 2);
    for (std::size_t i = 0; i < 32; ++i) {
      out[2 + i] = static_cast<std::byte>(
          static_cast<std::int8_t>(std::lround(values[begin + i] * inverse)));
    }
  }
}

inline void encode_row(DType type, const float* values, std::size_t count, std::byte* out) {
  const auto store = [&](std::size_t i, auto value) {
    std::memcpy(out + i * sizeof(value), &value, sizeof(value));
  };
  switch (type) {
    case DType::f32: std::memcpy(out, values, count * sizeof(float)); break;
    case DType::f16:
      for (std::size_t i = 0; i < count; ++i) store(i, to_float16(values[i]));
      break;
    case DType::bf16:
      for (std::size_t i = 0; i < count; ++i) store(i, to_bfloat16(values[i]));
      break;
    default: quantize_q8_0(values, count, out);
  }
}

}  // namespace detail

/// A copy of `matrix` in `type` (f32, f16, bf16 or q8_0), row by row through float; its memory is
/// added to `owners`.
/// @throws OptionError for other types, and for q8_0 when the rows are no multiple of 32.
[[nodiscard]] inline WeightMatrix convert(const WeightMatrix& matrix, DType type,
                                          std::vector<std::shared_ptr<const void>>& owners,
                                          const std::string& name) {
  require<OptionError>(!is_quantized(type) || type == DType::q8_0, name, ": cannot convert to ",
                       layout_of(type).name,
                       ": the storage types to convert to are F32, F16, BF16 and Q8_0");
  require<OptionError>(matrix.cols % layout_of(type).block_elements == 0, name, ": rows of ",
                       matrix.cols, " elements are no multiple of ", layout_of(type).block_elements,
                       ", the block of ", layout_of(type).name, ": choose another storage type");
  WeightMatrix result{type, nullptr, matrix.rows, matrix.cols, row_bytes(type, matrix.cols)};
  const std::shared_ptr<std::byte[]> memory(new std::byte[result.bytes()]);
  std::vector<float> row(matrix.cols);
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    dequantize_row(matrix.type, matrix.row(r), matrix.cols, row.data());
    detail::encode_row(type, row.data(), matrix.cols, memory.get() + r * result.row_bytes);
  }
  result.data = memory.get();
  owners.push_back(memory);
  return result;
}

/// A copy of `matrix`, which is not quantized, with rows and columns exchanged; its memory is added
/// to `owners`.
[[nodiscard]] inline WeightMatrix transpose(const WeightMatrix& matrix,
                                            std::vector<std::shared_ptr<const void>>& owners) {
  const std::size_t element = layout_of(matrix.type).block_bytes;
  WeightMatrix result{matrix.type, nullptr, matrix.cols, matrix.rows, matrix.rows * element};
  const std::shared_ptr<std::byte[]> memory(new std::byte[result.bytes()]);
  for (std::size_t r = 0; r < result.rows; ++r) {
    std::byte* const row = memory.get() + r * result.row_bytes;
    for (std::size_t c = 0; c < result.cols; ++c)
      std::memcpy(row + c * element, matrix.row(c) + r * element, element);
  }
  result.data = memory.get();
  owners.push_back(memory);
  return result;
}

}  // namespace tutti
