// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the device keeps weights, and how the host prepares them. Floats stay as they are; GGUF's
// blocks are taken apart, codes here and scales there, so that eight weights are always one aligned
// load. The values are those of formats/quantized/dequantize.hpp, to the bit.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tutti/base/float16.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/formats/quantized/dequantize.hpp"
#include "tutti/formats/quantized/quantized_group.hpp"

namespace tutti::cuda {

/// How the device keeps a matrix of `type`: most types as they are, five-bit codes in bytes.
[[nodiscard]] constexpr DType device_type(DType type) {
  if (type == DType::q5_0) return DType::q8_0;
  if (type == DType::q5_1) return DType::q5_k;
  return type;
}

/// Weights that one thread loads at once; rows are padded with zeros to a multiple.
inline constexpr std::size_t kLoadedWeights = 8;

[[nodiscard]] constexpr std::size_t padded(std::size_t cols) {
  return (cols + kLoadedWeights - 1) / kLoadedWeights * kLoadedWeights;
}

/// Whether the device keeps codes of a quantized type in nibbles; else they are bytes.
[[nodiscard]] constexpr bool has_nibbles(DType type) {
  return type == DType::q4_0 || type == DType::q4_1 || type == DType::q4_k;
}

/// The arrays of a DeviceMatrix in the host's memory.
struct PackedMatrix {
  std::vector<std::byte> weights, scales;
};

namespace detail {

/// Rows of floats as they are or, if `widen`, as 32-bit floats; padded with zeros.
inline void pack_floats(const WeightMatrix& matrix, bool widen, PackedMatrix& packed) {
  const std::size_t element = layout_of(widen ? DType::f32 : matrix.type).block_bytes,
                    bytes = padded(matrix.cols) * element;
  packed.weights.resize(matrix.rows * bytes);
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    std::byte* const row = packed.weights.data() + r * bytes;
    if (widen) {
      dequantize_row(matrix.type, matrix.row(r), matrix.cols, reinterpret_cast<float*>(row));
    } else {
      std::memcpy(row, matrix.row(r), matrix.cols * element);
    }
  }
}

template <class... Values>
void append_bytes(std::vector<std::byte>& bytes, Values... values) {
  const auto append = [&](const auto& value) {
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), from, from + sizeof value);
  };
  (append(values), ...);
}

/// Appends a group as a type of the device.
inline void pack_group(DType type, const QuantizedGroup& group, PackedMatrix& packed) {
  if (has_nibbles(type)) {
    const int zero = has_minimum(type) ? 0 : 8;
    for (std::size_t j = 0; j < kGroupWeights; j += 2) {
      packed.weights.push_back(
          static_cast<std::byte>((group.codes[j] + zero) | (group.codes[j + 1] + zero) << 4));
    }
  } else {
    for (const int code : group.codes) packed.weights.push_back(static_cast<std::byte>(code));
  }
  switch (type) {
    case DType::q4_1:
      return append_bytes(packed.scales, to_float16(group.scales[0]), to_float16(group.minimum));
    case DType::q4_k:
    case DType::q5_k: return append_bytes(packed.scales, group.scales[0], group.minimum);
    case DType::q6_k: return append_bytes(packed.scales, group.scales[0], group.scales[1]);
    default: return append_bytes(packed.scales, to_float16(group.scales[0]));
  }
}

}  // namespace detail

/// @param widen makes 32-bit floats of 16-bit ones; without effect on quantized types.
[[nodiscard]] inline PackedMatrix pack(const WeightMatrix& matrix, bool widen = false) {
  PackedMatrix packed;
  if (!is_quantized(matrix.type)) {
    detail::pack_floats(matrix, widen, packed);
    return packed;
  }
  const auto append = [&](const QuantizedGroup& group) {
    detail::pack_group(device_type(matrix.type), group, packed);
  };
  for (std::size_t r = 0; r < matrix.rows; ++r)
    each_group(matrix.type, matrix.row(r), matrix.cols, append);
  return packed;
}

}  // namespace tutti::cuda
