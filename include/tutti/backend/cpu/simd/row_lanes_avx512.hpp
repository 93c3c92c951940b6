// SPDX-License-Identifier: Apache-2.0
#pragma once
// The row lanes of row_lanes.hpp for AVX-512 with VNNI, sixteen rows. Include row_lanes.hpp
// instead.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tutti/backend/cpu/simd/intrinsics.hpp"
#include "tutti/backend/cpu/simd/row_pointers.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

inline constexpr std::size_t kPanelRows = 16;

struct RowFloats {
  __m512 v;
};
struct RowInts {
  __m512i v;
};
struct RowBytes {
  __m512i v;

  friend RowBytes operator&(RowBytes a, int mask) {
    return {_mm512_and_si512(a.v, _mm512_set1_epi8(static_cast<char>(mask)))};
  }
  friend RowBytes operator|(RowBytes a, RowBytes b) { return {_mm512_or_si512(a.v, b.v)}; }
  friend RowBytes operator^(RowBytes a, int mask) {
    return {_mm512_xor_si512(a.v, _mm512_set1_epi8(static_cast<char>(mask)))};
  }
};

[[nodiscard]] inline RowFloats row_broadcast(float value) { return {_mm512_set1_ps(value)}; }
[[nodiscard]] inline RowFloats row_load(const float* from) { return {_mm512_loadu_ps(from)}; }
inline void row_store(float* to, RowFloats a) { _mm512_storeu_ps(to, a.v); }
[[nodiscard]] inline RowFloats operator+(RowFloats a, RowFloats b) {
  return {_mm512_add_ps(a.v, b.v)};
}
[[nodiscard]] inline RowFloats operator*(RowFloats a, RowFloats b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
[[nodiscard]] inline RowFloats row_fma(RowFloats a, RowFloats b, RowFloats c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
[[nodiscard]] inline RowFloats to_floats(RowInts a) { return {_mm512_cvtepi32_ps(a.v)}; }
[[nodiscard]] inline RowInts row_broadcast(std::int32_t value) {
  return {_mm512_set1_epi32(value)};
}
[[nodiscard]] inline RowInts sixteenfold_plus(RowInts a, RowInts b) {
  return {_mm512_add_epi32(_mm512_slli_epi32(a.v, 4), b.v)};
}
[[nodiscard]] inline RowInts operator-(RowInts a, RowInts b) {
  return {_mm512_sub_epi32(a.v, b.v)};
}

template <std::size_t i>
[[nodiscard]] RowInts unsigned_byte(RowBytes a) {
  return {_mm512_and_si512(_mm512_srli_epi32(a.v, 8 * i), _mm512_set1_epi32(0xFF))};
}
template <std::size_t i>
[[nodiscard]] RowInts signed_byte(RowBytes a) {
  return {_mm512_srai_epi32(_mm512_slli_epi32(a.v, 24 - 8 * i), 24)};
}
template <std::size_t shift>
[[nodiscard]] RowBytes shift_right(RowBytes a, int mask) {
  return (shift == 0 ? a : RowBytes{_mm512_srli_epi16(a.v, shift)}) & mask;
}
template <std::size_t shift>
[[nodiscard]] RowBytes shift_left(RowBytes a, int mask) {
  return {_mm512_slli_epi16((a & mask).v, shift)};
}

TUTTI_ALWAYS_INLINE inline void load_16(const RowPointers& rows, std::size_t offset, RowBytes* to) {
  // Rows r, r + 4, r + 8 and r + 12 share a register; its quarters are 4 x 4 matrices of 32-bit
  // words, to be transposed.
  const auto quarter = [&](std::size_t r) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(rows.row(r) + offset));
  };
  __m512i quad[4];
  unroll<4>([&](auto r) TUTTI_ALWAYS_INLINE {
    const __m512i first = _mm512_castsi128_si512(quarter(r));
    const __m512i second = _mm512_mask_broadcast_i32x4(first, 0x00F0, quarter(r + 4));
    const __m512i third = _mm512_mask_broadcast_i32x4(second, 0x0F00, quarter(r + 8));
    quad[r] = _mm512_mask_broadcast_i32x4(third, 0xF000, quarter(r + 12));
  });
  const __m512i a = _mm512_unpacklo_epi32(quad[0], quad[1]);
  const __m512i b = _mm512_unpacklo_epi32(quad[2], quad[3]);
  const __m512i c = _mm512_unpackhi_epi32(quad[0], quad[1]);
  const __m512i d = _mm512_unpackhi_epi32(quad[2], quad[3]);
  to[0].v = _mm512_unpacklo_epi64(a, b);
  to[1].v = _mm512_unpackhi_epi64(a, b);
  to[2].v = _mm512_unpacklo_epi64(c, d);
  to[3].v = _mm512_unpackhi_epi64(c, d);
}

[[nodiscard]] TUTTI_ALWAYS_INLINE inline RowBytes load_4(const RowPointers& rows,
                                                         std::size_t offset) {
  // Broadcasts are free in the load units, and blends run on any port.
  const auto word = [&](std::size_t r) {
    std::int32_t value;
    std::memcpy(&value, rows.row(r) + offset, sizeof value);
    return _mm256_set1_epi32(value);
  };
  const auto eight = [&](std::size_t r) TUTTI_ALWAYS_INLINE {
    const __m256i a = _mm256_blend_epi32(word(r), word(r + 1), 0x02);
    const __m256i b = _mm256_blend_epi32(word(r + 2), word(r + 3), 0x08);
    const __m256i c = _mm256_blend_epi32(word(r + 4), word(r + 5), 0x20);
    const __m256i d = _mm256_blend_epi32(word(r + 6), word(r + 7), 0x80);
    return _mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x0C), _mm256_blend_epi32(c, d, 0xC0), 0xF0);
  };
  return {_mm512_inserti64x4(_mm512_castsi256_si512(eight(0)), eight(8), 1)};
}

/// The lower halves of the words, which are 16-bit floats.
[[nodiscard]] inline RowFloats lower_halves(__m512i words) {
  return {_mm512_cvtph_ps(_mm512_cvtepi32_epi16(words))};
}

[[nodiscard]] TUTTI_ALWAYS_INLINE inline RowFloats load_half(const RowPointers& rows,
                                                             std::size_t offset) {
  return offset == 0 ? lower_halves(load_4(rows, 0).v)
                     : lower_halves(_mm512_srli_epi32(load_4(rows, offset - 2).v, 16));
}

TUTTI_ALWAYS_INLINE inline void load_half_pair(const RowPointers& rows, std::size_t offset,
                                               RowFloats& first, RowFloats& second) {
  const __m512i words = load_4(rows, offset).v;
  first = lower_halves(words);
  second = lower_halves(_mm512_srli_epi32(words, 16));
}

template <std::size_t first>
[[nodiscard]] RowBytes spread_bits(RowBytes word, int value) {
  constexpr auto b = static_cast<char>(first / 8);
  const __m512i order = _mm512_broadcast_i32x4(_mm_setr_epi8(b, b, b, b, b + 4, b + 4, b + 4, b + 4,
                                                             b + 8, b + 8, b + 8, b + 8, b + 12,
                                                             b + 12, b + 12, b + 12));
  const __m512i bits = _mm512_set1_epi32(
      static_cast<int>(first % 8 == 0 ? 0x08040201U : 0x80402010U));
  return {_mm512_maskz_set1_epi8(_mm512_test_epi8_mask(_mm512_shuffle_epi8(word.v, order), bits),
                                 static_cast<char>(value))};
}

inline constexpr bool kWideCodes = true;
inline constexpr bool kSignedCodes = false;

template <std::size_t kQuads, int kLargest, std::size_t P, std::size_t M>
TUTTI_ALWAYS_INLINE inline void add_dot(const RowBytes* const (&codes)[P],
                                        const std::int8_t* const (&x)[M],
                                        RowInts (&products)[P][M]) {
  unroll<kQuads>([&](auto i) TUTTI_ALWAYS_INLINE {
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
      std::int32_t word;
      std::memcpy(&word, x[m] + 4 * i, sizeof word);
      const __m512i factor = _mm512_set1_epi32(word);
      unroll<P>([&](auto p) TUTTI_ALWAYS_INLINE {
        products[p][m].v = _mm512_dpbusd_epi32(products[p][m].v, codes[p][i].v, factor);
      });
    });
  });
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI
