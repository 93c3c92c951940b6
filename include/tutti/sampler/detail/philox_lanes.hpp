// SPDX-License-Identifier: Apache-2.0
#pragma once
// 32-bit words in 64-bit lanes, as Philox needs them: its products have 64 bits, and compilers left
// alone spend most of the time on moving 32-bit lanes about. The upper half of a lane may hold
// anything. The compiler's flags choose the width; the words are the same for each.

#include <cstddef>
#include <cstdint>

#include "tutti/base/macros.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace tutti::detail::inline TUTTI_ABI {

#if defined(TUTTI_HAS_AVX512) || defined(TUTTI_HAS_AVX2)

struct PhiloxLanes {
  static constexpr std::size_t kCount = 4;
  __m256i v;
};

[[nodiscard]] inline PhiloxLanes philox_broadcast(std::uint32_t word) {
  return {_mm256_set1_epi64x(word)};
}
[[nodiscard]] inline PhiloxLanes philox_iota(std::uint32_t first) {
  return {_mm256_setr_epi64x(first, first + 1, first + 2, first + 3)};
}
[[nodiscard]] inline PhiloxLanes operator^(PhiloxLanes a, PhiloxLanes b) {
  return {_mm256_xor_si256(a.v, b.v)};
}
/// 64 bits of the product of the lower halves.
[[nodiscard]] inline PhiloxLanes product(PhiloxLanes a, PhiloxLanes b) {
  return {_mm256_mul_epu32(a.v, b.v)};
}
[[nodiscard]] inline PhiloxLanes upper_half(PhiloxLanes a) { return {_mm256_srli_epi64(a.v, 32)}; }
/// Stores the words 0 to 3 of each lane side by side: kCount * 4 numbers.
inline void store_words(std::uint32_t* to, PhiloxLanes w0, PhiloxLanes w1, PhiloxLanes w2,
                        PhiloxLanes w3) {
  const __m256i low = _mm256_blend_epi32(w0.v, _mm256_slli_epi64(w1.v, 32), 0b10101010);
  const __m256i high = _mm256_blend_epi32(w2.v, _mm256_slli_epi64(w3.v, 32), 0b10101010);
  const __m256i even = _mm256_unpacklo_epi64(low, high);
  const __m256i odd = _mm256_unpackhi_epi64(low, high);
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(to), _mm256_permute2x128_si256(even, odd, 0x20));
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(to + 8),
                      _mm256_permute2x128_si256(even, odd, 0x31));
}

#elif defined(__SSE2__)

struct PhiloxLanes {
  static constexpr std::size_t kCount = 2;
  __m128i v;
};

[[nodiscard]] inline PhiloxLanes philox_broadcast(std::uint32_t word) {
  return {_mm_set1_epi64x(word)};
}
[[nodiscard]] inline PhiloxLanes philox_iota(std::uint32_t first) {
  return {_mm_set_epi64x(first + 1, first)};
}
[[nodiscard]] inline PhiloxLanes operator^(PhiloxLanes a, PhiloxLanes b) {
  return {_mm_xor_si128(a.v, b.v)};
}
[[nodiscard]] inline PhiloxLanes product(PhiloxLanes a, PhiloxLanes b) {
  return {_mm_mul_epu32(a.v, b.v)};
}
[[nodiscard]] inline PhiloxLanes upper_half(PhiloxLanes a) { return {_mm_srli_epi64(a.v, 32)}; }
inline void store_words(std::uint32_t* to, PhiloxLanes w0, PhiloxLanes w1, PhiloxLanes w2,
                        PhiloxLanes w3) {
  const __m128i mask = _mm_set1_epi64x(0xFFFFFFFF);
  const __m128i low = _mm_or_si128(_mm_and_si128(w0.v, mask), _mm_slli_epi64(w1.v, 32));
  const __m128i high = _mm_or_si128(_mm_and_si128(w2.v, mask), _mm_slli_epi64(w3.v, 32));
  _mm_storeu_si128(reinterpret_cast<__m128i_u*>(to), _mm_unpacklo_epi64(low, high));
  _mm_storeu_si128(reinterpret_cast<__m128i_u*>(to + 4), _mm_unpackhi_epi64(low, high));
}

#elif defined(__aarch64__) && defined(__ARM_NEON)

/// Lower and upper halves of four lanes apart: a product then takes two multiplications and two
/// permutations for all four, and the words are stored by one instruction.
struct PhiloxLanes {
  static constexpr std::size_t kCount = 4;
  uint32x4_t low;
  uint32x4_t high;
};

[[nodiscard]] inline PhiloxLanes philox_broadcast(std::uint32_t word) {
  return {vdupq_n_u32(word), vdupq_n_u32(0)};
}
[[nodiscard]] inline PhiloxLanes philox_iota(std::uint32_t first) {
  const std::uint32_t words[4] = {first, first + 1, first + 2, first + 3};
  return {vld1q_u32(words), vdupq_n_u32(0)};
}
[[nodiscard]] inline PhiloxLanes operator^(PhiloxLanes a, PhiloxLanes b) {
  return {veorq_u32(a.low, b.low), veorq_u32(a.high, b.high)};
}
[[nodiscard]] inline PhiloxLanes product(PhiloxLanes a, PhiloxLanes b) {
  const uint32x4_t first = vreinterpretq_u32_u64(
      vmull_u32(vget_low_u32(a.low), vget_low_u32(b.low)));
  const uint32x4_t second = vreinterpretq_u32_u64(vmull_high_u32(a.low, b.low));
  return {vuzp1q_u32(first, second), vuzp2q_u32(first, second)};
}
[[nodiscard]] inline PhiloxLanes upper_half(PhiloxLanes a) { return {a.high, vdupq_n_u32(0)}; }
inline void store_words(std::uint32_t* to, PhiloxLanes w0, PhiloxLanes w1, PhiloxLanes w2,
                        PhiloxLanes w3) {
  vst4q_u32(to, uint32x4x4_t{{w0.low, w1.low, w2.low, w3.low}});
}

#else

struct PhiloxLanes {
  static constexpr std::size_t kCount = 1;
  std::uint64_t v;
};

[[nodiscard]] inline PhiloxLanes philox_broadcast(std::uint32_t word) { return {word}; }
[[nodiscard]] inline PhiloxLanes philox_iota(std::uint32_t first) { return {first}; }
[[nodiscard]] inline PhiloxLanes operator^(PhiloxLanes a, PhiloxLanes b) { return {a.v ^ b.v}; }
[[nodiscard]] inline PhiloxLanes product(PhiloxLanes a, PhiloxLanes b) {
  return {std::uint64_t{static_cast<std::uint32_t>(a.v)} * static_cast<std::uint32_t>(b.v)};
}
[[nodiscard]] inline PhiloxLanes upper_half(PhiloxLanes a) { return {a.v >> 32}; }
inline void store_words(std::uint32_t* to, PhiloxLanes w0, PhiloxLanes w1, PhiloxLanes w2,
                        PhiloxLanes w3) {
  to[0] = static_cast<std::uint32_t>(w0.v);
  to[1] = static_cast<std::uint32_t>(w1.v);
  to[2] = static_cast<std::uint32_t>(w2.v);
  to[3] = static_cast<std::uint32_t>(w3.v);
}

#endif

}  // namespace tutti::detail::inline TUTTI_ABI
