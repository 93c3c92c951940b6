// SPDX-License-Identifier: Apache-2.0
#pragma once
// The eight-row lanes of row_lanes.hpp for AVX2. Include row_lanes.hpp instead.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tutti/backend/cpu/simd/intrinsics.hpp"
#include "tutti/backend/cpu/simd/row_pointers.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

inline constexpr std::size_t kPanelRows = 8;

struct RowFloats {
  __m256 v;
};
struct RowInts {
  __m256i v;
};
/// Byte i of row r is byte 4 r + i.
struct RowBytes {
  __m256i v;

  friend RowBytes operator&(RowBytes a, int mask) {
    return {_mm256_and_si256(a.v, _mm256_set1_epi8(static_cast<char>(mask)))};
  }
  friend RowBytes operator|(RowBytes a, RowBytes b) { return {_mm256_or_si256(a.v, b.v)}; }
  friend RowBytes operator^(RowBytes a, int mask) {
    return {_mm256_xor_si256(a.v, _mm256_set1_epi8(static_cast<char>(mask)))};
  }
};

/// See keep(FloatLanes) in simd.hpp.
[[nodiscard]] inline __m256i keep(__m256i a) {
  asm("" : "+x"(a));
  return a;
}

[[nodiscard]] inline RowFloats row_broadcast(float value) { return {_mm256_set1_ps(value)}; }
[[nodiscard]] inline RowFloats row_load(const float* from) { return {_mm256_loadu_ps(from)}; }
inline void row_store(float* to, RowFloats a) { _mm256_storeu_ps(to, a.v); }
[[nodiscard]] inline RowFloats operator+(RowFloats a, RowFloats b) {
  return {_mm256_add_ps(a.v, b.v)};
}
[[nodiscard]] inline RowFloats operator*(RowFloats a, RowFloats b) {
  return {_mm256_mul_ps(a.v, b.v)};
}
[[nodiscard]] inline RowFloats row_fma(RowFloats a, RowFloats b, RowFloats c) {
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
[[nodiscard]] inline RowFloats to_floats(RowInts a) { return {_mm256_cvtepi32_ps(a.v)}; }
[[nodiscard]] inline RowInts row_broadcast(std::int32_t value) {
  return {_mm256_set1_epi32(value)};
}
/// 16 a + b.
[[nodiscard]] inline RowInts sixteenfold_plus(RowInts a, RowInts b) {
  return {_mm256_add_epi32(_mm256_slli_epi32(a.v, 4), b.v)};
}
[[nodiscard]] inline RowInts operator-(RowInts a, RowInts b) {
  return {_mm256_sub_epi32(a.v, b.v)};
}

/// Byte `i` of each row, without and with sign.
template <std::size_t i>
[[nodiscard]] RowInts unsigned_byte(RowBytes a) {
  return {_mm256_and_si256(_mm256_srli_epi32(a.v, 8 * i), _mm256_set1_epi32(0xFF))};
}
template <std::size_t i>
[[nodiscard]] RowInts signed_byte(RowBytes a) {
  return {_mm256_srai_epi32(_mm256_slli_epi32(a.v, 24 - 8 * i), 24)};
}
/// (a >> shift) & mask in every byte; mask has no bits that a shift could bring over from the next
/// byte.
template <std::size_t shift>
[[nodiscard]] RowBytes shift_right(RowBytes a, int mask) {
  return (shift == 0 ? a : RowBytes{_mm256_srli_epi16(a.v, shift)}) & mask;
}
/// (a & mask) << shift in every byte.
template <std::size_t shift>
[[nodiscard]] RowBytes shift_left(RowBytes a, int mask) {
  return {_mm256_slli_epi16((a & mask).v, shift)};
}

/// 16 bytes of every row, `offset` bytes after its pointer: to[i] has bytes 4 i to 4 i + 3.
TUTTI_ALWAYS_INLINE inline void load_16(const RowPointers& rows, std::size_t offset, RowBytes* to) {
  // Rows r and r + 4 share a register; its halves are two 4 x 4 matrices of 32-bit words, to be
  // transposed. A load that fills both halves and a blend are faster than an insertion.
  __m256i pair[4];
  for (std::size_t r = 0; r < 4; ++r) {
    const auto* low = reinterpret_cast<const __m128i_u*>(rows.row(r) + offset);
    const auto* high = reinterpret_cast<const __m128i_u*>(rows.row(r + 4) + offset);
    pair[r] = _mm256_blend_epi32(_mm256_castsi128_si256(_mm_loadu_si128(low)),
                                 _mm256_broadcastsi128_si256(_mm_loadu_si128(high)), 0xF0);
  }
  const __m256i a = _mm256_unpacklo_epi32(pair[0], pair[1]);
  const __m256i b = _mm256_unpacklo_epi32(pair[2], pair[3]);
  const __m256i c = _mm256_unpackhi_epi32(pair[0], pair[1]);
  const __m256i d = _mm256_unpackhi_epi32(pair[2], pair[3]);
  to[0].v = _mm256_unpacklo_epi64(a, b);
  to[1].v = _mm256_unpackhi_epi64(a, b);
  to[2].v = _mm256_unpacklo_epi64(c, d);
  to[3].v = _mm256_unpackhi_epi64(c, d);
}

/// 32 bytes of every row.
TUTTI_ALWAYS_INLINE inline void load_32(const RowPointers& rows, std::size_t offset, RowBytes* to) {
  load_16(rows, offset, to);
  load_16(rows, offset + 16, to + 4);
}

[[nodiscard]] inline __m256i broadcast_word(const void* from) {
  std::int32_t word;
  std::memcpy(&word, from, sizeof word);
  return _mm256_set1_epi32(word);
}

/// 4 bytes of every row. With 16 lanes, the 12 bytes before them are read too, or the 12 bytes
/// after them if `offset` is less than 12: they must be there.
[[nodiscard]] TUTTI_ALWAYS_INLINE inline RowBytes load_4(const RowPointers& rows,
                                                         std::size_t offset) {
  // Broadcasts are free in the load units, and blends run on any port.
  const auto word = [&](std::size_t r) { return broadcast_word(rows.row(r) + offset); };
  const __m256i a = _mm256_blend_epi32(word(0), word(1), 0x02);
  const __m256i b = _mm256_blend_epi32(word(2), word(3), 0x08);
  const __m256i c = _mm256_blend_epi32(word(4), word(5), 0x20);
  const __m256i d = _mm256_blend_epi32(word(6), word(7), 0x80);
  return {_mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x0C), _mm256_blend_epi32(c, d, 0xC0), 0xF0)};
}

/// A 16-bit float of every row. The two bytes before it, or after it if `offset` is 0, are read
/// too: they must be there.
[[nodiscard]] TUTTI_ALWAYS_INLINE inline RowFloats load_half(const RowPointers& rows,
                                                             std::size_t offset) {
  const __m256i words = offset == 0 ? _mm256_slli_epi32(load_4(rows, 0).v, 16)
                                    : load_4(rows, offset - 2).v;
  const __m256i halves = _mm256_packus_epi32(_mm256_srli_epi32(words, 16), _mm256_setzero_si256());
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(_mm256_permute4x64_epi64(halves, 0x08)))};
}

/// Both halves of every row's word, which are 16-bit floats.
inline void split_halves(RowBytes words, RowFloats& lower, RowFloats& upper) {
  // Gathers the low halves of the words of each 128-bit half in front of the high halves, then the
  // quarters in row order.
  const __m256i order = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
  const __m256i halves = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(words.v, order), 0xD8);
  lower.v = _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
  upper.v = _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1));
}

/// The upper half of every row's word in `a`, followed by the lower half of that in `b`: the four
/// bytes from two bytes further on.
[[nodiscard]] inline RowBytes join_halves(RowBytes a, RowBytes b) {
  return {_mm256_or_si256(_mm256_srli_epi32(a.v, 16), _mm256_slli_epi32(b.v, 16))};
}

/// Bit `first + i` of each row's word as `value` in byte i, i < 4; `first` is a multiple of 4.
template <std::size_t first>
[[nodiscard]] RowBytes spread_bits(RowBytes word, int value) {
  constexpr auto b = static_cast<char>(first / 8);
  const __m256i order = _mm256_broadcastsi128_si256(_mm_setr_epi8(b, b, b, b, b + 4, b + 4, b + 4,
                                                                  b + 4, b + 8, b + 8, b + 8, b + 8,
                                                                  b + 12, b + 12, b + 12, b + 12));
  const __m256i bits = _mm256_set1_epi32(
      static_cast<int>(first % 8 == 0 ? 0x08040201U : 0x80402010U));
  const __m256i chosen = _mm256_and_si256(_mm256_shuffle_epi8(word.v, order), bits);
  return RowBytes{_mm256_cmpeq_epi8(chosen, bits)} & value;
}

#if defined(__AVXVNNI__)
/// Codes may have 8 bits, else at most 6.
inline constexpr bool kWideCodes = true;
#else
inline constexpr bool kWideCodes = false;
#endif
/// Codes of 8 bits have a sign.
inline constexpr bool kSignedCodes = false;

/// Adds to products[p][m] the sum over 4 * kQuads elements of codes[p], unsigned and at most
/// kLargest, times x[m], in [-127, 127].
template <std::size_t kQuads, int kLargest, std::size_t P, std::size_t M>
TUTTI_ALWAYS_INLINE inline void add_dot(const RowBytes* const (&codes)[P],
                                        const std::int8_t* const (&x)[M],
                                        RowInts (&products)[P][M]) {
#if defined(__AVXVNNI__)
  unroll<kQuads>([&](auto i) TUTTI_ALWAYS_INLINE {
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
      const __m256i factor = broadcast_word(x[m] + 4 * i);
      unroll<P>([&](auto p) TUTTI_ALWAYS_INLINE {
        products[p][m].v = _mm256_dpbusd_avx_epi32(products[p][m].v, codes[p][i].v, factor);
      });
    });
  });
#else
  // maddubs sums two products in 16 bits; as many of them as cannot overflow are added before they
  // are widened.
  constexpr std::size_t kSafe = 32767 / (2 * kLargest * 127);
  constexpr std::size_t kGroup = kSafe >= kQuads ? kQuads : (kSafe >= 4 ? 4 : kSafe >= 2 ? 2 : 1);
  static_assert(kSafe >= 1 && kQuads % kGroup == 0);
  __m256i narrow[P][M];
  unroll<kQuads>([&](auto i) TUTTI_ALWAYS_INLINE {
    __m256i quads[P];
    unroll<P>([&](auto p) TUTTI_ALWAYS_INLINE { quads[p] = keep(codes[p][i].v); });
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
      const __m256i factor = keep(broadcast_word(x[m] + 4 * i));
      unroll<P>([&](auto p) TUTTI_ALWAYS_INLINE {
        const __m256i terms = _mm256_maddubs_epi16(quads[p], factor);
        // keep(): otherwise the compiler schedules all products before all additions and spills.
        narrow[p][m] = keep(i % kGroup == 0 ? terms : _mm256_add_epi16(narrow[p][m], terms));
        if constexpr (i % kGroup == kGroup - 1) {
          const __m256i wide = _mm256_madd_epi16(narrow[p][m], _mm256_set1_epi16(1));
          products[p][m].v = _mm256_add_epi32(products[p][m].v, wide);
        }
      });
    });
  });
#endif
}

/// products[m] = sums over 32 signed bytes of every row, `offset` bytes after its pointer, times
/// x[m]. For few rows of x this beats unpacking into lanes: weights are used in place, and only the
/// sums are transposed.
template <std::size_t M>
TUTTI_ALWAYS_INLINE inline void dot_bytes(const RowPointers& rows, std::size_t offset,
                                          const std::int8_t* const (&x)[M],
                                          RowInts (&products)[M]) {
  const auto widen = [](const void* from) TUTTI_ALWAYS_INLINE {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(static_cast<const __m128i_u*>(from)));
  };
  __m256i low[M], high[M];
  unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
    low[m] = widen(x[m]);
    high[m] = widen(x[m] + 16);
  });
  __m256i sums[kPanelRows][M];
  unroll<kPanelRows>([&](auto r) TUTTI_ALWAYS_INLINE {
    const __m256i first = keep(widen(rows.row(r) + offset));
    const __m256i second = keep(widen(rows.row(r) + offset + 16));
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
      sums[r][m] = keep(
          _mm256_add_epi32(_mm256_madd_epi16(first, low[m]), _mm256_madd_epi16(second, high[m])));
      // Lanes are added as soon as there are two vectors to add: sums[r - 1] to those of two rows,
      // sums[r - 3] to those of four.
      if constexpr (r % 2 == 1) {
        const __m256i a = sums[r - 1][m], b = sums[r][m];
        sums[r - 1][m] = keep(
            _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b)));
      }
      if constexpr (r % 4 == 3) {
        const __m256i a = sums[r - 3][m], b = sums[r - 1][m];
        sums[r - 3][m] = keep(
            _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)));
      }
    });
  });
  unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
    const __m256i a = sums[0][m], b = sums[4][m];
    products[m].v = _mm256_add_epi32(_mm256_blend_epi32(a, b, 0xF0),
                                     _mm256_permute2x128_si256(a, b, 0x21));
  });
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI
