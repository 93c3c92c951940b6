// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of many rows by cuBLAS. It promises no order of sums, so the bits of a row may depend on the rows beside it, and it takes
// activations in the type of the weights.

#include <cublas_v2.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/backend/cuda/parts.cuh"

namespace tutti::cuda {

/// @throws DeviceError unless `status` is success.
inline void check(cublasStatus_t status, std::string_view doing) {
  if (status == CUBLAS_STATUS_SUCCESS) [[likely]]
    return;
  fail<DeviceError>(doing, ": ", cublasGetStatusName(status), " (", cublasGetStatusString(status), ")");
}

/// A handle of the library, and what its calls need beside.
class Cublas {
 public:
  /// @throws DeviceError when the library cannot be used.
  explicit Cublas(const Stream& stream) {
    check(cublasCreate(&handle_), "creating a handle of cuBLAS");
    check(cublasSetStream(handle_, stream.get()), "giving cuBLAS a stream");
  }
  ~Cublas() {
    if (handle_ != nullptr) (void)cublasDestroy(handle_);
  }
  Cublas(Cublas&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)), pointers_(std::move(other.pointers_)) {}
  Cublas& operator=(Cublas&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(pointers_, other.pointers_);
    return *this;
  }

  /// Row r of `sums` = W x[r], with the weights of r's group. `x`: rows `stride` elements apart, in the type of the weights. Groups of
  /// equal shape are one call.
  void multiply(const StackedMatrices& weights, std::span<const DeviceGroup> groups, const void* x, std::size_t stride,
                const DeviceRows& sums, const Stream& stream) {
    struct Shape {
      std::uint32_t rows, outputs;
      auto operator<=>(const Shape&) const = default;
    };
    struct Pointers {
      std::vector<const void*> weights, x, sums;
    };
    std::map<Shape, Pointers> shapes;
    const std::size_t element = layout_of(weights.type).block_bytes;
    for (const DeviceGroup& group : groups) {
      const DeviceMatrix& matrix = weights.stored[group.expert]->view();
      Pointers& pointers = shapes[{group.count, matrix.rows}];
      pointers.weights.push_back(matrix.weights);
      pointers.x.push_back(static_cast<const std::byte*>(x) + group.first * stride * element);
      pointers.sums.push_back(sums.data + std::size_t{group.first} * sums.stride);
    }
    std::vector<const void*> all;
    for (const auto& [shape, pointers] : shapes) {
      for (const auto* list : {&pointers.weights, &pointers.x, &pointers.sums}) all.insert(all.end(), list->begin(), list->end());
    }
    pointers_.grow(all.size());
    pointers_.upload(all, stream);
    const void* const* next = pointers_.data();
    const std::uint32_t cols = weights.stored[groups.front().expert]->view().cols;
    const cudaDataType_t type = type_of(weights.type);
    const float one = 1.0F, zero = 0.0F;
    for (const auto& [shape, pointers] : shapes) {
      const std::size_t count = pointers.weights.size();
      // Matrices of cuBLAS are column by column: ours are the transposed ones.
      check(cublasGemmBatchedEx(handle_, CUBLAS_OP_T, CUBLAS_OP_N, static_cast<int>(shape.outputs), static_cast<int>(shape.rows),
                                static_cast<int>(cols), &one, next, type, static_cast<int>(padded(cols)), next + count, type,
                                static_cast<int>(stride), &zero, const_cast<void* const*>(next + 2 * count), CUDA_R_32F,
                                static_cast<int>(sums.stride), static_cast<int>(count), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
            "multiplying");
      next += 3 * count;
    }
  }

 private:
  [[nodiscard]] static cudaDataType_t type_of(DType type) {
    return type == DType::bf16 ? CUDA_R_16BF : type == DType::f16 ? CUDA_R_16F : CUDA_R_32F;
  }

  cublasHandle_t handle_ = nullptr;
  DeviceArray<const void*> pointers_;
};

}  // namespace tutti::cuda
