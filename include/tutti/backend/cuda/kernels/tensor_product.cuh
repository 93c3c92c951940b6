// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products with 16-bit and quantised weights on tensor cores, for any number of rows: sixteen weight rows are the instruction's rows, and
// rows of x its columns, of which none depends on another. Each warp of a block sums over every fourth slice of 32 columns, and the four
// sums are added in the order of the warps. So, as in product.cuh, the bits of output (m, n) depend on row m of x and row n of W alone.
//
// Rows of x are floats, the instructions take shorter numbers, so x is cut into parts that are multiplied one after the other:
// - bf16 weights: x = high + middle + low, each the next eight bits, which loses nothing.
// - Quantised weights: their codes are whole numbers of at most eight bits, which bf16 holds exactly. A slice has one scale for each
//   weight row, by which its sum is multiplied, or two, for its halves (Q6_K). Types with a minimum add it times the sum of the slice's x,
//   a product with ones.
// - f16 weights: f16 parts of x would overflow at 65504 and vanish below 2^-24, so that each row would need a scale. tf32 has the
//   mantissa of f16 and the exponents of float: weights convert to it exactly, and x = high + low is off by at most 2^-23 of x. That is
//   four multiplications of k = 8 where f16 would need two of k = 16, within what reading the weights takes.
// Tensor cores round each addition toward zero (Fasi et al. 2021, "Numerical behavior of NVIDIA tensor cores"). Hence the parts are added
// smallest first, and each slice begins at zero and is added to the sum of those before by the ordinary units.

#include "tutti/backend/cuda/kernels/mma.cuh"
#include "tutti/backend/cuda/kernels/product_job.cuh"

namespace tutti::cuda {

/// Whether products with such weights are those of this file.
[[nodiscard]] constexpr bool on_tensor_cores(DType type) { return device_type(type) != DType::f32; }

/// Columns of W that a warp multiplies at a time: eight a lane.
inline constexpr std::uint32_t kSliceColumns = 32;
static_assert(kSliceColumns == kScaledWeights, "the scales of a slice of quantised weights are one load");
/// The instruction's rows: pairs of weight rows, the first ones above the second ones.
inline constexpr std::uint32_t kTilePairs = 8;
/// The instruction's columns: rows of x.
inline constexpr std::uint32_t kTileInputs = 8;
/// Sums in a tile.
inline constexpr std::uint32_t kTileSums = 2 * kTilePairs * kTileInputs;

/// Registers for eight numbers of one row or column.
template <DType type>
inline constexpr unsigned kFragmentWords = type == DType::f16 ? 8 : 4;
template <DType type>
inline constexpr unsigned kInputParts = type == DType::f16 ? 2 : 3;

template <DType type>
using Fragment = unsigned[kFragmentWords<type>];

/// Sums of a slice that have scales of their own.
template <DType type>
inline constexpr unsigned kSliceSums = type == DType::q6_k ? 2 : 1;
/// The code in the middle of those that begin at 0, from which they are counted here: small numbers meet x.
template <DType type>
inline constexpr int kMiddleCode = !has_minimum(type)  ? 0
                                   : has_nibbles(type) ? 8
                                                       : 16;

/// A lane's eight weights of a row in a slice, and the slice's scales.
template <DType type>
struct LoadedWeights {
  PackedWeights<type> packed = {};
  PackedScales<type> scales = {};

  /// What is added to scale * code.
  [[nodiscard]] __device__ __forceinline__ float offset() const {
    return fmaf(static_cast<float>(kMiddleCode<type>), scale_of<type>(scales, 0), minimum_of<type>(scales));
  }
};

/// The upper halves of two floats, the first one in the lower half.
[[nodiscard]] __device__ __forceinline__ unsigned upper_halves(unsigned low, unsigned high) { return low >> 16 | (high & 0xFFFF0000U); }

template <DType type>
__device__ __forceinline__ void to_fragment(const PackedWeights<type>& packed, Fragment<type>& words) {
  if constexpr (is_quantised(type)) {
    TUTTI_UNROLL
    for (unsigned i = 0; i < kFragmentWords<type>; ++i) {
      words[i] = upper_halves(__float_as_uint(static_cast<float>(code_of<type>(packed, 2 * i) - kMiddleCode<type>)),
                              __float_as_uint(static_cast<float>(code_of<type>(packed, 2 * i + 1) - kMiddleCode<type>)));
    }
  } else {
    const unsigned from[4] = {packed.x, packed.y, packed.z, packed.w};
    TUTTI_UNROLL
    for (unsigned i = 0; i < kFragmentWords<type>; ++i) {
      if constexpr (type == DType::bf16) {
        words[i] = from[i];
      } else {
        const auto bits = static_cast<std::uint16_t>(from[i / 2] >> (i % 2 * 16));
        words[i] = __float_as_uint(load_half(&bits));
      }
    }
  }
}

/// Cuts eight floats into parts, the largest first.
template <DType type>
__device__ __forceinline__ void to_parts(float (&x)[8], Fragment<type> (&parts)[kInputParts<type>]) {
  TUTTI_UNROLL
  for (unsigned part = 0; part < kInputParts<type>; ++part) {
    TUTTI_UNROLL
    for (unsigned i = 0; i < kFragmentWords<type>; ++i) {
      if constexpr (type == DType::f16) {
        parts[part][i] = round_to_tf32(x[i]);
        x[i] -= __uint_as_float(parts[part][i]);
      } else {
        const unsigned low = __float_as_uint(x[2 * i]), high = __float_as_uint(x[2 * i + 1]);
        parts[part][i] = upper_halves(low, high);
        x[2 * i] -= __uint_as_float(low & 0xFFFF0000U);
        x[2 * i + 1] -= __uint_as_float(high & 0xFFFF0000U);
      }
    }
  }
}

/// The products of a slice: sums of weights or of codes. Which of a lane's numbers stand for which k of the instruction does not matter as
/// long as it is the same for weights and x: a lane's two words are its own in both, and no lane needs another's.
template <DType type>
__device__ __forceinline__ void multiply_slice(const Fragment<type>& first, const Fragment<type>& second,
                                               const Fragment<type> (&parts)[kInputParts<type>], float (&slice)[kSliceSums<type>][4]) {
  TUTTI_UNROLL
  for (unsigned part = kInputParts<type>; part-- > 0;) {
    TUTTI_UNROLL
    for (unsigned i = 0; i < kFragmentWords<type>; i += 2) {
      const unsigned a[4] = {first[i], second[i], first[i + 1], second[i + 1]}, b[2] = {parts[part][i], parts[part][i + 1]};
      if constexpr (type == DType::f16) {
        mma_tf32(slice[0], a, b);
      } else {
        mma_bf16(slice[i * kSliceSums<type> / kFragmentWords<type>], a, b);
      }
    }
  }
}

/// Adds a slice to the sums of a tile. `weights`: those that the lane has loaded, of the two rows whose sums are its own.
template <DType type>
__device__ __forceinline__ void add_slice(const LoadedWeights<type> (&weights)[2], const float (&slice)[kSliceSums<type>][4],
                                          const float (&sums_of_x)[1][4], float (&sums)[4]) {
  TUTTI_UNROLL
  for (unsigned i = 0; i < 4; ++i) {
    if constexpr (is_quantised(type)) {
      TUTTI_UNROLL
      for (unsigned half = 0; half < kSliceSums<type>; ++half) {
        sums[i] = fmaf(scale_of<type>(weights[i / 2].scales, half), slice[half][i], sums[i]);
      }
      if constexpr (has_minimum(type)) sums[i] = fmaf(weights[i / 2].offset(), sums_of_x[0][i], sums[i]);
    } else {
      sums[i] += slice[0][i];
    }
  }
}

/// Columns of its eight in a slice at which a lane begins to read the first and the second four. Where the halves of a slice have sums of
/// their own, a lane has four of each, which are those that one instruction multiplies.
template <DType type>
[[nodiscard]] __device__ __forceinline__ std::uint32_t column_of(unsigned half) {
  const std::uint32_t lane = threadIdx.x % 4;
  return kSliceSums<type> == 2 ? half * (kSliceColumns / 2) + lane * 4 : lane * 8 + half * 4;
}

/// Where a lane reads the weights of kHigh tiles.
template <DType type, unsigned kHigh>
class TileWeights {
 public:
  /// Pairs from `pair` on; where there are no more, the last one again.
  __device__ __forceinline__ TileWeights(const ProductPart& part, const DeviceAttention& shape, const DeviceMatrix& first,
                                         const DeviceMatrix& second, std::uint32_t pair)
      : cols_(first.cols) {
    TUTTI_UNROLL
    for (unsigned i = 0; i < kHigh; ++i) {
      const WeightPair wanted = pair_of(part, shape, pair + i * kTilePairs + threadIdx.x % kWarpThreads / 4);
      rows_[i][0] = place_of(first, wanted.first);
      rows_[i][1] = place_of(second, wanted.second);
    }
  }

  /// The lane's weights in the slice that begins at column `slice`, of a row of the first or the second ones.
  [[nodiscard]] __device__ __forceinline__ LoadedWeights<type> load(unsigned tile, unsigned side, std::uint32_t slice) const {
    LoadedWeights<type> loaded;
    if (slice + threadIdx.x % 4 * 8 >= cols_) return loaded;
    const Place& row = rows_[tile][side];
    if constexpr (kSliceSums<type> == 2) {
      const auto* codes = reinterpret_cast<const unsigned*>(row.weights + slice / 8);
      loaded.packed = {__ldg(codes + column_of<type>(0) / 4), __ldg(codes + column_of<type>(1) / 4)};
    } else {
      loaded.packed = __ldg(row.weights + slice / 8 + threadIdx.x % 4);
    }
    if constexpr (is_quantised(type)) loaded.scales = __ldg(row.scales + slice / kScaledWeights);
    return loaded;
  }

 private:
  /// Where a row begins.
  struct Place {
    const PackedWeights<type>* weights;
    const PackedScales<type>* scales;
  };

  [[nodiscard]] __device__ __forceinline__ static Place place_of(const DeviceMatrix& matrix, std::uint32_t row) {
    const std::size_t there = row < matrix.rows ? row : matrix.rows - 1;
    Place place{static_cast<const PackedWeights<type>*>(matrix.weights) + there * ((matrix.cols + 7) / 8), nullptr};
    if constexpr (is_quantised(type)) {
      place.scales = static_cast<const PackedScales<type>*>(matrix.scales) + there * (matrix.cols / kScaledWeights);
    }
    return place;
  }

  Place rows_[kHigh][2];
  std::uint32_t cols_;
};

/// A warp's share of the sums of kHigh x kWide tiles.
template <DType type, unsigned kHigh, unsigned kWide>
__device__ __forceinline__ void multiply_tiles(const TileWeights<type, kHigh>& tiles, std::uint32_t cols, const InputTile& inputs,
                                               float (&sums)[kHigh][kWide][4]) {
  // Slices whose weights are on their way at once: eight loads a lane, sixteen of the small ones.
  constexpr std::uint32_t kBatch = (sizeof(LoadedWeights<type>) <= 8 ? 8 : 4) / kHigh, kStep = kSliceColumns * kProductWarps;
  const unsigned lane = threadIdx.x % kWarpThreads;
  for (std::uint32_t begin = threadIdx.x / kWarpThreads * kSliceColumns; begin < cols; begin += kBatch * kStep) {
    LoadedWeights<type> weights[kBatch][kHigh][2];
    TUTTI_UNROLL
    for (unsigned i = 0; i < kBatch * kHigh * 2; ++i) {
      weights[i / (kHigh * 2)][i / 2 % kHigh][i % 2] = tiles.load(i / 2 % kHigh, i % 2, begin + i / (kHigh * 2) * kStep);
    }
    TUTTI_UNROLL
    for (unsigned batch = 0; batch < kBatch; ++batch) {
      const std::uint32_t slice = begin + batch * kStep;
      if (slice >= cols) break;
      Fragment<type> fragments[kHigh][2];
      TUTTI_UNROLL
      for (unsigned i = 0; i < kHigh * 2; ++i) to_fragment<type>(weights[batch][i / 2][i % 2].packed, fragments[i / 2][i % 2]);
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

/// Floats of shared memory between the norms of two rows: the lanes that read eight rows at once meet no bank twice.
[[nodiscard]] __device__ __host__ constexpr std::uint32_t normed_stride(std::uint32_t cols) { return (cols + 7) / 8 * 8 + 4; }

/// Brings the sums of all warps to where they go. `merged`: [warps, kHigh, kWide, 2 * kTilePairs, kTileInputs].
template <unsigned kHigh, unsigned kWide>
__device__ __forceinline__ void end_tiles(const ProductJob& job, const ProductPart& part, const DeviceGroup& group,
                                          const DeviceMatrix& first, const DeviceMatrix& second, std::uint32_t begin, std::uint32_t count,
                                          std::uint32_t first_pair, const float* partial) {
  constexpr std::uint32_t kPairs = kHigh * kTilePairs;
  for (std::uint32_t item = threadIdx.x; item < kPairs * count; item += kRowThreads) {
    const std::uint32_t i = item % kPairs, m = item / kPairs;
    WeightPair pair = pair_of(part, job.entry.shape, first_pair + i);
    if (pair.first >= first.rows) continue;
    const bool both = pair.second < second.rows;
    if (!both) pair.second = pair.first;
    const float* from = partial + (i / kTilePairs * kWide + m / kTileInputs) * kTileSums + i % kTilePairs * kTileInputs + m % kTileInputs;
    float a = 0.0F, b = 0.0F;
    TUTTI_UNROLL
    for (unsigned warp = 0; warp < kProductWarps; ++warp) {
      a += from[warp * kHigh * kWide * kTileSums];
      b += from[warp * kHigh * kWide * kTileSums + kTileSums / 2];
    }
    end_pair(job, part, group.expert, group.first + begin + m, pair, both, a, b);
  }
}

/// Grid: (blocks of all parts times row tiles, groups). Shared memory: partial sums of kHigh x kWide tiles for each warp, then the rows
/// of x if there is a norm.
template <DType type, unsigned kHigh, unsigned kWide>
__global__ void __launch_bounds__(kRowThreads, kHigh == 1 ? 5 : 3) tensor_product_kernel(const __grid_constant__ ProductJob job) {
  constexpr std::uint32_t kInputs = kWide * kTileInputs;
  const ProductBlock block(job, blockIdx.x / job.row_tiles, blockIdx.y);
  const std::uint32_t begin = blockIdx.x % job.row_tiles * kInputs;
  if (begin >= block.group.count) return;
  const std::uint32_t count = block.group.count - begin < kInputs ? block.group.count - begin : kInputs;
  auto* partial = dynamic_shared<float>();
  float* normed = partial + kProductWarps * kHigh * kWide * kTileSums;
  InputTile inputs{job.x.row(block.group.first + begin), job.x.stride, count};
  if (job.norm.weights != nullptr) {
    inputs = {normed, normed_stride(job.cols), count};
    normalise_to_shared(job.norm, job.rows, job.x, block.group.first + begin, count, normed, inputs.stride);
  }
  const unsigned lane = threadIdx.x % kWarpThreads, warp = threadIdx.x / kWarpThreads;
  for (std::uint32_t unit = 0; unit < job.units; ++unit) {
    const std::uint32_t pair = (block.number * job.units + unit) * kHigh * kTilePairs;
    if (pair_of(block.part, job.entry.shape, pair).first >= block.first.rows) return;  // all of the block
    float sums[kHigh][kWide][4] = {};
    multiply_tiles(TileWeights<type, kHigh>(block.part, job.entry.shape, block.first, block.second, pair), job.cols, inputs, sums);
    if (unit > 0) __syncthreads();  // all have read the sums before
    TUTTI_UNROLL
    for (unsigned i = 0; i < kHigh * kWide; ++i) {
      auto* to = reinterpret_cast<float2*>(partial + (warp * kHigh * kWide + i) * kTileSums) + lane;
      to[0] = {sums[i / kWide][i % kWide][0], sums[i / kWide][i % kWide][1]};
      to[kTileSums / 4] = {sums[i / kWide][i % kWide][2], sums[i / kWide][i % kWide][3]};
    }
    __syncthreads();
    end_tiles<kHigh, kWide>(job, block.part, block.group, block.first, block.second, begin, count, pair, partial);
  }
}

}  // namespace tutti::cuda
