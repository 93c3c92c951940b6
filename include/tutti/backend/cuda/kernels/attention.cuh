// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attention over the cache's pages. A block reads one page of one kv head once, for all rows that
// see it (the samples behind one prompt, the rows of a prefill); what a query gets from each of its
// pages is merged by log-sum-exp, in the order of its own sequence (Flash-Decoding; Dao et al.
// 2023). So a row's bits do not depend on who shares its pages.

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

/// Neighboring rows that see the same page as their `depth`-th.
struct PageVisit {
  PageId page = 0;
  std::uint32_t depth = 0;
  std::uint32_t first_row = 0;
  std::uint32_t row_count = 0;
};

/// The pages that rows [first, last) of a batch see, `starts` being those of all rows.
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

/// Padding behind a key in shared memory, so that 32 neighboring positions lie in different banks.
template <class Element>
inline constexpr std::uint32_t kKeyPadding = 4 / sizeof(Element);

/// Bytes of shared memory that partial_attention_kernel needs.
template <class Element>
[[nodiscard]] std::size_t attention_shared_bytes(std::uint32_t head_dim) {
  return (kPagePositions * (2 * std::size_t{head_dim} + kKeyPadding<Element>)) * sizeof(Element) +
         kAttentionWarps * (head_dim + kPagePositions) * sizeof(float);
}

/// Where the partial results of some rows of a batch lie: [row - first_row, head, depth] of
/// head_dim weighted sums of values, the largest score, and the sum of the weights.
struct PartialResults {
  float* values = nullptr;
  std::uint32_t* pages_done = nullptr;  ///< [rows, kv heads]; zeros before and after.
  std::uint32_t first_row = 0;
  std::uint32_t depths = 0;

  [[nodiscard]] __device__ __forceinline__ float* of(const DeviceAttention& shape,
                                                     std::uint32_t row, std::uint32_t head) const {
    return values +
           (std::size_t{row - first_row} * shape.heads + head) * depths * (shape.head_dim + 2);
  }
};

/// out = the merged attention of one query over depths [begin, end), by one warp.
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

/// The attention of a batch's rows. Grid: (visits, kv heads). A warp takes one query at a time, a
/// lane two positions of the page. The block that is the last to do a page of a row merges what the
/// row's queries got from all of them.
template <class Element>
__global__ void __launch_bounds__(kAttentionThreads)
    attention_kernel(DeviceAttention shape, const PageVisit* visits, const PageSpan* spans,
                     const std::uint32_t* span_begin, const WindowStart* starts, DeviceRows queries,
                     DevicePages pages, PartialResults partial, DeviceRows out) {
  static_assert(kPagePositions == 2 * kWarpThreads);
  const std::uint32_t dim = shape.head_dim, key_stride = dim + kKeyPadding<Element>;
  const std::uint32_t warp = threadIdx.x / kWarpThreads, lane = threadIdx.x % kWarpThreads;
  // Floats first: they have the larger alignment.
  auto* weights = dynamic_shared<float>() + warp * kPagePositions;
  auto* query = dynamic_shared<float>() + kAttentionWarps * kPagePositions + warp * dim;
  auto* keys = reinterpret_cast<Element*>(dynamic_shared<float>() +
                                          kAttentionWarps * (kPagePositions + dim));
  Element* values = keys + kPagePositions * key_stride;

  const PageVisit visit = visits[blockIdx.x];
  // Positions of the page that a row sees. While rows move on by themselves some have not come so
  // far yet, have left the page behind their window, or have ended.
  const auto seen_of = [&](std::uint32_t row) {
    return visit.depth < starts[row].span ? 0 : spans[span_begin[row] + visit.depth].count;
  };
  std::uint32_t most = 0;
  for (std::uint32_t r = 0; r < visit.row_count; ++r) {
    const std::uint32_t count = seen_of(visit.first_row + r);
    most = count > most ? count : most;
  }
  if (most == 0) return;
  const auto* page = static_cast<const Element*>(pages.pages[visit.page]) +
                     pages.offset(shape.layer, blockIdx.y);
  for (std::uint32_t i = threadIdx.x; i < most * dim; i += kAttentionThreads) {
    keys[i / dim * key_stride + i % dim] = page[i];
    values[i] = page[kPagePositions * dim + i];
  }
  __syncthreads();

  const std::uint32_t group = shape.heads / shape.kv_heads;
  for (std::uint32_t q = warp; q < visit.row_count * group; q += kAttentionWarps) {
    const std::uint32_t row = visit.first_row + q / group, head = blockIdx.y * group + q % group;
    const std::uint32_t count = seen_of(row);
    if (count == 0) continue;
    const std::uint32_t begin = visit.depth == starts[row].span ? starts[row].position : 0;
    const float* from = queries.row(row) + std::size_t{head} * dim;
    for (std::uint32_t i = lane; i < dim; i += kWarpThreads) query[i] = from[i] * shape.scale;
    __syncwarp();
    float scores[2];
    for (unsigned half = 0; half < 2; ++half) {
      const std::uint32_t position = half * kWarpThreads + lane;
      scores[half] = -INFINITY;
      if (position < begin || position >= count) continue;
      float score = 0.0F;
      for (std::uint32_t i = 0; i < dim; ++i)
        score = fmaf(query[i], to_number(keys[position * key_stride + i]), score);
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
    float* to = partial.of(shape, row, head) + std::size_t{visit.depth} * (dim + 2);
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

  __syncthreads();
  for (std::uint32_t r = warp; r < visit.row_count; r += kAttentionWarps) {
    const std::uint32_t row = visit.first_row + r;
    if (seen_of(row) == 0) continue;
    std::uint32_t* done = partial.pages_done +
                          std::size_t{row - partial.first_row} * shape.kv_heads + blockIdx.y;
    std::uint32_t end = span_begin[row + 1] - span_begin[row];
    while (spans[span_begin[row] + end - 1].count == 0) --end;  // room that is not in use yet
    const std::uint32_t begin = starts[row].span;
    std::uint32_t before = 0;
    if (lane == 0) {
      __threadfence();  // what the block has written, before it counts
      before = atomicAdd(done, 1U);
      __threadfence();  // what others had written when they counted, before it is read
      if (before + 1 == end - begin) atomicExch(done, 0U);  // for the next layer
    }
    before = __shfl_sync(kAllLanes, before, 0);
    if (before + 1 < end - begin) continue;
    __syncwarp();  // a shuffle orders no memory
    for (std::uint32_t h = 0; h < group; ++h) {
      const std::uint32_t head = blockIdx.y * group + h;
      merge_attention(partial.of(shape, row, head), dim, begin, end,
                      out.row(row) + std::size_t{head} * dim);
    }
  }
}

}  // namespace tutti::cuda
