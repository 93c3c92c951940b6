// SPDX-License-Identifier: Apache-2.0
#pragma once
// The eight-row lanes of row_lanes.hpp for AVX2. Include row_lanes.hpp instead.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tutti::cpu::detail {

inline constexpr std::size_t kPanelRows = 8;

/// Where one block of each of eight rows begins, the rows `stride` bytes apart.
struct RowPointers {
  const std::byte* first;
  std::size_t stride;

  [[nodiscard]] const std::byte* row(std::size_t r) const { return first + r * stride; }
};

struct RowFloats {
  __m256 v;
};
struct RowInts {
  __m256i v;
};
/// Byte i of row r is byte 4 r + i.
struct RowBytes {
  __m256i v;

  friend RowBytes operator&(RowBytes a, int mask) { return {_mm256_and_si256(a.v, _mm256_set1_epi8(static_cast<char>(mask)))}; }
  friend RowBytes operator|(RowBytes a, RowBytes b) { return {_mm256_or_si256(a.v, b.v)}; }
};

/// See keep(FloatLanes) in simd.hpp.
[[nodiscard]] inline RowBytes keep(RowBytes a) {
  asm("" : "+x"(a.v));
  return a;
}

[[nodiscard]] inline RowFloats row_broadcast(float value) { return {_mm256_set1_ps(value)}; }
[[nodiscard]] inline RowFloats row_load(const float* from) { return {_mm256_loadu_ps(from)}; }
inline void row_store(float* to, RowFloats a) { _mm256_storeu_ps(to, a.v); }
[[nodiscard]] inline RowFloats operator*(RowFloats a, RowFloats b) { return {_mm256_mul_ps(a.v, b.v)}; }
[[nodiscard]] inline RowFloats row_fma(RowFloats a, RowFloats b, RowFloats c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
[[nodiscard]] inline RowFloats to_floats(RowInts a) { return {_mm256_cvtepi32_ps(a.v)}; }
[[nodiscard]] inline RowInts row_broadcast(std::int32_t value) { return {_mm256_set1_epi32(value)}; }
[[nodiscard]] inline RowInts operator-(RowInts a, RowInts b) { return {_mm256_sub_epi32(a.v, b.v)}; }

/// Byte `i` of each row, without and with sign.
template <int i>
[[nodiscard]] RowInts unsigned_byte(RowBytes a) {
  return {_mm256_and_si256(_mm256_srli_epi32(a.v, 8 * i), _mm256_set1_epi32(0xFF))};
}
template <int i>
[[nodiscard]] RowInts signed_byte(RowBytes a) {
  return {_mm256_srai_epi32(_mm256_slli_epi32(a.v, 24 - 8 * i), 24)};
}
/// (a >> shift) & mask in every byte; mask has no bits that a shift could bring over from the next byte.
template <int shift>
[[nodiscard]] RowBytes shift_right(RowBytes a, int mask) {
  return RowBytes{_mm256_srli_epi16(a.v, shift)} & mask;
}
/// (a & mask) << shift in every byte.
template <int shift>
[[nodiscard]] RowBytes shift_left(RowBytes a, int mask) {
  return {_mm256_slli_epi16((a & mask).v, shift)};
}

/// 16 bytes of every row, `offset` bytes behind its pointer: to[i] has bytes 4 i to 4 i + 3.
inline void load_16(const RowPointers& rows, std::size_t offset, RowBytes* to) {
  // Rows r and r + 4 share a register; its halves are two 4 x 4 matrices of 32-bit words, to be transposed. A load that
  // fills both halves and a blend are faster than an insertion.
  __m256i pair[4];
  for (std::size_t r = 0; r < 4; ++r) {
    const auto* low = reinterpret_cast<const __m128i_u*>(rows.row(r) + offset);
    const auto* high = reinterpret_cast<const __m128i_u*>(rows.row(r + 4) + offset);
    pair[r] = _mm256_blend_epi32(_mm256_castsi128_si256(_mm_loadu_si128(low)), _mm256_broadcastsi128_si256(_mm_loadu_si128(high)), 0xF0);
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

[[nodiscard]] inline __m256i broadcast_word(const void* from) {
  std::int32_t word;
  std::memcpy(&word, from, sizeof word);
  return _mm256_set1_epi32(word);
}

/// 4 bytes of every row.
[[nodiscard]] inline RowBytes load_4(const RowPointers& rows, std::size_t offset) {
  // Broadcasts come from the load units for nothing, and blends run anywhere.
  const auto word = [&](std::size_t r) { return broadcast_word(rows.row(r) + offset); };
  const __m256i a = _mm256_blend_epi32(word(0), word(1), 0x02);
  const __m256i b = _mm256_blend_epi32(word(2), word(3), 0x08);
  const __m256i c = _mm256_blend_epi32(word(4), word(5), 0x20);
  const __m256i d = _mm256_blend_epi32(word(6), word(7), 0x80);
  return {_mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x0C), _mm256_blend_epi32(c, d, 0xC0), 0xF0)};
}

/// A 16-bit float of every row. The two bytes before it, or behind it if `offset` is 0, are read too: they must be there.
[[nodiscard]] inline RowFloats load_half(const RowPointers& rows, std::size_t offset) {
  const __m256i words = offset == 0 ? _mm256_slli_epi32(load_4(rows, 0).v, 16) : load_4(rows, offset - 2).v;
  const __m256i halves = _mm256_packus_epi32(_mm256_srli_epi32(words, 16), _mm256_setzero_si256());
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(_mm256_permute4x64_epi64(halves, 0x08)))};
}

/// Two neighbouring 16-bit floats of every row.
struct RowFloatPair {
  RowFloats first, second;
};
[[nodiscard]] inline RowFloatPair load_half_pair(const RowPointers& rows, std::size_t offset) {
  // Gathers the low halves of the words of each 128-bit half in front of the high halves, then the quarters in row order.
  const __m256i order = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15, 0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10,
                                         11, 14, 15);
  const __m256i halves = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(load_4(rows, offset).v, order), 0xD8);
  return {{_mm256_cvtph_ps(_mm256_castsi256_si128(halves))}, {_mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1))}};
}

/// Bit `first + i` of each row's word as `value` in byte i, i < 4; `first` is a multiple of 4.
template <int first>
[[nodiscard]] RowBytes spread_bits(RowBytes word, int value) {
  constexpr int kByte = first / 8;
  const __m256i copies = _mm256_shuffle_epi8(word.v, _mm256_add_epi8(_mm256_set1_epi8(kByte), _mm256_setr_epi32(0, 0x04040404, 0x08080808,
                                             0x0C0C0C0C, 0, 0x04040404, 0x08080808, 0x0C0C0C0C)));
  const __m256i bits = _mm256_set1_epi32(static_cast<int>(first % 8 == 0 ? 0x08040201U : 0x80402010U));
  return RowBytes{_mm256_cmpeq_epi8(_mm256_and_si256(copies, bits), bits)} & value;
}

#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
[[nodiscard]] inline __m256i dot_accumulate(__m256i sum, __m256i codes, __m256i x) { return _mm256_dpbusd_epi32(sum, codes, x); }
#elif defined(__AVXVNNI__)
[[nodiscard]] inline __m256i dot_accumulate(__m256i sum, __m256i codes, __m256i x) { return _mm256_dpbusd_avx_epi32(sum, codes, x); }
#endif

/// Sums over 4 * kQuads elements of unsigned codes, at most kLargest, times x in [-127, 127], for M rows of x.
template <std::size_t kQuads, int kLargest, std::size_t M>
void dot_unsigned(const RowBytes* codes, const std::int8_t* const (&x)[M], std::size_t offset, RowInts (&sums)[M]) {
#if defined(__AVXVNNI__) || (defined(__AVX512VNNI__) && defined(__AVX512VL__))
  for (RowInts& sum : sums) sum.v = _mm256_setzero_si256();
  for (std::size_t i = 0; i < kQuads; ++i) {
    for (std::size_t m = 0; m < M; ++m) sums[m].v = dot_accumulate(sums[m].v, codes[i].v, broadcast_word(x[m] + offset + 4 * i));
  }
#else
  // maddubs sums two products in 16 bits; as many of them as cannot overflow are added before they are widened.
  constexpr std::size_t kSafe = 32767 / (2 * kLargest * 127);
  constexpr std::size_t kGroup = kSafe >= kQuads ? kQuads : (kSafe >= 4 ? 4 : kSafe >= 2 ? 2 : 1);
  static_assert(kSafe >= 1 && kQuads % kGroup == 0);
  const __m256i ones = _mm256_set1_epi16(1);
  for (std::size_t first = 0; first < kQuads; first += kGroup) {
    __m256i narrow[M];
    for (std::size_t i = first; i < first + kGroup; ++i) {
      const __m256i code = keep(codes[i]).v;
      for (std::size_t m = 0; m < M; ++m) {
        const __m256i products = _mm256_maddubs_epi16(code, broadcast_word(x[m] + offset + 4 * i));
        narrow[m] = i == first ? products : _mm256_add_epi16(narrow[m], products);
      }
    }
    for (std::size_t m = 0; m < M; ++m) {
      const __m256i wide = _mm256_madd_epi16(narrow[m], ones);
      sums[m].v = first == 0 ? wide : _mm256_add_epi32(sums[m].v, wide);
    }
  }
#endif
}

/// Eight signed codes of a row in 16 bits: those of RowBytes as bytes 0, 2 and 1, 3.
struct RowWords {
  __m256i even, odd;
};
[[nodiscard]] inline RowWords widen_signed(RowBytes a) {
  return {_mm256_srai_epi16(_mm256_slli_epi16(a.v, 8), 8), _mm256_srai_epi16(a.v, 8)};
}

/// Sums over 4 * kQuads elements of signed codes times x, given as words in the same order, for M rows of x.
template <std::size_t kQuads, std::size_t M>
void dot_signed(const RowWords* codes, const std::int16_t* const (&x)[M], std::size_t offset, RowInts (&sums)[M]) {
  for (std::size_t i = 0; i < kQuads; ++i) {
    const __m256i even = keep(RowBytes{codes[i].even}).v;
    const __m256i odd = keep(RowBytes{codes[i].odd}).v;
    for (std::size_t m = 0; m < M; ++m) {
      const __m256i first = _mm256_madd_epi16(even, broadcast_word(x[m] + offset + 4 * i));
      sums[m].v = i == 0 ? first : _mm256_add_epi32(sums[m].v, first);
      sums[m].v = _mm256_add_epi32(sums[m].v, _mm256_madd_epi16(odd, broadcast_word(x[m] + offset + 4 * i + 2)));
    }
  }
}

}  // namespace tutti::cpu::detail
