// SPDX-License-Identifier: Apache-2.0
#pragma once
// The two tensor core instructions that products use: D = A B + C with A [16, k], B [k, 8], and C,
// D [16, 8] in floats, for bf16 (k = 16) and tf32 (k = 8). All lanes of a warp call them together.
// Fragments are those of the PTX manual ("Matrix Fragments for mma.m16n8k16" and "... m16n8k8").
// With group = lane / 4 and place = lane % 4:
//   c[i]: row group + i / 2 * 8, column 2 * place + i % 2
//   a[i]: row group + i % 2 * 8
//   b[i]: column group
// Along k, bf16 has two numbers per register, the first in the lower half:
//   bf16  a[i]: k = 2 * place + i / 2 * 8 + {0, 1}, b[i]: k = 2 * place + i * 8 + {0, 1}
//   tf32  a[i]: k = place + i / 2 * 4,              b[i]: k = place + i * 4
// A column of D depends on that column of B and C alone.

#include "tutti/backend/cuda/device.cuh"
#include "tutti/base/types.hpp"

namespace tutti::cuda {

#if defined(__CUDACC__)

__device__ __forceinline__ void mma_bf16(float (&c)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ void mma_tf32(float (&c)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, "
      "%9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#else

inline void mma_bf16(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  emulation::LaneFragments lane{c, a, b};
  emulation::warp_collective(kAllLanes, emulation::Collective::mma_bf16, &lane,
                             emulation::Place::here());
}
inline void mma_tf32(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  emulation::LaneFragments lane{c, a, b};
  emulation::warp_collective(kAllLanes, emulation::Collective::mma_tf32, &lane,
                             emulation::Place::here());
}

#endif

/// The bits that tf32 has of a float: sign, exponent, and ten of the mantissa.
inline constexpr unsigned kTf32Bits = 0xFFFFE000U;

/// To the nearest tf32 number, halves away from zero.
[[nodiscard]] __device__ __forceinline__ unsigned round_to_tf32(float value) {
#if defined(__CUDACC__)
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits & kTf32Bits;
#else
  const unsigned bits = __float_as_uint(value);
  const bool finite = (bits & 0x7F800000U) != 0x7F800000U;
  return (finite ? bits + 0x1000U : bits | (value != value ? 0x400000U : 0U)) & kTf32Bits;
#endif
}

}  // namespace tutti::cuda
