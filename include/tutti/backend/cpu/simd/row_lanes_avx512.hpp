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

/// Transposes the 4 x 4 matrix of 32-bit words in each quarter of four registers.
TUTTI_ALWAYS_INLINE inline void transpose_quarters(const __m512i (&rows)[4],
                                                   __m512i (&columns)[4]) {
  const __m512i a = _mm512_unpacklo_epi32(rows[0], rows[1]);
  const __m512i b = _mm512_unpacklo_epi32(rows[2], rows[3]);
  const __m512i c = _mm512_unpackhi_epi32(rows[0], rows[1]);
  const __m512i d = _mm512_unpackhi_epi32(rows[2], rows[3]);
  columns[0] = _mm512_unpacklo_epi64(a, b);
  columns[1] = _mm512_unpackhi_epi64(a, b);
  columns[2] = _mm512_unpacklo_epi64(c, d);
  columns[3] = _mm512_unpackhi_epi64(c, d);
}

/// 16 loads, 12 of which blend, and 8 shuffles.
TUTTI_ALWAYS_INLINE inline void load_16(const RowPointers& rows, std::size_t offset, RowBytes* to) {
  // Rows r, r + 4, r + 8 and r + 12 share a register.
  const auto quarter = [&](std::size_t r) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(rows.row(r) + offset));
  };
  __m512i quads[4], columns[4];
  unroll<4>([&](auto r) TUTTI_ALWAYS_INLINE {
    const __m512i first = _mm512_castsi128_si512(quarter(r));
    const __m512i second = _mm512_mask_broadcast_i32x4(first, 0x00F0, quarter(r + 4));
    const __m512i third = _mm512_mask_broadcast_i32x4(second, 0x0F00, quarter(r + 8));
    quads[r] = _mm512_mask_broadcast_i32x4(third, 0xF000, quarter(r + 12));
  });
  transpose_quarters(quads, columns);
  unroll<4>([&](auto i) TUTTI_ALWAYS_INLINE { to[i].v = columns[i]; });
}

/// 16 loads, 8 of which blend, and 24 shuffles: half the loads of two load_16, which bound the
/// products of one row on Zen 5 (two vector loads per cycle).
TUTTI_ALWAYS_INLINE inline void load_32(const RowPointers& rows, std::size_t offset, RowBytes* to) {
  const auto half = [&](std::size_t r) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(rows.row(r) + offset));
  };
  // Quarters of columns[h][i]: word i of rows 8 h to 8 h + 3, word i + 4 of these, then the same of
  // rows 8 h + 4 to 8 h + 7.
  __m512i columns[2][4];
  unroll<2>([&](auto h) TUTTI_ALWAYS_INLINE {
    __m512i pairs[4];
    unroll<4>([&](auto r) TUTTI_ALWAYS_INLINE {
      pairs[r] = _mm512_mask_broadcast_i64x4(_mm512_castsi256_si512(half(8 * h + r)), 0xF0,
                                             half(8 * h + r + 4));
    });
    transpose_quarters(pairs, columns[h]);
  });
  unroll<4>([&](auto i) TUTTI_ALWAYS_INLINE {
    to[i].v = _mm512_shuffle_i32x4(columns[0][i], columns[1][i], 0x88);
    to[i + 4].v = _mm512_shuffle_i32x4(columns[0][i], columns[1][i], 0xDD);
  });
}

[[nodiscard]] TUTTI_ALWAYS_INLINE inline RowBytes load_4(const RowPointers& rows,
                                                         std::size_t offset) {
  // 16 loads and 3 shuffles: the compiler drops what only the other words need.
  RowBytes words[4];
  const std::size_t before = offset >= 12 ? 12 : 0;
  load_16(rows, offset - before, words);
  return before > 0 ? words[3] : words[0];
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

inline void split_halves(RowBytes words, RowFloats& lower, RowFloats& upper) {
  lower = lower_halves(words.v);
  upper = lower_halves(_mm512_srli_epi32(words.v, 16));
}
[[nodiscard]] inline RowBytes join_halves(RowBytes a, RowBytes b) {
#if defined(__AVX512VBMI2__)
  return {_mm512_shrdi_epi32(a.v, b.v, 16)};
#else
  return {_mm512_or_si512(_mm512_srli_epi32(a.v, 16), _mm512_slli_epi32(b.v, 16))};
#endif
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
