// SPDX-License-Identifier: Apache-2.0
#pragma once
// Matrices of weights in the device's memory, each uploaded once.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tutti/backend/cuda/memory.cuh"
#include "tutti/backend/cuda/weight_packing.cuh"

namespace tutti::cuda {

/// A matrix [rows, cols] as kernels see it.
struct DeviceMatrix {
  /// Rows of padded(cols): floats, 16-bit floats, signed bytes or nibbles, low nibble first.
  const void* weights = nullptr;
  /// Quantized types: [rows, cols / kGroupWeights] of f16 scales (Q8_0, Q4_0), of f16 scales and
  /// minima (Q4_1), of float scales and minima (Q4_K, Q5_K), or of two float scales, for the first
  /// half and the second one (Q6_K).
  const void* scales = nullptr;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
};

/// A matrix and the device memory that holds it.
class StoredMatrix {
 public:
  /// @param widen, threads see pack.
  StoredMatrix(const WeightMatrix& matrix, const Stream& stream, bool widen = false,
               ThreadPool* threads = nullptr)
      : type_(widen ? DType::f32 : device_type(matrix.type)) {
    // Unpadded rows of floats need no packing: they go from the file's mapping to the device.
    if (!widen && !is_quantized(matrix.type) && padded(matrix.cols) == matrix.cols &&
        matrix.row_bytes == row_bytes(matrix.type, matrix.cols)) {
      weights_ = upload(std::span<const std::byte>(matrix.data, matrix.bytes()), stream);
    } else {
      const PackedMatrix packed = pack(matrix, widen, threads);
      weights_ = upload(packed.weights(), stream);
      scales_ = upload(packed.scales(), stream);
    }
    view_ = {weights_.data(), scales_.data(), static_cast<std::uint32_t>(matrix.rows),
             static_cast<std::uint32_t>(matrix.cols)};
  }

  [[nodiscard]] const DeviceMatrix& view() const { return view_; }
  [[nodiscard]] DType type() const { return type_; }

 private:
  DType type_;
  DeviceArray<std::byte> weights_, scales_;
  DeviceMatrix view_;
};

/// Uploads each matrix once, however many experts or layers use the same memory of the host.
class MatrixStore {
 public:
  [[nodiscard]] std::shared_ptr<const StoredMatrix> get(const WeightMatrix& matrix,
                                                        const Stream& stream,
                                                        ThreadPool* threads = nullptr) {
    for (const auto& [known, stored] : known_) {
      if (known != matrix) continue;
      if (std::shared_ptr<const StoredMatrix> alive = stored.lock()) return alive;
    }
    std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
    auto stored = std::make_shared<const StoredMatrix>(matrix, stream, false, threads);
    known_.emplace_back(matrix, stored);
    return stored;
  }

 private:
  std::vector<std::pair<WeightMatrix, std::weak_ptr<const StoredMatrix>>> known_;
};

}  // namespace tutti::cuda
