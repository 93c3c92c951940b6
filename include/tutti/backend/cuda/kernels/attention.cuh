// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attention over the KV cache's pages. A block reads one page of one kv head once for all rows that
// attend to it (the samples of one prompt, the rows of a prefill). A query's partial results of its
// pages are merged by log-sum-exp in the order of its sequence (Flash-Decoding; Dao et al. 2023),
// so that a row's bits do not depend on the rows that share its pages.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tutti/backend/batch.hpp"
#include "tutti/backend/cuda/kernels/cache.cuh"

namespace tutti::cuda {

inline constexpr unsigned kAttentionWarps = 4;
inline constexpr unsigned kAttentionThreads = kAttentionWarps * kWarpThreads;

/// Cosines and sines of position * frequency, [rows, pairs] each. Grid: rows.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    rope_angles_kernel(const Row* rows, const float* frequencies, std::uint32_t pairs,
                       float* cosines, float* sines) {
  for (std::uint32_t j = threadIdx.x; j < pairs; j += kThreads) {
    const float angle = static_cast<float>(rows[blockIdx.x].position) * frequencies[j];
    cosines[std::size_t{blockIdx.x} * pairs + j] = cosf(angle);
    sines[std::size_t{blockIdx.x} * pairs + j] = sinf(angle);
  }
}

/// Neighboring rows that have the same page at place `depth` of their page tables.
struct PageVisit {
  PageId page = 0;
  std::uint32_t depth = 0;
  std::uint32_t first_row = 0;
  std::uint32_t row_count = 0;
};

/// The pages that rows [first, last) of a batch attend to; `starts` has the window starts of all
/// rows.
[[nodiscard]] inline std::vector<PageVisit> page_visits(const Batch& batch,
                                                        std::span<const WindowStart> starts,
                                                        std::size_t first, std::size_t last) {
  std::vector<PageVisit> visits;
  for (std::size_t depth = 0, deeper = 1; deeper > 0; ++depth) {
    deeper = 0;
    for (std::size_t r = first; r < last; ++r) {
      const std::span<const PageSpan> spans = batch.spans_of(r);
      if (depth >= spans.size()) continue;
      ++deeper;
      if (depth < starts[r].span) continue;
      const auto row = static_cast<std::uint32_t>(r);
      if (visits.empty() || visits.back().depth != depth ||
          visits.back().page != spans[depth].page ||
          visits.back().first_row + visits.back().row_count != row) {
        visits.push_back({spans[depth].page, static_cast<std::uint32_t>(depth), row, 0});
      }
      ++visits.back().row_count;
    }
  }
  return visits;
}

/// Elements between two keys in shared memory, so that 32 neighboring positions use different
/// banks.
template <class Element>
inline constexpr std::uint32_t kKeyPadding = 4 / sizeof(Element);

/// Bytes of dynamic shared memory of attention_kernel.
template <class Element>
[[nodiscard]] std::size_t attention_shared_bytes(std::uint32_t head_dim) {
  return (kPagePositions * (2 * std::size_t{head_dim} + kKeyPadding<Element>)) * sizeof(Element) +
         kAttentionWarps * (head_dim + kPagePositions) * sizeof(float);
}

/// Partial results of some rows of a batch, [row - first_row, head, depth]: head_dim weighted sums
/// of values, the largest score, and the sum of the weights.
struct PartialResults {
  float* values = nullptr;
  std::uint32_t* pages_done = nullptr;  ///< [rows, kv heads]; zeros before and after a launch.
  std::uint32_t first_row = 0;
  std::uint32_t depths = 0;

  /// Those of one query, [depth].
  [[nodiscard]] __device__ __forceinline__ float* of(const DeviceAttention& shape,
                                                     std::uint32_t row, std::uint32_t head) const {
    return values +
           (std::size_t{row - first_row} * shape.heads + head) * depths * (shape.head_dim + 2);
  }
};

/// The pages of each row of a batch. During decoding on the device they change from step to step.
struct RowPages {
  const PageSpan* spans = nullptr;
  const std::uint32_t* span_begin = nullptr;  ///< [rows + 1]
  const WindowStart* starts = nullptr;        ///< [rows]

  /// Positions of page `depth` that the row attends to end here. 0 if there are none: the page is
  /// before the row's window, the row has not reached it yet, or the row has ended.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t end_in_page(std::uint32_t row,
                                                                     std::uint32_t depth) const {
    return depth < starts[row].span ? 0 : spans[span_begin[row] + depth].count;
  }
  /// The first of these positions.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t begin_in_page(std::uint32_t row,
                                                                       std::uint32_t depth) const {
    return depth == starts[row].span ? starts[row].position : 0;
  }
  /// One past the last page of a row that has any; later ones are allocated but empty.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t end_of(std::uint32_t row) const {
    std::uint32_t end = span_begin[row + 1] - span_begin[row];
    while (spans[span_begin[row] + end - 1].count == 0) --end;
    return end;
  }
};

/// The dynamic shared memory of a block of attention_kernel.
template <class Element>
struct AttentionMemory {
  float* weights = nullptr;   ///< [kPagePositions] of the warp: exponentials of the scores.
  float* query = nullptr;     ///< [head_dim] of the warp, scaled.
  Element* keys = nullptr;    ///< [kPagePositions, key_stride] of the block.
  Element* values = nullptr;  ///< [kPagePositions, head_dim] of the block.
  std::uint32_t dim = 0, key_stride = 0;

  __device__ __forceinline__ AttentionMemory(std::uint32_t head_dim, std::uint32_t warp)
      : dim(head_dim), key_stride(head_dim + kKeyPadding<Element>) {
    // Floats first: they have the larger alignment.
    auto* floats = dynamic_shared<float>();
    weights = floats + warp * kPagePositions;
    query = floats + kAttentionWarps * kPagePositions + warp * dim;
    keys = reinterpret_cast<Element*>(floats + kAttentionWarps * (kPagePositions + dim));
    values = keys + kPagePositions * key_stride;
  }
};

/// Copies the first `count` keys and values of a page to shared memory. All threads of the block
/// call it.
template <class Element>
__device__ __forceinline__ void load_page(const Element* page, std::uint32_t count,
                                          const AttentionMemory<Element>& memory) {
  const std::uint32_t dim = memory.dim;
  for (std::uint32_t i = threadIdx.x; i < count * dim; i += kAttentionThreads) {
    memory.keys[i / dim * memory.key_stride + i % dim] = page[i];
    memory.values[i] = page[kPagePositions * dim + i];
  }
  __syncthreads();
}

/// The partial result of one query with positions [begin, end) of the page in shared memory, by one
/// warp, of which each lane scores two positions.
template <class Element>
__device__ __forceinline__ void attend_page(const float* from, float scale, std::uint32_t begin,
                                            std::uint32_t end,
                                            const AttentionMemory<Element>& memory, float* to) {
  static_assert(kPagePositions == 2 * kWarpThreads);
  const std::uint32_t lane = threadIdx.x % kWarpThreads, dim = memory.dim;
  for (std::uint32_t i = lane; i < dim; i += kWarpThreads) memory.query[i] = from[i] * scale;
  __syncwarp();
  float scores[2];
  for (unsigned half = 0; half < 2; ++half) {
    const std::uint32_t position = half * kWarpThreads + lane;
    scores[half] = -INFINITY;
    if (position < begin || position >= end) continue;
    float score = 0.0F;
    for (std::uint32_t i = 0; i < dim; ++i)
      score = fmaf(memory.query[i], to_number(memory.keys[position * memory.key_stride + i]),
                   score);
    scores[half] = score;
  }
  const float largest = warp_maximum(fmaxf(scores[0], scores[1]));
  float sum = 0.0F;
  for (unsigned half = 0; half < 2; ++half) {
    const float weight = expf(scores[half] - largest);
    memory.weights[half * kWarpThreads + lane] = weight;
    sum += weight;
  }
  sum = warp_sum(sum);
  __syncwarp();
  for (std::uint32_t i = lane; i < dim; i += kWarpThreads) {
    float value = 0.0F;
    for (std::uint32_t position = begin; position < end; ++position)
      value = fmaf(memory.weights[position], to_number(memory.values[position * dim + i]), value);
    to[i] = value;
  }
  if (lane == 0) {
    to[dim] = largest;
    to[dim + 1] = sum;
  }
  __syncwarp();  // before the warp's next query overwrites shared memory
}

/// out = the attention of one query, merged from depths [begin, end) of `parts`, by one warp.
__device__ __forceinline__ void merge_attention(const float* parts, std::uint32_t dim,
                                                std::uint32_t begin, std::uint32_t end,
                                                float* out) {
  const std::uint32_t stride = dim + 2;
  float largest = -INFINITY;
  for (std::uint32_t depth = begin; depth < end; ++depth)
    largest = fmaxf(largest, parts[std::size_t{depth} * stride + dim]);
  float sum = 0.0F;
  for (std::uint32_t depth = begin; depth < end; ++depth) {
    const float* part = parts + std::size_t{depth} * stride;
    sum = fmaf(part[dim + 1], expf(part[dim] - largest), sum);
  }
  for (std::uint32_t i = threadIdx.x % kWarpThreads; i < dim; i += kWarpThreads) {
    float value = 0.0F;
    for (std::uint32_t depth = begin; depth < end; ++depth) {
      const float* part = parts + std::size_t{depth} * stride;
      value = fmaf(part[i], expf(part[dim] - largest), value);
    }
    out[i] = value / sum;
  }
}

/// Counts a page of `row` as done, by one warp, after the block has written its partial results.
/// Returns whether it was the last of the row's `pages`; then all partial results are visible.
__device__ __forceinline__ bool finish_page(std::uint32_t* done, std::uint32_t pages) {
  std::uint32_t before = 0;
  if (threadIdx.x % kWarpThreads == 0) {
    __threadfence();  // releases the block's partial results before it counts
    before = atomicAdd(done, 1U);
    __threadfence();  // acquires those of the blocks that have counted before
    if (before + 1 == pages) atomicExch(done, 0U);  // for the next layer
  }
  before = __shfl_sync(kAllLanes, before, 0);
  __syncwarp();  // a shuffle does not order memory
  return before + 1 >= pages;
}

/// The attention of a batch's rows. Grid: (visits, kv heads). Each warp takes one query at a time.
/// The last block to finish a page of a row merges the partial results of all the row's pages.
template <class Element>
__global__ void __launch_bounds__(kAttentionThreads)
    attention_kernel(DeviceAttention shape, const PageVisit* visits, RowPages rows,
                     DeviceRows queries, DevicePages pages, PartialResults partial,
                     DeviceRows out) {
  const std::uint32_t dim = shape.head_dim, kv_head = blockIdx.y;
  const std::uint32_t warp = threadIdx.x / kWarpThreads;
  const PageVisit visit = visits[blockIdx.x];
  std::uint32_t positions = 0;  // that any row attends to
  for (std::uint32_t r = 0; r < visit.row_count; ++r) {
    const std::uint32_t end = rows.end_in_page(visit.first_row + r, visit.depth);
    positions = end > positions ? end : positions;
  }
  if (positions == 0) return;
  const AttentionMemory<Element> memory(dim, warp);
  load_page(
      static_cast<const Element*>(pages.pages[visit.page]) + pages.offset(shape.layer, kv_head),
      positions, memory);

  const std::uint32_t group = shape.heads / shape.kv_heads;  // query heads of the kv head
  for (std::uint32_t q = warp; q < visit.row_count * group; q += kAttentionWarps) {
    const std::uint32_t row = visit.first_row + q / group, head = kv_head * group + q % group;
    const std::uint32_t end = rows.end_in_page(row, visit.depth);
    if (end == 0) continue;
    attend_page(queries.row(row) + std::size_t{head} * dim, shape.scale,
                rows.begin_in_page(row, visit.depth), end, memory,
                partial.of(shape, row, head) + std::size_t{visit.depth} * (dim + 2));
  }
  __syncthreads();

  for (std::uint32_t r = warp; r < visit.row_count; r += kAttentionWarps) {
    const std::uint32_t row = visit.first_row + r;
    if (rows.end_in_page(row, visit.depth) == 0) continue;
    const std::uint32_t begin = rows.starts[row].span, end = rows.end_of(row);
    std::uint32_t* done = partial.pages_done +
                          std::size_t{row - partial.first_row} * shape.kv_heads + kv_head;
    if (!finish_page(done, end - begin)) continue;
    for (std::uint32_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      merge_attention(partial.of(shape, row, head), dim, begin, end,
                      out.row(row) + std::size_t{head} * dim);
    }
  }
}

}  // namespace tutti::cuda
