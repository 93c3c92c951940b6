// SPDX-License-Identifier: Apache-2.0
#pragma once
// The layout of weights on the device, and the conversion to it on the host. Floats stay as they
// are; codes and scales of GGUF's blocks become separate arrays, so that eight weights are always
// one aligned load. The values are those of formats/quantized/dequantize.hpp, to the bit.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "tutti/base/linear_weights.hpp"
#include "tutti/base/numeric/float16.hpp"
#include "tutti/base/threads/thread_pool.hpp"
#include "tutti/formats/quantized/dequantize.hpp"
#include "tutti/formats/quantized/quantized_group.hpp"

namespace tutti::cuda {

/// The type in which the device keeps a matrix of `type`: five-bit codes become bytes.
[[nodiscard]] constexpr DType device_type(DType type) {
  if (type == DType::q5_0) return DType::q8_0;
  if (type == DType::q5_1) return DType::q5_k;
  return type;
}

/// Weights that one thread loads at once; rows are zero-padded to a multiple of it.
inline constexpr std::size_t kLoadedWeights = 8;

[[nodiscard]] constexpr std::size_t padded(std::size_t cols) {
  return (cols + kLoadedWeights - 1) / kLoadedWeights * kLoadedWeights;
}

/// Whether the device keeps codes of a quantized type in nibbles; else they are bytes.
[[nodiscard]] constexpr bool has_nibbles(DType type) {
  return type == DType::q4_0 || type == DType::q4_1 || type == DType::q4_k;
}

/// Bytes of the scales of kGroupWeights neighbors; 0 for floats.
[[nodiscard]] constexpr std::size_t scale_bytes(DType type) {
  if (!is_quantized(type)) return 0;
  if (type == DType::q8_0 || type == DType::q4_0) return sizeof(Float16);
  return type == DType::q4_1 ? 2 * sizeof(Float16) : 2 * sizeof(float);
}

/// The arrays of a DeviceMatrix in host memory.
class PackedMatrix {
 public:
  PackedMatrix(std::size_t rows, std::size_t row_weight_bytes, std::size_t row_scale_bytes)
      : rows_(rows),
        weight_bytes_(row_weight_bytes),
        scale_bytes_(row_scale_bytes),
        weights_(std::make_unique_for_overwrite<std::byte[]>(rows * row_weight_bytes)),
        scales_(std::make_unique_for_overwrite<std::byte[]>(rows * row_scale_bytes)) {}

  [[nodiscard]] std::byte* weights_of(std::size_t row) {
    return weights_.get() + row * weight_bytes_;
  }
  [[nodiscard]] std::byte* scales_of(std::size_t row) { return scales_.get() + row * scale_bytes_; }
  [[nodiscard]] std::span<const std::byte> weights() const {
    return {weights_.get(), rows_ * weight_bytes_};
  }
  [[nodiscard]] std::span<const std::byte> scales() const {
    return {scales_.get(), rows_ * scale_bytes_};
  }

 private:
  std::size_t rows_, weight_bytes_, scale_bytes_;
  std::unique_ptr<std::byte[]> weights_, scales_;
};

namespace detail {

template <class... Values>
void write_values(std::byte*& to, const Values&... values) {
  const auto write = [&](const auto& value) {
    std::memcpy(to, &value, sizeof value);
    to += sizeof value;
  };
  (write(values), ...);
}

/// Writes a group as the device keeps `type`, and advances both pointers.
inline void pack_group(DType type, const QuantizedGroup& group, std::byte*& weights,
                       std::byte*& scales) {
  if (has_nibbles(type)) {
    const int zero = has_minimum(type) ? 0 : 8;
    for (std::size_t j = 0; j < kGroupWeights; j += 2) {
      *weights++ = static_cast<std::byte>((group.codes[j] + zero) | (group.codes[j + 1] + zero)
                                                                        << 4);
    }
  } else {
    for (const int code : group.codes) *weights++ = static_cast<std::byte>(code);
  }
  switch (type) {
    case DType::q4_1:
      return write_values(scales, to_float16(group.scales[0]), to_float16(group.minimum));
    case DType::q4_k:
    case DType::q5_k: return write_values(scales, group.scales[0], group.minimum);
    case DType::q6_k: return write_values(scales, group.scales[0], group.scales[1]);
    default: return write_values(scales, to_float16(group.scales[0]));
  }
}

/// Row r of floats, as they are or widened to 32 bits, padded with zeros.
inline void pack_float_row(const WeightMatrix& matrix, bool widen, std::size_t r, std::byte* to) {
  const std::size_t element = layout_of(widen ? DType::f32 : matrix.type).block_bytes;
  if (widen) {
    dequantize_row(matrix.type, matrix.row(r), matrix.cols, reinterpret_cast<float*>(to));
  } else {
    std::memcpy(to, matrix.row(r), matrix.cols * element);
  }
  std::memset(to + matrix.cols * element, 0, (padded(matrix.cols) - matrix.cols) * element);
}

}  // namespace detail

/// @param widen converts 16-bit floats to 32 bits; without effect on quantized types.
/// @param threads that share the rows; null: the caller alone. The bytes are the same.
[[nodiscard]] inline PackedMatrix pack(const WeightMatrix& matrix, bool widen = false,
                                       ThreadPool* threads = nullptr) {
  constexpr std::size_t kRowsPerTask = 32;
  const bool quantized = is_quantized(matrix.type);
  const DType type = quantized ? device_type(matrix.type) : widen ? DType::f32 : matrix.type;
  const std::size_t row_weights = quantized ? matrix.cols / (has_nibbles(type) ? 2 : 1)
                                            : padded(matrix.cols) * layout_of(type).block_bytes;
  PackedMatrix packed(matrix.rows, row_weights, matrix.cols / kGroupWeights * scale_bytes(type));
  const auto pack_rows = [&](std::size_t task) {
    const std::size_t end = std::min(matrix.rows, (task + 1) * kRowsPerTask);
    for (std::size_t r = task * kRowsPerTask; r < end; ++r) {
      std::byte *weights = packed.weights_of(r), *scales = packed.scales_of(r);
      if (!quantized) {
        detail::pack_float_row(matrix, widen, r, weights);
      } else {
        each_group(matrix.type, matrix.row(r), matrix.cols, [&](const QuantizedGroup& group) {
          detail::pack_group(type, group, weights, scales);
        });
      }
    }
  };
  const std::size_t tasks = (matrix.rows + kRowsPerTask - 1) / kRowsPerTask;
  if (threads == nullptr) {
    for (std::size_t task = 0; task < tasks; ++task) pack_rows(task);
  } else {
    threads->for_each(tasks, pack_rows);
  }
  return packed;
}

}  // namespace tutti::cuda
