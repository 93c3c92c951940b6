// SPDX-License-Identifier: Apache-2.0
#pragma once
// The lanes of simd.hpp for AVX-512. Include simd.hpp instead.

#include <cstddef>
#include <cstdint>

#include "tutti/backend/cpu/simd/intrinsics.hpp"
#include "tutti/base/numeric/float16.hpp"

namespace tutti::cpu::inline TUTTI_ABI {

struct FloatLanes {
  static constexpr std::size_t kCount = 16;
  __m512 v;
};

[[nodiscard]] inline FloatLanes broadcast(float value) { return {_mm512_set1_ps(value)}; }
[[nodiscard]] inline FloatLanes load(const float* from) { return {_mm512_loadu_ps(from)}; }
inline void store(float* to, FloatLanes value) { _mm512_storeu_ps(to, value.v); }

/// The first `count` elements, 1 to 15, zeros after them. Never touches memory past them.
[[nodiscard]] inline FloatLanes load_partial(const float* from, std::size_t count) {
  return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << count) - 1U), from)};
}
/// Stores the first `count` lanes, 1 to 15.
inline void store_partial(float* to, FloatLanes value, std::size_t count) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1U << count) - 1U), value.v);
}

template <class T>
[[nodiscard]] FloatLanes load_as(const std::byte* from);
template <>
[[nodiscard]] inline FloatLanes load_as<float>(const std::byte* from) {
  return {_mm512_loadu_ps(from)};
}
template <>
[[nodiscard]] inline FloatLanes load_as<Float16>(const std::byte* from) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from)))};
}
template <>
[[nodiscard]] inline FloatLanes load_as<BFloat16>(const std::byte* from) {
  const __m512i wide = _mm512_cvtepu16_epi32(
      _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}

inline void store_halves(Float16* to, FloatLanes value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(to),
                      _mm512_cvtps_ph(value.v, _MM_FROUND_TO_NEAREST_INT));
}

[[nodiscard]] inline FloatLanes load_even(const std::byte* from) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(from), 16))};
}
struct UpperHalves {
  __m512i mask;
};
[[nodiscard]] inline UpperHalves upper_halves() {
  return {_mm512_set1_epi32(static_cast<int>(0xFFFF0000U))};
}
[[nodiscard]] inline FloatLanes load_odd(const std::byte* from, UpperHalves upper) {
  return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(from), upper.mask))};
}

[[nodiscard]] inline FloatLanes keep(FloatLanes value) {
  asm("" : "+v"(value.v));
  return value;
}

#if defined(__AVX512BF16__)
#define TUTTI_HAS_BFLOAT16_PAIRS
/// Two bfloat16 in every lane.
struct BFloat16Pairs {
  __m512bh v;
};
[[nodiscard]] inline BFloat16Pairs load_pairs(const void* from) {
  return {reinterpret_cast<__m512bh>(_mm512_loadu_si512(from))};
}
[[nodiscard]] inline BFloat16Pairs keep(BFloat16Pairs value) {
  asm("" : "+v"(value.v));
  return value;
}
/// sum + a.second * b.second + a.first * b.first in every lane, in this order; numbers below 2^-126
/// count as zero.
[[nodiscard]] inline FloatLanes dot_pairs(BFloat16Pairs a, BFloat16Pairs b, FloatLanes sum) {
  return {_mm512_dpbf16_ps(sum.v, a.v, b.v)};
}
inline void store_bfloat16(BFloat16* to, FloatLanes value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(to),
                      reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value.v)));
}
#endif

[[nodiscard]] inline FloatLanes operator+(FloatLanes a, FloatLanes b) {
  return {_mm512_add_ps(a.v, b.v)};
}
[[nodiscard]] inline FloatLanes operator-(FloatLanes a, FloatLanes b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
[[nodiscard]] inline FloatLanes operator*(FloatLanes a, FloatLanes b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
[[nodiscard]] inline FloatLanes operator/(FloatLanes a, FloatLanes b) {
  return {_mm512_div_ps(a.v, b.v)};
}
[[nodiscard]] inline FloatLanes fma(FloatLanes a, FloatLanes b, FloatLanes c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
[[nodiscard]] inline FloatLanes max(FloatLanes a, FloatLanes b) {
  return {_mm512_max_ps(a.v, b.v)};
}
[[nodiscard]] inline FloatLanes min(FloatLanes a, FloatLanes b) {
  return {_mm512_min_ps(a.v, b.v)};
}
[[nodiscard]] inline FloatLanes abs(FloatLanes a) { return {_mm512_abs_ps(a.v)}; }
[[nodiscard]] inline FloatLanes round(FloatLanes a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
[[nodiscard]] inline FloatLanes select_less(FloatLanes a, FloatLanes b, FloatLanes then,
                                            FloatLanes otherwise) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), otherwise.v, then.v)};
}
[[nodiscard]] inline FloatLanes scale_by_power_of_two(FloatLanes a, FloatLanes n) {
  return {_mm512_scalef_ps(a.v, n.v)};
}

/// The sums of four vectors, each by halves: lanes i + (i + 8), then as with 8 lanes.
inline __m256 fold_halves(FloatLanes a) {
  return _mm256_add_ps(_mm512_castps512_ps256(a.v),
                       _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a.v), 1)));
}
inline void store_sums(float* to, FloatLanes a, FloatLanes b, FloatLanes c, FloatLanes d) {
  const __m256 quarters = _mm256_hadd_ps(_mm256_hadd_ps(fold_halves(a), fold_halves(b)),
                                         _mm256_hadd_ps(fold_halves(c), fold_halves(d)));
  _mm_storeu_ps(to,
                _mm_add_ps(_mm256_castps256_ps128(quarters), _mm256_extractf128_ps(quarters, 1)));
}
[[nodiscard]] inline float sum(FloatLanes a) {
  float sums[4];
  store_sums(sums, a, a, a, a);
  return sums[0];
}
[[nodiscard]] inline FloatLanes max_magnitude(FloatLanes a, FloatLanes b) {
  return {
      _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a.v), _mm512_castps_si512(b.v)))};
}
[[nodiscard]] inline float largest_magnitude(FloatLanes a) {
  return _mm512_cvtss_f32(
      _mm512_castsi512_ps(_mm512_set1_epi32(_mm512_reduce_max_epi32(_mm512_castps_si512(a.v)))));
}
inline void store_bytes(std::int8_t* to, FloatLanes a) {
  _mm_storeu_si128(reinterpret_cast<__m128i_u*>(to),
                   _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(a.v)));
}
[[nodiscard]] inline float maximum(FloatLanes a) { return _mm512_reduce_max_ps(a.v); }

}  // namespace tutti::cpu::inline TUTTI_ABI
