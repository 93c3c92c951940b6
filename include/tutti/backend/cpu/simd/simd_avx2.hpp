// SPDX-License-Identifier: Apache-2.0
#pragma once
// The lanes of simd.hpp for AVX2, FMA and F16C. Include simd.hpp instead.

#include <cstddef>
#include <cstdint>

#include "tutti/backend/cpu/simd/intrinsics.hpp"
#include "tutti/base/numeric/float16.hpp"

namespace tutti::cpu::inline TUTTI_ABI {

struct FloatLanes {
  static constexpr std::size_t kCount = 8;
  __m256 v;
};

[[nodiscard]] inline FloatLanes broadcast(float value) { return {_mm256_set1_ps(value)}; }
[[nodiscard]] inline FloatLanes load(const float* from) { return {_mm256_loadu_ps(from)}; }
inline void store(float* to, FloatLanes value) { _mm256_storeu_ps(to, value.v); }

/// Loads kCount elements of type T, wherever they begin.
template <class T>
[[nodiscard]] FloatLanes load_as(const std::byte* from);
template <>
[[nodiscard]] inline FloatLanes load_as<float>(const std::byte* from) {
  return {_mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from)))};
}
template <>
[[nodiscard]] inline FloatLanes load_as<Float16>(const std::byte* from) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from)))};
}
template <>
[[nodiscard]] inline FloatLanes load_as<BFloat16>(const std::byte* from) {
  const __m256i wide = _mm256_cvtepu16_epi32(
      _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from)));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(wide, 16))};
}

/// Stores the lanes as 16-bit floats, to nearest, ties to even.
inline void store_halves(Float16* to, FloatLanes value) {
  _mm_storeu_si128(reinterpret_cast<__m128i_u*>(to),
                   _mm256_cvtps_ph(value.v, _MM_FROUND_TO_NEAREST_INT));
}

/// The even or the odd ones of 2 * kCount bfloat16: one instruction per vector, where keeping
/// the order takes two.
[[nodiscard]] inline FloatLanes load_even(const std::byte* from) {
  return {_mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from)), 16))};
}
/// Selects the upper halves of 32-bit words. Loaded where it is needed: the largest tile has no
/// register to keep it in.
struct UpperHalves {
  __m256i mask;
};
alignas(32) inline constexpr std::uint32_t kUpperHalves[8] = {0xFFFF0000U, 0xFFFF0000U, 0xFFFF0000U,
                                                              0xFFFF0000U, 0xFFFF0000U, 0xFFFF0000U,
                                                              0xFFFF0000U, 0xFFFF0000U};
[[nodiscard]] inline UpperHalves upper_halves() {
  return {*reinterpret_cast<const volatile __m256i*>(kUpperHalves)};
}
[[nodiscard]] inline FloatLanes load_odd(const std::byte* from, UpperHalves upper) {
  return {_mm256_castsi256_ps(
      _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from)), upper.mask))};
}

/// Optimization barrier: the value is in a register from here on. Otherwise compilers load an
/// operand again for each use, and loads limit the products: two loads per cycle feed two
/// multiply-adds only if most operands are in registers.
[[nodiscard]] inline FloatLanes keep(FloatLanes value) {
  asm("" : "+x"(value.v));
  return value;
}

[[nodiscard]] inline FloatLanes operator+(FloatLanes a, FloatLanes b) {
  return {_mm256_add_ps(a.v, b.v)};
}
[[nodiscard]] inline FloatLanes operator-(FloatLanes a, FloatLanes b) {
  return {_mm256_sub_ps(a.v, b.v)};
}
[[nodiscard]] inline FloatLanes operator*(FloatLanes a, FloatLanes b) {
  return {_mm256_mul_ps(a.v, b.v)};
}
[[nodiscard]] inline FloatLanes operator/(FloatLanes a, FloatLanes b) {
  return {_mm256_div_ps(a.v, b.v)};
}
/// a * b + c with one rounding.
[[nodiscard]] inline FloatLanes fma(FloatLanes a, FloatLanes b, FloatLanes c) {
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
/// b where either is NaN.
[[nodiscard]] inline FloatLanes max(FloatLanes a, FloatLanes b) {
  return {_mm256_max_ps(a.v, b.v)};
}
/// b where either is NaN, as with max.
[[nodiscard]] inline FloatLanes min(FloatLanes a, FloatLanes b) {
  return {_mm256_min_ps(a.v, b.v)};
}
[[nodiscard]] inline FloatLanes abs(FloatLanes a) {
  return {_mm256_andnot_ps(_mm256_set1_ps(-0.0F), a.v)};
}
/// To the nearest integer, ties to even.
[[nodiscard]] inline FloatLanes round(FloatLanes a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
/// a < b ? then : otherwise, lane by lane; `otherwise` where a or b is NaN.
[[nodiscard]] inline FloatLanes select_less(FloatLanes a, FloatLanes b, FloatLanes then,
                                            FloatLanes otherwise) {
  return {_mm256_blendv_ps(otherwise.v, then.v, _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ))};
}
/// a * 2^n for integral n in [-127, 128]; lanes beyond that range are unspecified.
[[nodiscard]] inline FloatLanes scale_by_power_of_two(FloatLanes a, FloatLanes n) {
  // In two steps, because 2^128 is not representable.
  const __m256i whole = _mm256_cvtps_epi32(n.v);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  const auto power = [](__m256i e) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(127)), 23));
  };
  return {_mm256_mul_ps(_mm256_mul_ps(a.v, power(half)), power(_mm256_sub_epi32(whole, half)))};
}

/// The sums of four vectors, each ((l0 + l1) + (l2 + l3)) + ((l4 + l5) + (l6 + l7)), stored to
/// `to[0..3]`.
inline void store_sums(float* to, FloatLanes a, FloatLanes b, FloatLanes c, FloatLanes d) {
  const __m256 quarters = _mm256_hadd_ps(_mm256_hadd_ps(a.v, b.v), _mm256_hadd_ps(c.v, d.v));
  _mm_storeu_ps(to,
                _mm_add_ps(_mm256_castps256_ps128(quarters), _mm256_extractf128_ps(quarters, 1)));
}
/// The same sum of one vector.
[[nodiscard]] inline float sum(FloatLanes a) {
  const __m256 pairs = _mm256_hadd_ps(a.v, a.v);
  const __m256 quarters = _mm256_hadd_ps(pairs, pairs);
  return _mm_cvtss_f32(
      _mm_add_ss(_mm256_castps256_ps128(quarters), _mm256_extractf128_ps(quarters, 1)));
}
/// Of magnitudes (no sign bits), the largest one; NaN counts as larger than all numbers. In each
/// lane, and of all lanes.
[[nodiscard]] inline FloatLanes max_magnitude(FloatLanes a, FloatLanes b) {
  return {
      _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a.v), _mm256_castps_si256(b.v)))};
}
[[nodiscard]] inline float largest_magnitude(FloatLanes a) {
  const __m256i bits = _mm256_castps_si256(a.v);
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4E));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xB1));
  return _mm_cvtss_f32(_mm_castsi128_ps(m));
}
/// Stores integral lanes within [-128, 127] as bytes.
inline void store_bytes(std::int8_t* to, FloatLanes a) {
  const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(a.v), _mm256_setzero_si256());
  const __m128i ordered = _mm256_castsi256_si128(_mm256_permute4x64_epi64(words, 0x08));
  _mm_storel_epi64(reinterpret_cast<__m128i_u*>(to), _mm_packs_epi16(ordered, ordered));
}
[[nodiscard]] inline float maximum(FloatLanes a) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

}  // namespace tutti::cpu::inline TUTTI_ABI
