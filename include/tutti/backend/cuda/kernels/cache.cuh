// SPDX-License-Identifier: Apache-2.0
#pragma once
// The epilogue of a layer's query, key and value products: rotary embedding, and the store of keys
// and values in the KV cache.

#include <cstddef>
#include <cstdint>

#include "tutti/backend/backend.hpp"
#include "tutti/backend/batch.hpp"
#include "tutti/backend/cuda/kernels/norm.cuh"

namespace tutti::cuda {

/// The cache's pages: for each layer and kv head keys [kPagePositions, head_dim], then values.
struct DevicePages {
  void* const* pages = nullptr;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  KvType type = KvType::f32;

  /// Elements from the beginning of a page to the keys of a head.
  [[nodiscard]] __device__ __host__ std::size_t offset(std::uint32_t layer,
                                                       std::uint32_t kv_head) const {
    return (std::size_t{layer} * kv_heads + kv_head) * 2 * kPagePositions * head_dim;
  }
};

/// The attention of one layer, for kernels.
struct DeviceAttention {
  std::uint32_t layer = 0;
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  bool interleaved = false;  ///< RopePairing::interleaved.
  bool rotary = true;        ///< Whether the layer has rotary embeddings.
  float scale = 1.0F;
};

[[nodiscard]] __device__ __forceinline__ float to_number(float value) { return value; }
[[nodiscard]] __device__ __forceinline__ float to_number(Float16 value) {
  return load_half(&value.bits);
}
[[nodiscard]] __device__ __forceinline__ float to_number(BFloat16 value) {
  return load_bfloat16(&value.bits);
}
__device__ __forceinline__ void from_number(float number, float& value) { value = number; }
__device__ __forceinline__ void from_number(float number, Float16& value) {
  value.bits = half_bits(number);
}
__device__ __forceinline__ void from_number(float number, BFloat16& value) {
  const unsigned bits = __float_as_uint(number);
  const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
  value.bits = static_cast<std::uint16_t>(
      (nan ? bits | 0x400000U : bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

/// The page of a row that has ended, which is not stored.
inline constexpr PageId kNoPage = 0xFFFFFFFFU;

/// The rotary angles and cache slots of a batch's queries, keys and values in one layer.
struct CacheEntry {
  DeviceAttention shape;
  /// [rows, head_dim / 2], both; null in layers without rotary embeddings.
  const float* cosines = nullptr;
  const float* sines = nullptr;
  const PageSlot* slots = nullptr;  ///< One per row.
  DevicePages pages;

  __device__ __forceinline__ void store(std::size_t row, std::uint32_t head, bool is_value,
                                        std::uint32_t element, float number) const {
    const PageSlot slot = slots[row];
    if (slot.page == kNoPage) return;
    const std::size_t at = pages.offset(shape.layer, head) +
                           ((is_value ? kPagePositions : 0) + slot.offset) * shape.head_dim +
                           element;
    void* page = pages.pages[slot.page];
    switch (pages.type) {
      case KvType::f32: return from_number(number, static_cast<float*>(page)[at]);
      case KvType::f16: return from_number(number, static_cast<Float16*>(page)[at]);
      case KvType::bf16: return from_number(number, static_cast<BFloat16*>(page)[at]);
    }
  }

  /// Rotates a pair of a head: element `first` and the next one, or the one half a head later.
  __device__ __forceinline__ void rotate(std::size_t row, std::uint32_t first, float& a,
                                         float& b) const {
    if (!shape.rotary) return;
    const std::uint32_t pair = shape.interleaved ? first / 2 : first;
    const std::size_t at = row * (shape.head_dim / 2) + pair;
    const float rotated_a = fmaf(a, cosines[at], -(b * sines[at])),
                rotated_b = fmaf(a, sines[at], b * cosines[at]);
    a = rotated_a;
    b = rotated_b;
  }
};

/// Normalizes the heads of queries and keys if there are such norms, rotates the queries in place,
/// and stores keys and values. Grid: (rows, heads + kv heads + kv heads), one warp per block.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    append_kernel(const __grid_constant__ CacheEntry entry,
                  const __grid_constant__ DeviceNorm query_norm,
                  const __grid_constant__ DeviceNorm key_norm, const Row* rows, DeviceRows queries,
                  DeviceRows keys, DeviceRows values) {
  static_assert(kThreads == kWarpThreads);
  const DeviceAttention& shape = entry.shape;
  const std::uint32_t row = blockIdx.x, dim = shape.head_dim;
  const bool is_query = blockIdx.y < shape.heads,
             is_value = blockIdx.y >= shape.heads + shape.kv_heads;
  const std::uint32_t head = blockIdx.y - (is_query ? 0 : shape.heads) -
                             (is_value ? shape.kv_heads : 0);
  float* x = (is_query ? queries : is_value ? values : keys).row(row) + std::size_t{head} * dim;
  if (is_value) {
    for (std::uint32_t i = threadIdx.x; i < dim; i += kThreads)
      entry.store(row, head, true, i, x[i]);
    return;
  }
  const DeviceNorm& norm = is_query ? query_norm : key_norm;
  Moments moments;
  if (norm.weights != nullptr) {
    moments = moments_of(x, norm, threadIdx.x, kThreads,
                         [](float value) { return warp_sum(value); });
    __syncwarp();  // all lanes have read x before one writes it: shuffles do not order memory
  }
  const std::size_t weights = std::size_t{rows[row].expert} * norm.width;
  for (std::uint32_t j = threadIdx.x; j < dim / 2; j += kThreads) {
    const std::uint32_t first = shape.interleaved ? 2 * j : j,
                        second = shape.interleaved ? 2 * j + 1 : j + dim / 2;
    float a = x[first], b = x[second];
    if (norm.weights != nullptr) {
      a = normalized(a, moments, norm, weights + first);
      b = normalized(b, moments, norm, weights + second);
    }
    entry.rotate(row, first, a, b);
    if (is_query) {
      x[first] = a;
      x[second] = b;
    } else {
      entry.store(row, head, false, first, a);
      entry.store(row, head, false, second, b);
    }
  }
}

}  // namespace tutti::cuda
