// SPDX-License-Identifier: Apache-2.0
#pragma once
// The eight-row lanes of row_lanes.hpp for AArch64, each type a pair of 128-bit registers: rows 0
// to 3, then rows 4 to 7. Products treat codes as signed bytes. Three variants by the features that
// the compiler may use: widening multiplications (every AArch64 processor), dot products (ARMv8.2,
// 16 products per instruction), and for several activation rows 8-bit matrix products (ARMv8.6, 32
// products per instruction). Include row_lanes.hpp instead.

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tutti/backend/cpu/simd/row_pointers.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

inline constexpr std::size_t kPanelRows = 8;

struct RowFloats {
  float32x4_t low, high;
};
struct RowInts {
  int32x4_t low, high;
};
/// Byte i of row r is byte 4 r + i.
struct RowBytes {
  uint8x16_t low, high;

  friend RowBytes operator&(RowBytes a, int mask) {
    const uint8x16_t bits = vdupq_n_u8(static_cast<std::uint8_t>(mask));
    return {vandq_u8(a.low, bits), vandq_u8(a.high, bits)};
  }
  friend RowBytes operator|(RowBytes a, RowBytes b) {
    return {vorrq_u8(a.low, b.low), vorrq_u8(a.high, b.high)};
  }
  friend RowBytes operator^(RowBytes a, int mask) {
    const uint8x16_t bits = vdupq_n_u8(static_cast<std::uint8_t>(mask));
    return {veorq_u8(a.low, bits), veorq_u8(a.high, bits)};
  }
};

[[nodiscard]] inline RowFloats row_broadcast(float value) {
  return {vdupq_n_f32(value), vdupq_n_f32(value)};
}
[[nodiscard]] inline RowFloats row_load(const float* from) {
  return {vld1q_f32(from), vld1q_f32(from + 4)};
}
inline void row_store(float* to, RowFloats a) {
  vst1q_f32(to, a.low);
  vst1q_f32(to + 4, a.high);
}
[[nodiscard]] inline RowFloats operator+(RowFloats a, RowFloats b) {
  return {vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)};
}
[[nodiscard]] inline RowFloats operator*(RowFloats a, RowFloats b) {
  return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)};
}
[[nodiscard]] inline RowFloats row_fma(RowFloats a, RowFloats b, RowFloats c) {
  return {vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}
[[nodiscard]] inline RowFloats to_floats(RowInts a) {
  return {vcvtq_f32_s32(a.low), vcvtq_f32_s32(a.high)};
}
[[nodiscard]] inline RowInts row_broadcast(std::int32_t value) {
  return {vdupq_n_s32(value), vdupq_n_s32(value)};
}
/// 16 a + b.
[[nodiscard]] inline RowInts sixteenfold_plus(RowInts a, RowInts b) {
  return {vaddq_s32(vshlq_n_s32(a.low, 4), b.low), vaddq_s32(vshlq_n_s32(a.high, 4), b.high)};
}
[[nodiscard]] inline RowInts operator-(RowInts a, RowInts b) {
  return {vsubq_s32(a.low, b.low), vsubq_s32(a.high, b.high)};
}

/// Byte `i` of each row, without and with sign.
template <std::size_t i>
[[nodiscard]] RowInts unsigned_byte(RowBytes a) {
  const auto byte = [](uint8x16_t rows) {
    uint32x4_t words = vreinterpretq_u32_u8(rows);
    if constexpr (i > 0) words = vshrq_n_u32(words, 8 * i);
    return vreinterpretq_s32_u32(vandq_u32(words, vdupq_n_u32(0xFF)));
  };
  return {byte(a.low), byte(a.high)};
}
template <std::size_t i>
[[nodiscard]] RowInts signed_byte(RowBytes a) {
  const auto byte = [](uint8x16_t rows) {
    return vshrq_n_s32(vshlq_n_s32(vreinterpretq_s32_u8(rows), 24 - 8 * i), 24);
  };
  return {byte(a.low), byte(a.high)};
}
/// (a >> shift) & mask in every byte.
template <std::size_t shift>
[[nodiscard]] TUTTI_ALWAYS_INLINE inline RowBytes shift_right(RowBytes a, int mask) {
  if constexpr (shift > 0) a = {vshrq_n_u8(a.low, shift), vshrq_n_u8(a.high, shift)};
  // No bits come from the next byte, so a mask of all remaining bits has no effect.
  constexpr int kLeft = 0xFF >> shift;
  return (mask & kLeft) == kLeft ? a : a & mask;
}
/// (a & mask) << shift in every byte.
template <std::size_t shift>
[[nodiscard]] RowBytes shift_left(RowBytes a, int mask) {
  const RowBytes masked = a & mask;
  return {vshlq_n_u8(masked.low, shift), vshlq_n_u8(masked.high, shift)};
}

/// 16 bytes of every row, `offset` bytes after its pointer: to[i] has bytes 4 i to 4 i + 3.
TUTTI_ALWAYS_INLINE inline void load_16(const RowPointers& rows, std::size_t offset, RowBytes* to) {
  // The 4 x 4 matrix of 32-bit words of four rows, transposed.
  uint8x16_t columns[2][4];
  unroll<2>([&](auto half) TUTTI_ALWAYS_INLINE {
    const auto row = [&](std::size_t r) TUTTI_ALWAYS_INLINE {
      return vreinterpretq_u32_u8(load_bytes(rows.row(4 * half + r) + offset));
    };
    const uint32x4_t r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
    const uint64x2_t even01 = vreinterpretq_u64_u32(vtrn1q_u32(r0, r1));
    const uint64x2_t odd01 = vreinterpretq_u64_u32(vtrn2q_u32(r0, r1));
    const uint64x2_t even23 = vreinterpretq_u64_u32(vtrn1q_u32(r2, r3));
    const uint64x2_t odd23 = vreinterpretq_u64_u32(vtrn2q_u32(r2, r3));
    columns[half][0] = vreinterpretq_u8_u64(vtrn1q_u64(even01, even23));
    columns[half][1] = vreinterpretq_u8_u64(vtrn1q_u64(odd01, odd23));
    columns[half][2] = vreinterpretq_u8_u64(vtrn2q_u64(even01, even23));
    columns[half][3] = vreinterpretq_u8_u64(vtrn2q_u64(odd01, odd23));
  });
  unroll<4>([&](auto i) TUTTI_ALWAYS_INLINE { to[i] = {columns[0][i], columns[1][i]}; });
}

/// 32 bytes of every row.
TUTTI_ALWAYS_INLINE inline void load_32(const RowPointers& rows, std::size_t offset, RowBytes* to) {
  load_16(rows, offset, to);
  load_16(rows, offset + 16, to + 4);
}

/// 4 bytes of every row.
[[nodiscard]] TUTTI_ALWAYS_INLINE inline RowBytes load_4(const RowPointers& rows,
                                                         std::size_t offset) {
  const auto word = [&](std::size_t r) TUTTI_ALWAYS_INLINE {
    std::uint32_t value;
    std::memcpy(&value, rows.row(r) + offset, sizeof value);
    return value;
  };
  const auto four = [&](std::size_t r) TUTTI_ALWAYS_INLINE {
    const uint32x2_t first = vset_lane_u32(word(r + 1), vdup_n_u32(word(r)), 1);
    const uint32x2_t second = vset_lane_u32(word(r + 3), vdup_n_u32(word(r + 2)), 1);
    return vreinterpretq_u8_u32(vcombine_u32(first, second));
  };
  return {four(0), four(4)};
}

/// Eight 16-bit floats, one per row.
[[nodiscard]] inline RowFloats widen_halves(uint16x8_t bits) {
  const float16x8_t halves = vreinterpretq_f16_u16(bits);
  return {vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)};
}

/// A 16-bit float of every row.
[[nodiscard]] TUTTI_ALWAYS_INLINE inline RowFloats load_half(const RowPointers& rows,
                                                             std::size_t offset) {
  const auto bits = [&](std::size_t r) TUTTI_ALWAYS_INLINE {
    std::uint16_t value;
    std::memcpy(&value, rows.row(r) + offset, sizeof value);
    return value;
  };
  const auto four = [&](std::size_t r) TUTTI_ALWAYS_INLINE {
    uint16x4_t halves = vdup_n_u16(bits(r));
    halves = vset_lane_u16(bits(r + 1), halves, 1);
    halves = vset_lane_u16(bits(r + 2), halves, 2);
    return vset_lane_u16(bits(r + 3), halves, 3);
  };
  return widen_halves(vcombine_u16(four(0), four(4)));
}

/// Both halves of every row's word, which are 16-bit floats.
inline void split_halves(RowBytes words, RowFloats& lower, RowFloats& upper) {
  const uint16x8_t low = vreinterpretq_u16_u8(words.low), high = vreinterpretq_u16_u8(words.high);
  lower = widen_halves(vuzp1q_u16(low, high));
  upper = widen_halves(vuzp2q_u16(low, high));
}

/// The upper half of every row's word in `a`, followed by the lower half of that in `b`.
[[nodiscard]] inline RowBytes join_halves(RowBytes a, RowBytes b) {
  const auto join = [](uint8x16_t first, uint8x16_t second) {
    const uint32x4_t upper = vshrq_n_u32(vreinterpretq_u32_u8(first), 16);
    return vreinterpretq_u8_u32(vsliq_n_u32(upper, vreinterpretq_u32_u8(second), 16));
  };
  return {join(a.low, b.low), join(a.high, b.high)};
}

/// Bit `first + i` of each row's word as `value` in byte i, i < 4; `first` is a multiple of 4.
template <std::size_t first>
[[nodiscard]] TUTTI_ALWAYS_INLINE inline RowBytes spread_bits(RowBytes word, int value) {
  const uint8x16_t bits = vreinterpretq_u8_u32(
      vdupq_n_u32(first % 8 == 0 ? 0x08040201U : 0x80402010U));
  // Byte first / 8 of each word, four times.
  const uint8x16_t order = vreinterpretq_u8_u32(
      vmlaq_n_u32(vdupq_n_u32(0x01010101U * (first / 8)), uint32x4_t{0, 1, 2, 3}, 0x04040404U));
  const auto spread = [&](uint8x16_t rows)
                          TUTTI_ALWAYS_INLINE { return vtstq_u8(vqtbl1q_u8(rows, order), bits); };
  return RowBytes{spread(word.low), spread(word.high)} & value;
}

/// Codes may have 8 bits.
inline constexpr bool kWideCodes = true;
/// Codes of 8 bits have a sign: the bytes of Q8_0 are multiplied as they are.
inline constexpr bool kSignedCodes = true;

/// Adds to products[p][m] the sum over 4 * kQuads elements of codes[p], of magnitude at most
/// kLargest, times x[m], in [-127, 127].
template <std::size_t kQuads, int kLargest, std::size_t P, std::size_t M>
TUTTI_ALWAYS_INLINE inline void add_dot(const RowBytes* const (&codes)[P],
                                        const std::int8_t* const (&x)[M],
                                        RowInts (&products)[P][M]) {
  static_assert(kLargest <= 128 && kQuads % 4 == 0);
#if defined(__ARM_FEATURE_DOTPROD)
  unroll<kQuads / 4>([&](auto group) TUTTI_ALWAYS_INLINE {
    int8x16_t factors[M];  // a quad in each lane
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE { factors[m] = vld1q_s8(x[m] + 16 * group); });
    unroll<4>([&](auto lane) TUTTI_ALWAYS_INLINE {
      constexpr int kLane = lane;
      unroll<P>([&](auto p) TUTTI_ALWAYS_INLINE {
        const RowBytes& quad = codes[p][4 * group + lane];
        const int8x16_t low = vreinterpretq_s8_u8(quad.low);
        const int8x16_t high = vreinterpretq_s8_u8(quad.high);
        unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
          RowInts& product = products[p][m];
          product.low = vdotq_laneq_s32(product.low, low, factors[m], kLane);
          product.high = vdotq_laneq_s32(product.high, high, factors[m], kLane);
        });
      });
    });
  });
#else
  // Sums in 16 bits over as many quads (kGroup) as cannot overflow, even after two neighboring
  // lanes are added; those are then added in pairs to the sums in 32 bits.
  constexpr std::size_t kSafe = 32767 / (2 * kLargest * 127);
  constexpr std::size_t kGroup = kSafe >= kQuads ? kQuads : (kSafe >= 4 ? 4 : kSafe >= 2 ? 2 : 1);
  static_assert(kSafe >= 1 && kQuads % kGroup == 0);
  // One panel after the other: the 16-bit sums of two panels exceed the 32 registers.
  unroll<P>([&](auto p) TUTTI_ALWAYS_INLINE {
    int16x8_t narrow[M][4];  // rows 0 and 1, 2 and 3, ...: four products of each
    unroll<kQuads>([&](auto i) TUTTI_ALWAYS_INLINE {
      const int8x16_t low = vreinterpretq_s8_u8(codes[p][i].low);
      const int8x16_t high = vreinterpretq_s8_u8(codes[p][i].high);
      unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
        std::int32_t word;
        std::memcpy(&word, x[m] + 4 * i, sizeof word);
        const int8x16_t factor = vreinterpretq_s8_s32(vdupq_n_s32(word));
        int16x8_t(&sums)[4] = narrow[m];
        if constexpr (i % kGroup == 0) {
          sums[0] = vmull_s8(vget_low_s8(low), vget_low_s8(factor));
          sums[1] = vmull_high_s8(low, factor);
          sums[2] = vmull_s8(vget_low_s8(high), vget_low_s8(factor));
          sums[3] = vmull_high_s8(high, factor);
        } else {
          sums[0] = vmlal_s8(sums[0], vget_low_s8(low), vget_low_s8(factor));
          sums[1] = vmlal_high_s8(sums[1], low, factor);
          sums[2] = vmlal_s8(sums[2], vget_low_s8(high), vget_low_s8(factor));
          sums[3] = vmlal_high_s8(sums[3], high, factor);
        }
        if constexpr (i % kGroup == kGroup - 1) {
          RowInts& product = products[p][m];
          product.low = vpadalq_s16(product.low, vpaddq_s16(sums[0], sums[1]));
          product.high = vpadalq_s16(product.high, vpaddq_s16(sums[2], sums[3]));
        }
      });
    });
  });
#endif
}

#if defined(__ARM_FEATURE_MATMUL_INT8) && defined(__ARM_FEATURE_DOTPROD)
/// Defined where add_matrix_dot exists, which takes codes as interleave_quads arranges them.
#define TUTTI_HAS_MATRIX_PRODUCTS

/// Arranges two neighboring quads as eight consecutive codes of each row: rows 0 and 1 in a.low, 2
/// and 3 in a.high, 4 and 5 in b.low, 6 and 7 in b.high.
inline void interleave_quads(RowBytes& a, RowBytes& b) {
  const auto zip = [](uint8x16_t first, uint8x16_t second, uint8x16_t& low, uint8x16_t& high) {
    const uint32x4_t x = vreinterpretq_u32_u8(first), y = vreinterpretq_u32_u8(second);
    low = vreinterpretq_u8_u32(vzip1q_u32(x, y));
    high = vreinterpretq_u8_u32(vzip2q_u32(x, y));
  };
  const RowBytes first = a, second = b;
  zip(first.low, second.low, a.low, a.high);
  zip(first.high, second.high, b.low, b.high);
}

/// add_dot of arranged codes. One instruction multiplies two rows of eight codes by two rows of
/// eight activations: twice as many products as a dot-product instruction.
template <std::size_t kQuads, std::size_t P, std::size_t M>
TUTTI_ALWAYS_INLINE inline void add_matrix_dot(const RowBytes* const (&codes)[P],
                                               const std::int8_t* const (&x)[M],
                                               RowInts (&products)[P][M]) {
  static_assert(kQuads % 4 == 0);
  // Pairs of activation rows; if M is odd, the last row is paired with itself.
  constexpr std::size_t kPairs = (M + 1) / 2;
  // Of each pair, the 2 x 2 products of weight rows 0 and 1, row-major, then of rows 2 and 3, ...
  int32x4_t sums[P][kPairs][4];
  unroll<P * kPairs * 4>([&](auto i) TUTTI_ALWAYS_INLINE {
    sums[i / (4 * kPairs)][i / 4 % kPairs][i % 4] = vdupq_n_s32(0);
  });
  unroll<kQuads / 4>([&](auto group) TUTTI_ALWAYS_INLINE {
    int8x16_t factors[2][kPairs];  // elements 0 to 7 of both rows of a pair, then 8 to 15
    unroll<kPairs>([&](auto pair) TUTTI_ALWAYS_INLINE {
      constexpr std::size_t kSecond = 2 * pair + 1 < M ? 2 * pair + 1 : 2 * pair;
      const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(x[2 * pair] + 16 * group));
      const int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(x[kSecond] + 16 * group));
      factors[0][pair] = vreinterpretq_s8_s64(vzip1q_s64(a, b));
      factors[1][pair] = vreinterpretq_s8_s64(vzip2q_s64(a, b));
    });
    unroll<2 * P>([&](auto i) TUTTI_ALWAYS_INLINE {
      constexpr std::size_t p = i / 2, kHalf = i % 2;
      const RowBytes& a = codes[p][4 * group + 2 * kHalf];
      const RowBytes& b = codes[p][4 * group + 2 * kHalf + 1];
      const uint8x16_t rows[4] = {a.low, a.high, b.low, b.high};
      unroll<4 * kPairs>([&](auto j) TUTTI_ALWAYS_INLINE {
        constexpr std::size_t kPair = j % kPairs, kRows = j / kPairs;
        sums[p][kPair][kRows] = vmmlaq_s32(sums[p][kPair][kRows], vreinterpretq_s8_u8(rows[kRows]),
                                           factors[kHalf][kPair]);
      });
    });
  });
  unroll<P * M>([&](auto i) TUTTI_ALWAYS_INLINE {
    constexpr std::size_t p = i / M, m = i % M;
    const int32x4_t(&tile)[4] = sums[p][m / 2];
    const auto rows = [](int32x4_t a, int32x4_t b) TUTTI_ALWAYS_INLINE {
      return m % 2 == 0 ? vuzp1q_s32(a, b) : vuzp2q_s32(a, b);
    };
    products[p][m].low = vaddq_s32(rows(tile[0], tile[1]), products[p][m].low);
    products[p][m].high = vaddq_s32(rows(tile[2], tile[3]), products[p][m].high);
  });
}
#endif

/// Adds 16 products of signed bytes to the four sums; which lane gets which is unspecified.
/// Precondition: products are at most 127 * 128 in magnitude, so that two of them fit 16 bits.
[[nodiscard]] inline int32x4_t add_products(int32x4_t sums, int8x16_t a, int8x16_t b) {
#if defined(__ARM_FEATURE_DOTPROD)
  return vdotq_s32(sums, a, b);
#else
  return vpadalq_s16(sums, vmlal_high_s8(vmull_s8(vget_low_s8(a), vget_low_s8(b)), a, b));
#endif
}

/// products[m] = sums over 32 signed bytes of every row, `offset` bytes after its pointer, times
/// x[m]. For few rows of x this beats unpacking into lanes: weights are used in place, and only the
/// sums are transposed.
template <std::size_t M>
TUTTI_ALWAYS_INLINE inline void dot_bytes(const RowPointers& rows, std::size_t offset,
                                          const std::int8_t* const (&x)[M],
                                          RowInts (&products)[M]) {
  int8x16_t first[M], second[M];
  unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
    first[m] = vld1q_s8(x[m]);
    second[m] = vld1q_s8(x[m] + 16);
  });
  int32x4_t sums[M][kPanelRows];
  unroll<kPanelRows>([&](auto r) TUTTI_ALWAYS_INLINE {
    const int8x16_t a = vreinterpretq_s8_u8(load_bytes(rows.row(r) + offset));
    const int8x16_t b = vreinterpretq_s8_u8(load_bytes(rows.row(r) + offset + 16));
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
      int32x4_t(&row_sums)[kPanelRows] = sums[m];
      row_sums[r] = add_products(add_products(vdupq_n_s32(0), a, first[m]), b, second[m]);
      // Lanes are added as soon as there are two vectors to add: row_sums[r - 1] to those of two
      // rows, row_sums[r - 3] to those of four.
      if constexpr (r % 2 == 1) row_sums[r - 1] = vpaddq_s32(row_sums[r - 1], row_sums[r]);
      if constexpr (r % 4 == 3) row_sums[r - 3] = vpaddq_s32(row_sums[r - 3], row_sums[r - 1]);
    });
  });
  unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE { products[m] = {sums[m][0], sums[m][4]}; });
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI
