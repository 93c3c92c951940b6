// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W^T for the rows of each expert, fused with the norm before and the epilogue after it. The
// expert is the grid's second index; one launch serves several matrices with the same input. This
// file has the products with f32 weights, tensor_product.cuh all others. A warp reads two weight
// rows once for up to kTile rows of x. Output (m, n) is the sum of 32 chains, one per lane, over k
// in ascending order, added in a fixed tree: its bits depend on row m of x and row n of W alone.

#include <algorithm>

#include "tutti/backend/cuda/kernels/product_job.cuh"
#include "tutti/backend/cuda/kernels/tensor_product.cuh"

namespace tutti::cuda {

/// The sums of two weight rows with kTile rows of x, in every lane.
template <unsigned kTile>
__device__ __forceinline__ void multiply_pair(const DeviceMatrix& a, const DeviceMatrix& b,
                                              WeightPair pair, const InputTile& inputs,
                                              float (&sums)[2][kTile]) {
  TUTTI_UNROLL
  for (unsigned m = 0; m < kTile; ++m) sums[0][m] = sums[1][m] = 0.0F;
  for (std::uint32_t k = threadIdx.x % kWarpThreads * 8; k < a.cols; k += 8 * kWarpThreads) {
    float weights[2][8];
    load_weights<DType::f32>(a, pair.first, k, weights[0]);
    load_weights<DType::f32>(b, pair.second, k, weights[1]);
    TUTTI_UNROLL
    for (unsigned m = 0; m < kTile; ++m) {
      const auto* from = reinterpret_cast<const float4*>(inputs.row(m) + k);
      const float4 low = from[0], high = from[1];
      const float values[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
      TUTTI_UNROLL
      for (unsigned i = 0; i < 8; ++i) {
        sums[0][m] = fmaf(weights[0][i], values[i], sums[0][m]);
        sums[1][m] = fmaf(weights[1][i], values[i], sums[1][m]);
      }
    }
  }
  TUTTI_UNROLL
  for (unsigned m = 0; m < kTile; ++m) {
    sums[0][m] = warp_sum(sums[0][m]);
    sums[1][m] = warp_sum(sums[1][m]);
  }
}

/// Grid: (blocks of all parts, groups). Shared memory: kTile rows of x if there is a norm.
template <unsigned kTile>
__global__ void __launch_bounds__(kRowThreads)
    product_kernel(const __grid_constant__ ProductJob job) {
  TUTTI_STATIC_SHARED(kBlockSumBytes<kRowThreads>, product_kernel<kTile>);
  const ProductBlock block(job, blockIdx.x, blockIdx.y);
  const DeviceGroup& group = block.group;
  const unsigned lane = threadIdx.x % kWarpThreads, warp = threadIdx.x / kWarpThreads;
  const std::uint32_t stride = (job.cols + 7) / 8 * 8;
  auto* normed = dynamic_shared<float>();
  for (std::uint32_t begin = 0; begin < group.count; begin += kTile) {
    const std::uint32_t count = group.count - begin < kTile ? group.count - begin : kTile;
    if (job.norm.weights != nullptr) {
      if (begin > 0) __syncthreads();  // all warps have read the previous rows
      normalize_to_shared(job.norm, job.rows, job.x, group.first + begin, count, normed, stride);
    }
    const InputTile inputs = job.norm.weights != nullptr
                                 ? InputTile{normed, stride, count}
                                 : InputTile{job.x.row(group.first + begin), job.x.stride, count};
    for (std::uint32_t i = 0; i < job.units; ++i) {
      WeightPair pair = pair_of(block.part, job.entry.shape,
                                (block.number * job.units + i) * kProductWarps + warp);
      if (pair.first >= block.first.rows) break;  // the whole warp
      const bool both = pair.second < block.first.rows;
      if (!both) pair.second = pair.first;
      float sums[2][kTile];
      multiply_pair<kTile>(block.first, block.second, pair, inputs, sums);
      float a = 0.0F, b = 0.0F;
      TUTTI_UNROLL
      for (unsigned m = 0; m < kTile; ++m) {
        if (lane == m) a = sums[0][m], b = sums[1][m];
      }
      if (lane < count)
        end_pair(job, block.part, group.expert, group.first + begin + lane, pair, both, a, b);
    }
  }
}

/// Largest number of rows of x that blocks normalize themselves; for more, norm_kernel costs less.
/// The bits are the same.
inline constexpr std::size_t kNormedRows = 4;
inline constexpr std::size_t kNormedBytes = std::size_t{64} << 10;

/// Whether blocks can normalize rows of `cols` themselves, with `max_rows` rows in the largest
/// group.
[[nodiscard]] constexpr bool norm_fits(std::size_t max_rows, std::size_t cols) {
  return max_rows <= kNormedRows && kNormedRows * padded(cols) * sizeof(float) <= kNormedBytes;
}

/// The sizes of a launch.
struct ProductCounts {
  std::size_t pairs = 0;     ///< Pairs of weight rows in all groups.
  std::size_t groups = 0;    ///< Largest number of groups of a part.
  std::size_t max_rows = 0;  ///< Largest number of rows of x of a group.
};

[[nodiscard]] inline std::size_t pairs_of(const ProductPart& part) {
  return std::size_t{part.second.matrices != nullptr ? part.outputs : (part.outputs + 1) / 2};
}

/// Divides the grid's first index among the parts, `pairs` * `job.units` per block, and returns the
/// number of blocks.
[[nodiscard]] inline unsigned place_parts(ProductJob& job, std::size_t count, std::size_t pairs) {
  std::uint32_t blocks = 0;
  for (std::size_t p = 0; p < kMaxParts; ++p) {
    const std::size_t pairs_per_block = pairs * job.units;
    if (p < count)
      blocks += static_cast<std::uint32_t>((pairs_of(job.parts[p]) + pairs_per_block - 1) /
                                           pairs_per_block);
    job.parts[p].end_block = blocks;
  }
  return blocks;
}

/// Tiles per block: first enough blocks to fill a large GPU, then more tiles per block, which saves
/// norms.
[[nodiscard]] inline std::uint32_t units_of(const ProductCounts& counts, std::size_t pairs) {
  constexpr std::size_t kBlocks = 1024, kMaxUnits = 4;
  return static_cast<std::uint32_t>(
      std::clamp<std::size_t>(counts.pairs / (pairs * kBlocks), 1, kMaxUnits));
}

template <DType type, unsigned kHigh, unsigned kWide>
void enqueue_tensor_products(ProductJob job, std::size_t count, const ProductCounts& counts,
                             cudaStream_t stream) {
  constexpr std::size_t kPairs = kHigh * kTilePairs, kInputs = kWide * kTileInputs;
  const bool norms = job.norm.weights != nullptr;
  job.units = norms ? units_of(counts, kPairs) : 1;
  job.row_tiles = static_cast<std::uint32_t>((counts.max_rows + kInputs - 1) / kInputs);
  const unsigned blocks = place_parts(job, count, kPairs) * job.row_tiles;
  const std::size_t floats = kProductWarps * kHigh * kWide * kTileSums +
                             (norms ? counts.max_rows * normed_stride(job.cols) : 0);
  launch({dim3(blocks, static_cast<unsigned>(counts.groups)), dim3(kRowThreads),
          floats * sizeof(float)},
         stream, tensor_product_kernel<type, kHigh, kWide>, job);
}

/// Enqueues the products of `count` parts, all with weights of `type`.
inline void enqueue_products(DType type, ProductJob job, std::size_t count, cudaStream_t stream) {
  ProductCounts counts;
  for (std::size_t p = 0; p < count; ++p) {
    counts.pairs += pairs_of(job.parts[p]) * job.parts[p].groups.count;
    counts.groups = std::max(counts.groups, job.parts[p].groups.count);
    counts.max_rows = std::max(counts.max_rows, job.parts[p].groups.max_rows);
  }
  if (counts.pairs == 0) return;
  with_device_type(type, [&](auto constant) {
    constexpr DType kType = decltype(constant)::value;
    if constexpr (on_tensor_cores(kType)) {
      // The tile size does not influence bits. Decoding is bound by reading weights, and small
      // tiles leave room for many warps that do; prefill reads weights once for 64 rows of x, and
      // rows of x from the L2 cache once for 32 weight rows.
      if (counts.max_rows <= 2 * kTileInputs)
        return enqueue_tensor_products<kType, 1, 2>(job, count, counts, stream);
      enqueue_tensor_products<kType, 2, 8>(job, count, counts, stream);
    } else {
      job.units = units_of(counts, kProductWarps);
      const unsigned blocks = place_parts(job, count, kProductWarps);
      const auto enqueue = [&](auto kernel, std::size_t tile) {
        const std::size_t shared = job.norm.weights == nullptr
                                       ? 0
                                       : tile * padded(job.cols) * sizeof(float);
        launch({dim3(blocks, static_cast<unsigned>(counts.groups)), dim3(kRowThreads), shared},
               stream, kernel, job);
      };
      if (counts.max_rows == 1) return enqueue(product_kernel<1>, 1);
      if (counts.max_rows == 2) return enqueue(product_kernel<2>, 2);
      if (counts.max_rows <= 4) return enqueue(product_kernel<4>, 4);
      enqueue(product_kernel<8>, 8);
    }
  });
}

}  // namespace tutti::cuda
