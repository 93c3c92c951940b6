// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attention over the cache's pages. A block reads one page of one kv head once, for all rows that see it (the samples behind one
// prompt, the rows of a prefill); what a query gets from each of its pages is merged by log-sum-exp, in the order of its own
// sequence (Flash-Decoding; Dao et al. 2023). So a row's bits do not depend on who shares its pages.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tutti/backend/batch.hpp"
#include "tutti/backend/concept.hpp"
#include "tutti/backend/cuda/device.cuh"
#include "tutti/backend/cuda/kernels/product.cuh"

namespace tutti::cuda {

/// The cache's pages: for each layer and kv head keys [kPagePositions, head_dim], then values.
struct DevicePages {
  void* const* pages = nullptr;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;

  /// In elements, from a page's beginning to the keys of a head.
  [[nodiscard]] __device__ __host__ std::size_t offset(std::uint32_t layer, std::uint32_t kv_head) const {
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
  bool turned = true;        ///< Whether the layer has rotary embeddings.
  float scale = 1.0F;
};

[[nodiscard]] __device__ __forceinline__ float to_number(float value) { return value; }
[[nodiscard]] __device__ __forceinline__ float to_number(Float16 value) { return load_half(&value.bits); }
[[nodiscard]] __device__ __forceinline__ float to_number(BFloat16 value) { return load_bfloat16(&value.bits); }
__device__ __forceinline__ void from_number(float number, float& value) { value = number; }
__device__ __forceinline__ void from_number(float number, Float16& value) { value.bits = half_bits(number); }
__device__ __forceinline__ void from_number(float number, BFloat16& value) {
  const unsigned bits = __float_as_uint(number);
  const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
  value.bits = static_cast<std::uint16_t>((nan ? bits | 0x400000U : bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

inline constexpr unsigned kAttentionWarps = 4;
inline constexpr unsigned kAttentionThreads = kAttentionWarps * kWarpThreads;

/// Cosines and sines of position * frequency, [rows, pairs] each. Grid: rows.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    rope_angles_kernel(const Row* rows, const float* frequencies, std::uint32_t pairs, float* cosines, float* sines) {
  for (std::uint32_t j = threadIdx.x; j < pairs; j += kThreads) {
    const float angle = static_cast<float>(rows[blockIdx.x].position) * frequencies[j];
    cosines[std::size_t{blockIdx.x} * pairs + j] = cosf(angle);
    sines[std::size_t{blockIdx.x} * pairs + j] = sinf(angle);
  }
}

/// Turns a row's queries in place, and its keys on their way into the cache, where its values go too. Grid: rows.
template <class Element>
__global__ void __launch_bounds__(kAttentionThreads)
    append_kernel(DeviceAttention shape, const float* cosines, const float* sines, const PageSlot* slots, DeviceRows queries,
                  DeviceRows keys, DeviceRows values, DevicePages pages) {
  const std::uint32_t pairs = shape.head_dim / 2;
  const std::size_t row = blockIdx.x;
  const PageSlot slot = slots[row];
  auto* page = static_cast<Element*>(pages.pages[slot.page]);
  for (std::uint32_t i = threadIdx.x; i < (shape.heads + shape.kv_heads) * pairs; i += kAttentionThreads) {
    const std::uint32_t head = i / pairs, j = i % pairs;
    const std::uint32_t first = shape.interleaved ? 2 * j : j, second = shape.interleaved ? 2 * j + 1 : j + pairs;
    const bool is_query = head < shape.heads;
    float* from = is_query ? queries.data + row * queries.stride + std::size_t{head} * shape.head_dim
                           : keys.data + row * keys.stride + std::size_t{head - shape.heads} * shape.head_dim;
    const float cosine = shape.turned ? cosines[row * pairs + j] : 1.0F, sine = shape.turned ? sines[row * pairs + j] : 0.0F;
    const float a = from[first], b = from[second];
    const float turned_a = fmaf(a, cosine, -(b * sine)), turned_b = fmaf(a, sine, b * cosine);
    if (is_query) {
      from[first] = turned_a;
      from[second] = turned_b;
    } else {
      Element* to = page + pages.offset(shape.layer, head - shape.heads) + std::size_t{slot.offset} * shape.head_dim;
      from_number(turned_a, to[first]);
      from_number(turned_b, to[second]);
    }
  }
  for (std::uint32_t i = threadIdx.x; i < shape.kv_heads * shape.head_dim; i += kAttentionThreads) {
    const std::uint32_t head = i / shape.head_dim, j = i % shape.head_dim;
    Element* to = page + pages.offset(shape.layer, head) + (kPagePositions + slot.offset) * std::size_t{shape.head_dim};
    from_number(values.data[row * values.stride + i], to[j]);
  }
}

/// Neighbouring rows that see the same page as their `depth`-th.
struct PageVisit {
  PageId page = 0;
  std::uint32_t depth = 0;
  std::uint32_t first_row = 0;
  std::uint32_t row_count = 0;
};

/// The pages that rows [first, last) of a batch see, `starts` being those of all rows.
[[nodiscard]] inline std::vector<PageVisit> page_visits(const Batch& batch, std::span<const WindowStart> starts, std::size_t first,
                                                        std::size_t last) {
  std::vector<PageVisit> visits;
  for (std::size_t depth = 0, deeper = 1; deeper > 0; ++depth) {
    deeper = 0;
    for (std::size_t r = first; r < last; ++r) {
      const std::span<const PageSpan> spans = batch.spans_of(r);
      if (depth >= spans.size()) continue;
      ++deeper;
      if (depth < starts[r].span) continue;
      const auto row = static_cast<std::uint32_t>(r);
      if (visits.empty() || visits.back().depth != depth || visits.back().page != spans[depth].page ||
          visits.back().first_row + visits.back().row_count != row) {
        visits.push_back({spans[depth].page, static_cast<std::uint32_t>(depth), row, 0});
      }
      ++visits.back().row_count;
    }
  }
  return visits;
}

/// Padding behind a key in shared memory, so that 32 neighbouring positions lie in different banks.
template <class Element>
inline constexpr std::uint32_t kKeyPadding = 4 / sizeof(Element);

/// Bytes of shared memory that partial_attention_kernel needs.
template <class Element>
[[nodiscard]] std::size_t attention_shared_bytes(std::uint32_t head_dim) {
  return (kPagePositions * (2 * std::size_t{head_dim} + kKeyPadding<Element>)) * sizeof(Element) +
         kAttentionWarps * (head_dim + kPagePositions) * sizeof(float);
}

/// What a query gets from one page: head_dim weighted sums of values, the largest score, and the sum of the weights, in the order of
/// [row - first_row, head, depth]. Grid: (visits, kv heads). A warp takes one query at a time, a lane two positions of the page.
template <class Element>
__global__ void __launch_bounds__(kAttentionThreads)
    partial_attention_kernel(DeviceAttention shape, const PageVisit* visits, const PageSpan* spans, const std::uint32_t* span_begin,
                             const WindowStart* starts, DeviceRows queries, DevicePages pages, float* partial, std::uint32_t first_row,
                             std::uint32_t depths) {
  static_assert(kPagePositions == 2 * kWarpThreads);
  const std::uint32_t dim = shape.head_dim, key_stride = dim + kKeyPadding<Element>;
  const std::uint32_t warp = threadIdx.x / kWarpThreads, lane = threadIdx.x % kWarpThreads;
  // Floats first: they have the larger alignment.
  auto* weights = dynamic_shared<float>() + warp * kPagePositions;
  auto* query = dynamic_shared<float>() + kAttentionWarps * kPagePositions + warp * dim;
  auto* keys = reinterpret_cast<Element*>(dynamic_shared<float>() + kAttentionWarps * (kPagePositions + dim));
  Element* values = keys + kPagePositions * key_stride;

  const PageVisit visit = visits[blockIdx.x];
  std::uint32_t most = 0;
  for (std::uint32_t r = 0; r < visit.row_count; ++r) {
    const std::uint32_t count = spans[span_begin[visit.first_row + r] + visit.depth].count;
    most = count > most ? count : most;
  }
  const auto* page = static_cast<const Element*>(pages.pages[visit.page]) + pages.offset(shape.layer, blockIdx.y);
  for (std::uint32_t i = threadIdx.x; i < most * dim; i += kAttentionThreads) {
    keys[i / dim * key_stride + i % dim] = page[i];
    values[i] = page[kPagePositions * dim + i];
  }
  __syncthreads();

  const std::uint32_t group = shape.heads / shape.kv_heads;
  for (std::uint32_t q = warp; q < visit.row_count * group; q += kAttentionWarps) {
    const std::uint32_t row = visit.first_row + q / group, head = blockIdx.y * group + q % group;
    const std::uint32_t count = spans[span_begin[row] + visit.depth].count;
    const std::uint32_t begin = visit.depth == starts[row].span ? starts[row].position : 0;
    const float* from = queries.data + std::size_t{row} * queries.stride + std::size_t{head} * dim;
    for (std::uint32_t i = lane; i < dim; i += kWarpThreads) query[i] = from[i] * shape.scale;
    __syncwarp();
    float scores[2];
    for (unsigned half = 0; half < 2; ++half) {
      const std::uint32_t position = half * kWarpThreads + lane;
      scores[half] = -INFINITY;
      if (position < begin || position >= count) continue;
      float score = 0.0F;
      for (std::uint32_t i = 0; i < dim; ++i) score = fmaf(query[i], to_number(keys[position * key_stride + i]), score);
      scores[half] = score;
    }
    const float largest = warp_maximum(fmaxf(scores[0], scores[1]));
    float sum = 0.0F;
    for (unsigned half = 0; half < 2; ++half) {
      const float weight = expf(scores[half] - largest);
      weights[half * kWarpThreads + lane] = weight;
      sum += weight;
    }
    sum = warp_sum(sum);
    __syncwarp();
    float* to = partial + ((std::size_t{row - first_row} * shape.heads + head) * depths + visit.depth) * (dim + 2);
    for (std::uint32_t i = lane; i < dim; i += kWarpThreads) {
      float value = 0.0F;
      for (std::uint32_t position = begin; position < count; ++position) {
        value = fmaf(weights[position], to_number(values[position * dim + i]), value);
      }
      to[i] = value;
    }
    if (lane == 0) {
      to[dim] = largest;
      to[dim + 1] = sum;
    }
    __syncwarp();  // before the next query takes the place of this one
  }
}

/// out = the merged attention of each query. Grid: (rows, heads).
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    merge_attention_kernel(DeviceAttention shape, const float* partial, const std::uint32_t* span_begin, const WindowStart* starts,
                           std::uint32_t first_row, std::uint32_t depths, DeviceRows out) {
  const std::uint32_t row = first_row + blockIdx.x, head = blockIdx.y, dim = shape.head_dim;
  const std::uint32_t begin = starts[row].span, end = span_begin[row + 1] - span_begin[row];
  const float* parts = partial + (std::size_t{blockIdx.x} * shape.heads + head) * depths * (dim + 2);
  float largest = -INFINITY;
  for (std::uint32_t depth = begin; depth < end; ++depth) largest = fmaxf(largest, parts[std::size_t{depth} * (dim + 2) + dim]);
  float sum = 0.0F;
  for (std::uint32_t depth = begin; depth < end; ++depth) {
    const float* part = parts + std::size_t{depth} * (dim + 2);
    sum = fmaf(part[dim + 1], expf(part[dim] - largest), sum);
  }
  for (std::uint32_t i = threadIdx.x; i < dim; i += kThreads) {
    float value = 0.0F;
    for (std::uint32_t depth = begin; depth < end; ++depth) {
      const float* part = parts + std::size_t{depth} * (dim + 2);
      value = fmaf(part[i], expf(part[dim] - largest), value);
    }
    out.data[std::size_t{row} * out.stride + std::size_t{head} * dim + i] = value / sum;
  }
}

}  // namespace tutti::cuda
