// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a warp multiplies on tensor cores at a time: 32 columns of sixteen weight rows with eight
// rows of x.
//
// Rows of x are floats, the instructions take shorter numbers, so x is cut into parts that are
// multiplied one after the other:
// - bf16 weights: x = high + middle + low, each the next eight bits, which loses nothing.
// - Quantized weights: their codes are whole numbers of at most eight bits, which bf16 holds
// exactly. A slice has one scale for each
//   weight row, by which its sum is multiplied, or two, for its halves (Q6_K). Types with a minimum
//   add it times the sum of the slice's x, a product with ones.
// - f16 weights: f16 parts of x would overflow at 65504 and vanish below 2^-24, so that each row
// would need a scale. tf32 has the
//   mantissa of f16 and the exponents of float: weights convert to it exactly, and x = high + low
//   is off by at most 2^-23 of x. That is four multiplications of k = 8 where f16 would need two of
//   k = 16, within what reading the weights takes.
// Tensor cores round each addition toward zero (Fasi et al. 2021, "Numerical behavior of NVIDIA
// tensor cores"). Hence the parts are added smallest first, and each slice begins at zero and is
// added to the sum of those before by the ordinary units.

#include "tutti/backend/cuda/kernels/mma.cuh"
#include "tutti/backend/cuda/kernels/weights.cuh"

namespace tutti::cuda {

/// Columns of W that a warp multiplies at a time: eight a lane.
inline constexpr std::uint32_t kSliceColumns = 32;
static_assert(kSliceColumns == kGroupWeights,
              "the scales of a slice of quantized weights are one load");

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
/// The code in the middle of those that begin at 0, from which they are counted here: small numbers
/// meet x.
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
    return fmaf(static_cast<float>(kMiddleCode<type>), scale_of<type>(scales, 0),
                minimum_of<type>(scales));
  }
};

/// The upper halves of two floats, the first one in the lower half.
[[nodiscard]] __device__ __forceinline__ unsigned upper_halves(unsigned low, unsigned high) {
  return low >> 16 | (high & 0xFFFF0000U);
}

template <DType type>
__device__ __forceinline__ void to_fragment(const PackedWeights<type>& packed,
                                            Fragment<type>& words) {
  if constexpr (is_quantized(type)) {
    TUTTI_UNROLL
    for (unsigned i = 0; i < kFragmentWords<type>; ++i) {
      words[i] = upper_halves(
          __float_as_uint(static_cast<float>(code_of<type>(packed, 2 * i) - kMiddleCode<type>)),
          __float_as_uint(
              static_cast<float>(code_of<type>(packed, 2 * i + 1) - kMiddleCode<type>)));
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
__device__ __forceinline__ void to_parts(float (&x)[8],
                                         Fragment<type> (&parts)[kInputParts<type>]) {
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

/// The products of a slice: sums of weights or of codes. Which of a lane's numbers stand for which
/// k of the instruction does not matter as long as it is the same for weights and x: a lane's two
/// words are its own in both, and no lane needs another's.
template <DType type>
__device__ __forceinline__ void multiply_slice(const Fragment<type>& first,
                                               const Fragment<type>& second,
                                               const Fragment<type> (&parts)[kInputParts<type>],
                                               float (&slice)[kSliceSums<type>][4]) {
  TUTTI_UNROLL
  for (unsigned part = kInputParts<type>; part-- > 0;) {
    TUTTI_UNROLL
    for (unsigned i = 0; i < kFragmentWords<type>; i += 2) {
      const unsigned a[4] = {first[i], second[i], first[i + 1], second[i + 1]},
                     b[2] = {parts[part][i], parts[part][i + 1]};
      if constexpr (type == DType::f16) {
        mma_tf32(slice[0], a, b);
      } else {
        mma_bf16(slice[i * kSliceSums<type> / kFragmentWords<type>], a, b);
      }
    }
  }
}

/// Adds a slice to the sums of a tile. `weights`: those that the lane has loaded, of the two rows
/// whose sums are its own.
template <DType type>
__device__ __forceinline__ void add_slice(const LoadedWeights<type> (&weights)[2],
                                          const float (&slice)[kSliceSums<type>][4],
                                          const float (&sums_of_x)[1][4], float (&sums)[4]) {
  TUTTI_UNROLL
  for (unsigned i = 0; i < 4; ++i) {
    if constexpr (is_quantized(type)) {
      TUTTI_UNROLL
      for (unsigned half = 0; half < kSliceSums<type>; ++half) {
        sums[i] = fmaf(scale_of<type>(weights[i / 2].scales, half), slice[half][i], sums[i]);
      }
      if constexpr (has_minimum(type))
        sums[i] = fmaf(weights[i / 2].offset(), sums_of_x[0][i], sums[i]);
    } else {
      sums[i] += slice[0][i];
    }
  }
}

/// Columns of its eight in a slice at which a lane begins to read the first and the second four.
/// Where the halves of a slice have sums of their own, a lane has four of each, which are those
/// that one instruction multiplies.
template <DType type>
[[nodiscard]] __device__ __forceinline__ std::uint32_t column_of(unsigned half) {
  const std::uint32_t lane = threadIdx.x % 4;
  return kSliceSums<type> == 2 ? half * (kSliceColumns / 2) + lane * 4 : lane * 8 + half * 4;
}

}  // namespace tutti::cuda
