// SPDX-License-Identifier: Apache-2.0
#pragma once
// Weights on the device. Floats stay as they are; GGUF's blocks are taken apart when they are uploaded, codes here and scales
// there, so that eight weights are always one aligned load. The values are those of formats/dequantize.hpp, to the bit.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tutti/backend/cuda/memory.cuh"
#include "tutti/core/linear_weights.hpp"
#include "tutti/formats/dequantize.hpp"

namespace tutti::cuda {

/// How the device keeps a matrix of `type`: as it is, or, where there is no kernel for it (Q5 and the K-quants), as floats.
[[nodiscard]] constexpr DType device_type(DType type) {
  switch (type) {
    case DType::f16:
    case DType::bf16:
    case DType::q8_0:
    case DType::q4_0:
    case DType::q4_1: return type;
    default: return DType::f32;
  }
}

/// Weights that one thread loads at once; rows are padded with zeros to a multiple.
inline constexpr std::size_t kLoadedWeights = 8;
/// Weights that share a scale in the quantised types.
inline constexpr std::size_t kScaledWeights = 32;

[[nodiscard]] constexpr std::size_t padded(std::size_t cols) { return (cols + kLoadedWeights - 1) / kLoadedWeights * kLoadedWeights; }

/// A matrix [rows, cols] as kernels see it.
struct DeviceMatrix {
  const void* weights =
      nullptr;  ///< Rows of padded(cols): floats, 16-bit floats, signed bytes (Q8_0) or nibbles (Q4), the first the lower.
  const std::uint16_t* scales = nullptr;  ///< Quantised types: [rows, cols / kScaledWeights] in 16-bit floats.
  const std::uint16_t* minima = nullptr;  ///< Q4_1: the same.
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
};

/// The arrays of a DeviceMatrix in the host's memory.
struct PackedMatrix {
  std::vector<std::byte> weights;
  std::vector<std::uint16_t> scales, minima;
};

namespace detail {

/// Rows of floats, padded with zeros.
inline void pack_floats(const WeightMatrix& matrix, PackedMatrix& packed) {
  const std::size_t element = layout_of(device_type(matrix.type)).block_bytes;
  packed.weights.resize(matrix.rows * padded(matrix.cols) * element);
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    std::byte* to = packed.weights.data() + r * padded(matrix.cols) * element;
    if (device_type(matrix.type) == matrix.type) {
      std::memcpy(to, matrix.row(r), matrix.cols * element);
    } else {
      std::vector<float> row(matrix.cols);
      dequantize_row(matrix.type, matrix.row(r), matrix.cols, row.data());
      std::memcpy(to, row.data(), matrix.cols * element);
    }
  }
}

/// Takes one block of 32 apart: ggml keeps elements j and j + 16 in the nibbles of byte j, here neighbours share a byte.
inline void pack_block(DType type, const std::byte* block, PackedMatrix& packed) {
  const auto half_at = [&](std::size_t offset) {
    std::uint16_t bits;
    std::memcpy(&bits, block + offset, sizeof bits);
    return bits;
  };
  packed.scales.push_back(half_at(0));
  if (type == DType::q8_0) {
    packed.weights.insert(packed.weights.end(), block + 2, block + 2 + kScaledWeights);
    return;
  }
  if (type == DType::q4_1) packed.minima.push_back(half_at(2));
  const std::byte* nibbles = block + (type == DType::q4_1 ? 4 : 2);
  for (std::size_t shift : {0U, 4U}) {
    for (std::size_t j = 0; j < 16; j += 2) {
      const std::byte low = nibbles[j] >> shift & std::byte{15};
      packed.weights.push_back(low | (nibbles[j + 1] >> shift & std::byte{15}) << 4);
    }
  }
}

}  // namespace detail

[[nodiscard]] inline PackedMatrix pack(const WeightMatrix& matrix) {
  PackedMatrix packed;
  const DType type = device_type(matrix.type);
  if (!is_quantised(type)) {
    detail::pack_floats(matrix, packed);
    return packed;
  }
  packed.weights.reserve(row_bytes(type, matrix.cols) * matrix.rows);
  const DTypeLayout layout = layout_of(type);
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    for (std::size_t i = 0; i < matrix.cols / layout.block_elements; ++i) {
      detail::pack_block(type, matrix.row(r) + i * layout.block_bytes, packed);
    }
  }
  return packed;
}

/// A matrix and the device memory that holds it.
class StoredMatrix {
 public:
  StoredMatrix(const WeightMatrix& matrix, const Stream& stream) {
    // Whole rows of floats need no packing: they go from the file's mapping straight to the device.
    if (!is_quantised(matrix.type) && padded(matrix.cols) == matrix.cols && matrix.row_bytes == row_bytes(matrix.type, matrix.cols)) {
      weights_ = upload(std::span<const std::byte>(matrix.data, matrix.bytes()), stream);
    } else {
      const PackedMatrix packed = pack(matrix);
      weights_ = upload(std::span<const std::byte>(packed.weights), stream);
      scales_ = upload(std::span<const std::uint16_t>(packed.scales), stream);
      minima_ = upload(std::span<const std::uint16_t>(packed.minima), stream);
    }
    view_ = {weights_.data(), scales_.data(), minima_.data(), static_cast<std::uint32_t>(matrix.rows),
             static_cast<std::uint32_t>(matrix.cols)};
  }

  [[nodiscard]] const DeviceMatrix& view() const { return view_; }

 private:
  DeviceArray<std::byte> weights_;
  DeviceArray<std::uint16_t> scales_, minima_;
  DeviceMatrix view_;
};

/// Uploads each matrix once, however many experts or layers use the same memory of the host.
class MatrixStore {
 public:
  [[nodiscard]] std::shared_ptr<const StoredMatrix> get(const WeightMatrix& matrix, const Stream& stream) {
    for (const auto& [known, stored] : known_) {
      if (known != matrix) continue;
      if (std::shared_ptr<const StoredMatrix> alive = stored.lock()) return alive;
    }
    std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
    auto stored = std::make_shared<const StoredMatrix>(matrix, stream);
    known_.emplace_back(matrix, stored);
    return stored;
  }

 private:
  std::vector<std::pair<WeightMatrix, std::weak_ptr<const StoredMatrix>>> known_;
};

}  // namespace tutti::cuda
