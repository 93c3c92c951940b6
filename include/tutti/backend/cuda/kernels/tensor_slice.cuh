// SPDX-License-Identifier: Apache-2.0
#pragma once
// A slice is what a warp multiplies on tensor cores at once: 32 columns of sixteen weight rows with
// eight rows of x.
//
// Rows of x are floats, but the instructions take shorter numbers, so x is split into parts that
// are multiplied one after the other:
// - bf16 weights: x = high + middle + low, eight bits of mantissa each, which is exact.
// - Quantized weights: codes are integers of at most eight bits, which are exact in bf16. A slice
//   has one scale per weight row, by which its sum is multiplied, or two, for its halves (Q6_K).
//   Types with a minimum add it times the sum of the slice's x, computed as a product with ones.
// - f16 weights: f16 parts of x would overflow at 65504 and underflow below 2^-24, so that each row
//   would need a scale. tf32 has the mantissa of f16 and the exponents of float: the conversion of
//   weights is exact, and x = high + low is off by at most 2^-23 of x. That takes four instructions
//   of k = 8 where f16 would take two of k = 16, still less time than reading the weights.
// Tensor cores round each addition toward zero (Fasi et al. 2021, "Numerical behavior of NVIDIA
// tensor cores"). Hence the smallest parts are added first, and each slice starts from zero and is
// added to the previous sum by ordinary float additions.

#include "tutti/backend/cuda/kernels/mma.cuh"
#include "tutti/backend/cuda/kernels/weights.cuh"

namespace tutti::cuda {

/// Columns of W that a warp multiplies at a time, eight per lane.
inline constexpr std::uint32_t kSliceColumns = 32;
static_assert(kSliceColumns == kGroupWeights,
              "the scales of a slice of quantized weights are one load");

/// Registers for eight numbers of a row or column.
template <DType type>
inline constexpr unsigned kFragmentWords = type == DType::f16 ? 8 : 4;
template <DType type>
inline constexpr unsigned kInputParts = type == DType::f16 ? 2 : 3;

template <DType type>
using Fragment = unsigned[kFragmentWords<type>];

/// Sums of a slice with different scales.
template <DType type>
inline constexpr unsigned kSliceSums = type == DType::q6_k ? 2 : 1;
/// The middle of the codes that begin at 0. It is subtracted before the product, so that the sums
/// have small terms.
template <DType type>
inline constexpr int kMiddleCode = !has_minimum(type)  ? 0
                                   : has_nibbles(type) ? 8
                                                       : 16;

/// A lane's eight weights of a row in a slice, and the slice's scales.
template <DType type>
struct LoadedWeights {
  PackedWeights<type> packed = {};
  PackedScales<type> scales = {};

  /// What scale * (code - middle) lacks.
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

/// Splits eight floats into parts whose sum they are, the largest first.
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

/// The sums of a slice, of weights or of codes. The order of a lane's numbers along the
/// instruction's k does not matter as long as weights and x have the same: so each lane passes the
/// words that it has loaded, and no lane needs another's.
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

/// Adds a slice, scaled, to the sums of a tile. `weights`: the lane's, of the two rows whose sums
/// it holds.
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

/// Columns of a slice from which a lane reads its first and its second four numbers. If the halves
/// of a slice have separate sums, a lane reads four numbers of each, since one instruction
/// multiplies one half.
template <DType type>
[[nodiscard]] __device__ __forceinline__ std::uint32_t column_of(unsigned half) {
  const std::uint32_t lane = threadIdx.x % 4;
  return kSliceSums<type> == 2 ? half * (kSliceColumns / 2) + lane * 4 : lane * 8 + half * 4;
}

}  // namespace tutti::cuda
