// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products with 16-bit and quantized weights on tensor cores, for any number of rows. Sixteen
// weight rows are the rows of an mma instruction, and rows of x its columns, which are independent
// of each other. Each warp of a block sums every fourth slice of 32 columns, and the four sums are
// added in the order of the warps. As in product.cuh, the bits of output (m, n) depend on row m of
// x and row n of W alone.

#include "tutti/backend/cuda/kernels/product_job.cuh"
#include "tutti/backend/cuda/kernels/tensor_slice.cuh"

namespace tutti::cuda {

/// Whether products with weights of `type` are those of this file.
[[nodiscard]] constexpr bool on_tensor_cores(DType type) { return device_type(type) != DType::f32; }

/// The instruction's rows: pairs of weight rows, the first ones above the second ones.
inline constexpr std::uint32_t kTilePairs = 8;
/// The instruction's columns: rows of x.
inline constexpr std::uint32_t kTileInputs = 8;
/// Sums in a tile.
inline constexpr std::uint32_t kTileSums = 2 * kTilePairs * kTileInputs;

/// The addresses from which a lane reads the weights of kHigh tiles.
template <DType type, unsigned kHigh>
class TileWeights {
 public:
  /// Pairs from `pair` on; past the last row, the last row again.
  __device__ __forceinline__ TileWeights(const ProductPart& part, const DeviceAttention& shape,
                                         const DeviceMatrix& first, const DeviceMatrix& second,
                                         std::uint32_t pair)
      : cols_(first.cols) {
    TUTTI_UNROLL
    for (unsigned i = 0; i < kHigh; ++i) {
      const WeightPair wanted = pair_of(part, shape,
                                        pair + i * kTilePairs + threadIdx.x % kWarpThreads / 4);
      rows_[i][0] = place_of(first, wanted.first);
      rows_[i][1] = place_of(second, wanted.second);
    }
  }

  /// The lane's weights of columns from `slice` on, in the first (`side` 0) or second row of its
  /// pair.
  [[nodiscard]] __device__ __forceinline__ LoadedWeights<type> load(unsigned tile, unsigned side,
                                                                    std::uint32_t slice) const {
    LoadedWeights<type> loaded;
    if (slice + threadIdx.x % 4 * 8 >= cols_) return loaded;
    const Place& row = rows_[tile][side];
    if constexpr (kSliceSums<type> == 2) {
      const auto* codes = reinterpret_cast<const unsigned*>(row.weights + slice / 8);
      loaded.packed = {__ldg(codes + column_of<type>(0) / 4),
                       __ldg(codes + column_of<type>(1) / 4)};
    } else {
      loaded.packed = __ldg(row.weights + slice / 8 + threadIdx.x % 4);
    }
    if constexpr (is_quantized(type)) loaded.scales = __ldg(row.scales + slice / kGroupWeights);
    return loaded;
  }

 private:
  /// The beginning of a row.
  struct Place {
    const PackedWeights<type>* weights;
    const PackedScales<type>* scales;
  };

  [[nodiscard]] __device__ __forceinline__ static Place place_of(const DeviceMatrix& matrix,
                                                                 std::uint32_t row) {
    const std::size_t there = row < matrix.rows ? row : matrix.rows - 1;
    Place place{
        static_cast<const PackedWeights<type>*>(matrix.weights) + there * ((matrix.cols + 7) / 8),
        nullptr};
    if constexpr (is_quantized(type)) {
      place.scales = static_cast<const PackedScales<type>*>(matrix.scales) +
                     there * (matrix.cols / kGroupWeights);
    }
    return place;
  }

  Place rows_[kHigh][2];
  std::uint32_t cols_;
};

/// A warp's partial sums of kHigh x kWide tiles.
template <DType type, unsigned kHigh, unsigned kWide>
__device__ __forceinline__ void multiply_tiles(const TileWeights<type, kHigh>& tiles,
                                               std::uint32_t cols, const InputTile& inputs,
                                               float (&sums)[kHigh][kWide][4]) {
  // Slices whose weights are loaded at once: eight loads per lane in flight, sixteen small ones.
  constexpr std::uint32_t kBatch = (sizeof(LoadedWeights<type>) <= 8 ? 8 : 4) / kHigh,
                          kStep = kSliceColumns * kProductWarps;
  const unsigned lane = threadIdx.x % kWarpThreads;
  for (std::uint32_t begin = threadIdx.x / kWarpThreads * kSliceColumns; begin < cols;
       begin += kBatch * kStep) {
    LoadedWeights<type> weights[kBatch][kHigh][2];
    TUTTI_UNROLL
    for (unsigned i = 0; i < kBatch * kHigh * 2; ++i) {
      weights[i / (kHigh * 2)][i / 2 % kHigh][i % 2] = tiles.load(i / 2 % kHigh, i % 2,
                                                                  begin + i / (kHigh * 2) * kStep);
    }
    TUTTI_UNROLL
    for (unsigned batch = 0; batch < kBatch; ++batch) {
      const std::uint32_t slice = begin + batch * kStep;
      if (slice >= cols) break;
      Fragment<type> fragments[kHigh][2];
      TUTTI_UNROLL
      for (unsigned i = 0; i < kHigh * 2; ++i)
        to_fragment<type>(weights[batch][i / 2][i % 2].packed, fragments[i / 2][i % 2]);
      TUTTI_UNROLL
      for (unsigned n = 0; n < kWide; ++n) {
        if (n * kTileInputs >= inputs.count) break;
        float x[8] = {};
        if (n * kTileInputs + lane / 4 < inputs.count && slice + lane % 4 * 8 < cols) {
          const float* from = inputs.row(n * kTileInputs + lane / 4) + slice;
          const float4 low = *reinterpret_cast<const float4*>(from + column_of<type>(0));
          const float4 high = *reinterpret_cast<const float4*>(from + column_of<type>(1));
          x[0] = low.x, x[1] = low.y, x[2] = low.z, x[3] = low.w;
          x[4] = high.x, x[5] = high.y, x[6] = high.z, x[7] = high.w;
        }
        Fragment<type> parts[kInputParts<type>];
        to_parts<type>(x, parts);
        float sums_of_x[1][4] = {};
        if constexpr (has_minimum(type)) {
          constexpr unsigned kOnes = 0x3F803F80U;
          const Fragment<type> ones = {kOnes, kOnes, kOnes, kOnes};
          multiply_slice<type>(ones, ones, parts, sums_of_x);
        }
        TUTTI_UNROLL
        for (unsigned i = 0; i < kHigh; ++i) {
          float slice_sums[kSliceSums<type>][4] = {};
          multiply_slice<type>(fragments[i][0], fragments[i][1], parts, slice_sums);
          add_slice<type>(weights[batch][i], slice_sums, sums_of_x, sums[i][n]);
        }
      }
    }
  }
}

/// Floats of shared memory from one normalized row to the next: lanes that read eight rows at once
/// use different banks.
[[nodiscard]] __device__ __host__ constexpr std::uint32_t normed_stride(std::uint32_t cols) {
  return (cols + 7) / 8 * 8 + 4;
}

/// Adds the partial sums of all warps and runs the epilogue. `partial`: [warps, kHigh, kWide, 2 *
/// kTilePairs, kTileInputs].
template <unsigned kHigh, unsigned kWide>
__device__ __forceinline__ void end_tiles(const ProductJob& job, const ProductPart& part,
                                          const DeviceGroup& group, const DeviceMatrix& first,
                                          const DeviceMatrix& second, std::uint32_t begin,
                                          std::uint32_t count, std::uint32_t first_pair,
                                          const float* partial) {
  constexpr std::uint32_t kPairs = kHigh * kTilePairs;
  for (std::uint32_t item = threadIdx.x; item < kPairs * count; item += kRowThreads) {
    const std::uint32_t i = item % kPairs, m = item / kPairs;
    WeightPair pair = pair_of(part, job.entry.shape, first_pair + i);
    if (pair.first >= first.rows) continue;
    const bool both = pair.second < second.rows;
    if (!both) pair.second = pair.first;
    const float* from = partial + (i / kTilePairs * kWide + m / kTileInputs) * kTileSums +
                        i % kTilePairs * kTileInputs + m % kTileInputs;
    float a = 0.0F, b = 0.0F;
    TUTTI_UNROLL
    for (unsigned warp = 0; warp < kProductWarps; ++warp) {
      a += from[warp * kHigh * kWide * kTileSums];
      b += from[warp * kHigh * kWide * kTileSums + kTileSums / 2];
    }
    end_pair(job, part, group.expert, group.first + begin + m, pair, both, a, b);
  }
}

/// Grid: (blocks of all parts times row tiles, groups). Shared memory: partial sums of kHigh x
/// kWide tiles for each warp, then the rows of x if there is a norm.
template <DType type, unsigned kHigh, unsigned kWide>
__global__ void __launch_bounds__(kRowThreads, kHigh == 1 ? 5 : 3)
    tensor_product_kernel(const __grid_constant__ ProductJob job) {
  TUTTI_STATIC_SHARED(kBlockSumBytes<kRowThreads>, tensor_product_kernel<type, kHigh, kWide>);
  constexpr std::uint32_t kInputs = kWide * kTileInputs;
  const ProductBlock block(job, blockIdx.x / job.row_tiles, blockIdx.y);
  const std::uint32_t begin = blockIdx.x % job.row_tiles * kInputs;
  if (begin >= block.group.count) return;
  const std::uint32_t count = block.group.count - begin < kInputs ? block.group.count - begin
                                                                  : kInputs;
  auto* partial = dynamic_shared<float>();
  float* normed = partial + kProductWarps * kHigh * kWide * kTileSums;
  InputTile inputs{job.x.row(block.group.first + begin), job.x.stride, count};
  if (job.norm.weights != nullptr) {
    inputs = {normed, normed_stride(job.cols), count};
    normalize_to_shared(job.norm, job.rows, job.x, block.group.first + begin, count, normed,
                        inputs.stride);
  }
  const unsigned lane = threadIdx.x % kWarpThreads, warp = threadIdx.x / kWarpThreads;
  for (std::uint32_t unit = 0; unit < job.units; ++unit) {
    const std::uint32_t pair = (block.number * job.units + unit) * kHigh * kTilePairs;
    if (pair_of(block.part, job.entry.shape, pair).first >= block.first.rows)
      return;  // the whole block
    float sums[kHigh][kWide][4] = {};
    multiply_tiles(
        TileWeights<type, kHigh>(block.part, job.entry.shape, block.first, block.second, pair),
        job.cols, inputs, sums);
    if (unit > 0) __syncthreads();  // all warps have read the previous sums
    TUTTI_UNROLL
    for (unsigned i = 0; i < kHigh * kWide; ++i) {
      auto* to = reinterpret_cast<float2*>(partial + (warp * kHigh * kWide + i) * kTileSums) + lane;
      to[0] = {sums[i / kWide][i % kWide][0], sums[i / kWide][i % kWide][1]};
      to[kTileSums / 4] = {sums[i / kWide][i % kWide][2], sums[i / kWide][i % kWide][3]};
    }
    __syncthreads();
    end_tiles<kHigh, kWide>(job, block.part, block.group, block.first, block.second, begin, count,
                            pair, partial);
  }
}

}  // namespace tutti::cuda
