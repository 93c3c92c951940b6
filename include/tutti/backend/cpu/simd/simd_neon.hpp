// SPDX-License-Identifier: Apache-2.0
#pragma once
// The lanes of simd.hpp for AArch64: eight floats in a pair of 128-bit NEON registers. Include
// simd.hpp instead.
//
// Why eight lanes and not four:
// - The 32 registers hold exactly the tiles that the kernels use for the 16 registers of AVX2
//   (dense_product.hpp: at most 4 x 3 sums, 3 weights and 1 activation, each a pair here).
// - A multiply-add has a latency of 4 cycles, and cores start 2 (Neoverse N1, N2) or 4 (Neoverse
//   V1) per cycle, so 8 to 16 independent chains keep them busy. The smallest tile, 4 weight rows x
//   1 activation row, has 8 chains with eight lanes and 4 with four.
// - Lanes are part of the order of every sum: with eight lanes and fused multiply-adds, products
//   have the same bits as with AVX2.

#include <arm_neon.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/float16.hpp"

namespace tutti::cpu::inline TUTTI_ABI {

struct FloatLanes {
  static constexpr std::size_t kCount = 8;
  float32x4_t low;   ///< Lanes 0 to 3.
  float32x4_t high;  ///< Lanes 4 to 7.
};

[[nodiscard]] inline FloatLanes broadcast(float value) {
  return {vdupq_n_f32(value), vdupq_n_f32(value)};
}
[[nodiscard]] inline FloatLanes load(const float* from) {
  return {vld1q_f32(from), vld1q_f32(from + 4)};
}
inline void store(float* to, FloatLanes value) {
  vst1q_f32(to, value.low);
  vst1q_f32(to + 4, value.high);
}

}  // namespace tutti::cpu::inline TUTTI_ABI

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// 16 bytes from any address.
[[nodiscard]] inline uint8x16_t load_bytes(const void* from) {
  return vld1q_u8(static_cast<const std::uint8_t*>(from));
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI

namespace tutti::cpu::inline TUTTI_ABI {

/// Loads kCount elements of type T, wherever they begin.
template <class T>
[[nodiscard]] FloatLanes load_as(const std::byte* from);
template <>
[[nodiscard]] inline FloatLanes load_as<float>(const std::byte* from) {
  return {vreinterpretq_f32_u8(detail::load_bytes(from)),
          vreinterpretq_f32_u8(detail::load_bytes(from + 16))};
}
template <>
[[nodiscard]] inline FloatLanes load_as<Float16>(const std::byte* from) {
  const float16x8_t halves = vreinterpretq_f16_u8(detail::load_bytes(from));
  return {vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)};
}
template <>
[[nodiscard]] inline FloatLanes load_as<BFloat16>(const std::byte* from) {
  const uint16x8_t elements = vreinterpretq_u16_u8(detail::load_bytes(from));
  return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(elements), 16)),
          vreinterpretq_f32_u32(vshll_high_n_u16(elements, 16))};
}

/// Stores the lanes as 16-bit floats, to nearest, ties to even.
inline void store_halves(Float16* to, FloatLanes value) {
  const float16x8_t halves = vcvt_high_f16_f32(vcvt_f16_f32(value.low), value.high);
  std::memcpy(static_cast<void*>(to), &halves, sizeof halves);
}

/// The even or the odd ones of 2 * kCount bfloat16: one instruction per vector. Keeping the order
/// would take no more on ARM; the order is that of AVX2 for the sake of equal bits.
[[nodiscard]] inline FloatLanes load_even(const std::byte* from) {
  const auto shifted = [](const std::byte* words) {
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_u8(detail::load_bytes(words)), 16));
  };
  return {shifted(from), shifted(from + 16)};
}
/// Selects the upper halves of 32-bit words.
struct UpperHalves {
  uint32x4_t mask;
};
[[nodiscard]] inline UpperHalves upper_halves() { return {vdupq_n_u32(0xFFFF0000U)}; }
[[nodiscard]] inline FloatLanes load_odd(const std::byte* from, UpperHalves upper) {
  const auto masked = [&](const std::byte* words) {
    return vreinterpretq_f32_u32(
        vandq_u32(vreinterpretq_u32_u8(detail::load_bytes(words)), upper.mask));
  };
  return {masked(from), masked(from + 16)};
}

/// Optimization barrier: no memory that is read after this call is loaded before the value.
/// Otherwise GCC schedules the loads of a whole step first and spills in the largest tiles, whose
/// inner loops then have a third more instructions. An asm operand for the value would add moves.
[[nodiscard]] inline FloatLanes keep(FloatLanes value) {
  asm volatile("" : : : "memory");
  return value;
}

[[nodiscard]] inline FloatLanes operator+(FloatLanes a, FloatLanes b) {
  return {vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)};
}
[[nodiscard]] inline FloatLanes operator-(FloatLanes a, FloatLanes b) {
  return {vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)};
}
[[nodiscard]] inline FloatLanes operator*(FloatLanes a, FloatLanes b) {
  return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)};
}
[[nodiscard]] inline FloatLanes operator/(FloatLanes a, FloatLanes b) {
  return {vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high)};
}
/// a * b + c with one rounding.
[[nodiscard]] inline FloatLanes fma(FloatLanes a, FloatLanes b, FloatLanes c) {
  return {vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}
/// a < b ? then : otherwise, lane by lane; `otherwise` where a or b is NaN.
[[nodiscard]] inline FloatLanes select_less(FloatLanes a, FloatLanes b, FloatLanes then,
                                            FloatLanes otherwise) {
  return {vbslq_f32(vcltq_f32(a.low, b.low), then.low, otherwise.low),
          vbslq_f32(vcltq_f32(a.high, b.high), then.high, otherwise.high)};
}
/// b where either is NaN, as with x86's instruction; NEON's vmaxq_f32 returns NaN.
[[nodiscard]] inline FloatLanes max(FloatLanes a, FloatLanes b) { return select_less(b, a, a, b); }
/// b where either is NaN, as with max.
[[nodiscard]] inline FloatLanes min(FloatLanes a, FloatLanes b) { return select_less(a, b, a, b); }
[[nodiscard]] inline FloatLanes abs(FloatLanes a) { return {vabsq_f32(a.low), vabsq_f32(a.high)}; }
/// To the nearest integer, ties to even.
[[nodiscard]] inline FloatLanes round(FloatLanes a) {
  return {vrndnq_f32(a.low), vrndnq_f32(a.high)};
}
/// a * 2^n for integral n in [-127, 128]; lanes beyond that range are unspecified.
[[nodiscard]] inline FloatLanes scale_by_power_of_two(FloatLanes a, FloatLanes n) {
  const auto scale = [](float32x4_t value, float32x4_t exponent) {
    // In two steps, because 2^128 is not representable.
    const int32x4_t whole = vcvtnq_s32_f32(exponent);
    const int32x4_t half = vshrq_n_s32(whole, 1);
    const auto power = [](int32x4_t e) {
      return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(e, vdupq_n_s32(127)), 23));
    };
    return vmulq_f32(vmulq_f32(value, power(half)), power(vsubq_s32(whole, half)));
  };
  return {scale(a.low, n.low), scale(a.high, n.high)};
}

/// The sums of four vectors, each ((l0 + l1) + (l2 + l3)) + ((l4 + l5) + (l6 + l7)), stored to
/// `to[0..3]`.
inline void store_sums(float* to, FloatLanes a, FloatLanes b, FloatLanes c, FloatLanes d) {
  const float32x4_t low = vpaddq_f32(vpaddq_f32(a.low, b.low), vpaddq_f32(c.low, d.low));
  const float32x4_t high = vpaddq_f32(vpaddq_f32(a.high, b.high), vpaddq_f32(c.high, d.high));
  vst1q_f32(to, vaddq_f32(low, high));
}
/// The same sum of one vector.
[[nodiscard]] inline float sum(FloatLanes a) {
  const float32x4_t pairs = vpaddq_f32(a.low, a.high);
  return vpadds_f32(vget_low_f32(vpaddq_f32(pairs, pairs)));
}
/// Of magnitudes (no sign bits), the largest one; NaN counts as larger than all numbers. In each
/// lane, and of all lanes.
[[nodiscard]] inline FloatLanes max_magnitude(FloatLanes a, FloatLanes b) {
  const auto larger = [](float32x4_t x, float32x4_t y) {
    return vreinterpretq_f32_s32(vmaxq_s32(vreinterpretq_s32_f32(x), vreinterpretq_s32_f32(y)));
  };
  return {larger(a.low, b.low), larger(a.high, b.high)};
}
[[nodiscard]] inline float largest_magnitude(FloatLanes a) {
  const FloatLanes largest = max_magnitude(a, {a.high, a.low});
  return std::bit_cast<float>(vmaxvq_s32(vreinterpretq_s32_f32(largest.low)));
}
/// Stores integral lanes within [-128, 127] as bytes.
inline void store_bytes(std::int8_t* to, FloatLanes a) {
  const int16x8_t words = vqmovn_high_s32(vqmovn_s32(vcvtnq_s32_f32(a.low)),
                                          vcvtnq_s32_f32(a.high));
  vst1_s8(to, vqmovn_s16(words));
}
/// The largest lane. Precondition: no lane is NaN.
[[nodiscard]] inline float maximum(FloatLanes a) { return vmaxvq_f32(vmaxq_f32(a.low, a.high)); }

}  // namespace tutti::cpu::inline TUTTI_ABI
