// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of many rows by cuBLAS. It guarantees no order of summation, so a row's bits may depend
// on the other rows, and it needs activations in the type of the weights.

#include <cublas_v2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tutti/backend/cuda/device_types.cuh"
#include "tutti/backend/cuda/kernels/epilogue.cuh"
#include "tutti/backend/cuda/kernels/product.cuh"

namespace tutti::cuda {

/// @throws DeviceError unless `status` is success.
inline void check(cublasStatus_t status, std::string_view doing) {
  if (status == CUBLAS_STATUS_SUCCESS) [[likely]]
    return;
  fail<DeviceError>(doing, ": ", cublasGetStatusName(status), " (", cublasGetStatusString(status),
                    ")");
}

/// A part of a launch, with the host's copy of its groups and matrices.
struct HostPart {
  ProductPart part;
  std::span<const DeviceGroup> groups;
  const StackedMatrices& weights;
  const StackedMatrices* second = nullptr;
};

/// A cuBLAS handle and the buffers of its calls.
class Cublas {
 public:
  /// @throws DeviceError when the library cannot be used.
  explicit Cublas(const Stream& stream) {
    cublasHandle_t handle = nullptr;
    check(cublasCreate(&handle), "creating a cuBLAS handle");
    handle_.reset(handle);
    check(cublasSetStream(handle, stream.get()), "setting the stream of cuBLAS");
  }

  /// Enqueues the products of a job without a norm, whose weights have one floating-point type, and
  /// their epilogue.
  void enqueue(ProductJob job, std::span<const HostPart* const> parts, const Stream& stream) {
    std::size_t rows = 0, groups = 0, outputs = 0, max_rows = 0;
    for (const HostPart* part : parts) {
      if (!part->groups.empty())
        rows = std::max<std::size_t>(rows, part->groups.back().first + part->groups.back().count);
      groups = std::max(groups, part->groups.size());
      max_rows = std::max(max_rows, part->part.groups.max_rows);
      outputs += padded(part->weights.outputs) +
                 (part->second == nullptr ? 0 : padded(part->second->outputs));
    }
    if (rows == 0) return;
    const void* x = rounded(parts.front()->weights.type, job.x, rows, stream);
    sums_.grow(rows * outputs, stream);
    float* place = sums_.data();
    const auto multiplied = [&](const HostPart& part, const StackedMatrices& weights) {
      const DeviceRows sums{place, static_cast<std::uint32_t>(padded(weights.outputs))};
      place += rows * sums.stride;
      if (!part.groups.empty()) multiply(weights, part.groups, x, job.x.stride, sums, stream);
      return sums;
    };
    ProductSums sums;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      sums.first[p] = multiplied(*parts[p], parts[p]->weights);
      if (parts[p]->second != nullptr) sums.second[p] = multiplied(*parts[p], *parts[p]->second);
    }
    job.row_tiles = static_cast<std::uint32_t>((max_rows + kEndedRows - 1) / kEndedRows);
    const unsigned blocks = place_parts(job, parts.size(), kRowThreads) * job.row_tiles;
    launch({dim3(blocks, static_cast<unsigned>(groups)), dim3(kRowThreads)}, stream.get(),
           end_sums_kernel<kRowThreads>, job, sums);
  }

 private:
  /// The first rows of x in a type of floats.
  [[nodiscard]] const void* rounded(DType type, const DeviceRows& x, std::size_t rows,
                                    const Stream& stream) {
    if (type == DType::f32) return x.data;
    rounded_.grow(rows * x.stride, stream);
    auto* const kernel = type == DType::bf16 ? round_rows_kernel<DType::bf16, kRowThreads>
                                             : round_rows_kernel<DType::f16, kRowThreads>;
    launch({dim3(static_cast<unsigned>(rows)), dim3(kRowThreads)}, stream.get(), kernel, x,
           rounded_.data());
    return rounded_.data();
  }

  /// Row r of `sums` = W x[r], with the weights of r's group. `x`: rows `stride` elements apart, in
  /// the type of the weights. Groups of equal shape are one call.
  void multiply(const StackedMatrices& weights, std::span<const DeviceGroup> groups, const void* x,
                std::size_t stride, const DeviceRows& sums, const Stream& stream) {
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
      for (const auto* list : {&pointers.weights, &pointers.x, &pointers.sums})
        all.insert(all.end(), list->begin(), list->end());
    }
    pointers_.assign(all, stream);
    const void* const* next = pointers_.data();
    const std::uint32_t cols = weights.stored[groups.front().expert]->view().cols;
    const cudaDataType_t type = type_of(weights.type);
    const float one = 1.0F, zero = 0.0F;
    for (const auto& [shape, pointers] : shapes) {
      const std::size_t count = pointers.weights.size();
      // cuBLAS is column-major: our row-major matrices are their transposes.
      check(
          cublasGemmBatchedEx(
              handle_.get(), CUBLAS_OP_T, CUBLAS_OP_N, static_cast<int>(shape.outputs),
              static_cast<int>(shape.rows), static_cast<int>(cols), &one, next, type,
              static_cast<int>(padded(cols)), next + count, type, static_cast<int>(stride), &zero,
              const_cast<void* const*>(next + 2 * count), CUDA_R_32F, static_cast<int>(sums.stride),
              static_cast<int>(count), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
          "multiplying");
      next += 3 * count;
    }
  }

  [[nodiscard]] static cudaDataType_t type_of(DType type) {
    return type == DType::bf16 ? CUDA_R_16BF : type == DType::f16 ? CUDA_R_16F : CUDA_R_32F;
  }

  struct Destroy {
    void operator()(cublasHandle_t handle) const { (void)cublasDestroy(handle); }
  };

  std::unique_ptr<std::remove_pointer_t<cublasHandle_t>, Destroy> handle_;
  DeviceArray<const void*> pointers_;
  DeviceArray<std::uint16_t> rounded_;
  DeviceArray<float> sums_;
};

}  // namespace tutti::cuda
