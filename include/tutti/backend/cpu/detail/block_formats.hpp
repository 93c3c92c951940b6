// SPDX-License-Identifier: Apache-2.0
#pragma once
// GGUF's block types for the product of block_product.hpp: how one block of eight weight rows becomes codes, scales and
// minima with one row a lane. Written once over row_lanes.hpp; the layouts are those of ggml's ggml-common.h.
// A weight is scale * (code - kZero) + minimum.

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "tutti/backend/cpu/detail/row_lanes.hpp"
#include "tutti/backend/cpu/simd.hpp"
#include "tutti/core/tensor.hpp"

namespace tutti::cpu::detail {

/// Nothing, where a type has no minimum.
struct NoMinimum {};

/// 32 consecutive elements of eight rows. A second plane of codes counts sixteenfold.
template <std::size_t kPlanes, std::size_t kScales, bool kHasMinimum>
struct PanelBlock {
  RowBytes codes[kPlanes][8];
  RowFloats scale[kScales];
  [[no_unique_address]] std::conditional_t<kHasMinimum, RowFloats, NoMinimum> minimum;
};

/// What a type may differ in. Its static function `unpack(rows, sink)` reads one block of the file and calls
/// sink(i, block) for each 32 elements of it, i counting from 0 as a compile-time constant: the caller decides whether the
/// blocks go to memory or are used at once in registers.
template <int kLargestCode, int kZeroCode, bool kMinimum, std::size_t kScaleCount = 1, std::size_t kPlaneCount = 1>
struct BlockFormatTraits {
  using Block = PanelBlock<kPlaneCount, kScaleCount, kMinimum>;
  static constexpr int kLargest = kLargestCode;
  static constexpr int kZero = kZeroCode;
  static constexpr bool kHasMinimum = kMinimum;
  static constexpr std::size_t kScales = kScaleCount;  ///< For 32 elements.
  static constexpr std::size_t kPlanes = kPlaneCount;
};

template <DType type>
struct BlockFormat;

/// 16 bytes of nibbles: elements 0 to 15 in the low ones, 16 to 31 in the high ones.
TUTTI_INLINE inline void unpack_nibbles(const RowPointers& rows, std::size_t offset, RowBytes (&codes)[8]) {
  RowBytes packed[4];
  load_16(rows, offset, packed);
  unroll<4>([&](auto i) TUTTI_INLINE {
    codes[i] = packed[i] & 0x0F;
    codes[i + 4] = shift_right<4>(packed[i], 0x0F);
  });
}

/// Adds bit j of a 32-bit word to code j as its fifth bit.
TUTTI_INLINE inline void add_fifth_bits(RowBytes bits, RowBytes (&codes)[8]) {
  unroll<8>([&](auto i) TUTTI_INLINE { codes[i] = codes[i] | spread_bits<4 * i>(bits, 0x10); });
}

template <>
struct BlockFormat<DType::q4_0> : BlockFormatTraits<15, 8, false> {
  template <class Sink>
  TUTTI_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    Block block;
    block.scale[0] = load_half(rows, 0);
    unpack_nibbles(rows, 2, block.codes[0]);
    sink(Constant<0>{}, block);
  }
};

template <>
struct BlockFormat<DType::q4_1> : BlockFormatTraits<15, 0, true> {
  template <class Sink>
  TUTTI_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    Block block;
    load_half_pair(rows, 0, block.scale[0], block.minimum);
    unpack_nibbles(rows, 4, block.codes[0]);
    sink(Constant<0>{}, block);
  }
};

template <>
struct BlockFormat<DType::q5_0> : BlockFormatTraits<31, 16, false> {
  template <class Sink>
  TUTTI_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    Block block;
    block.scale[0] = load_half(rows, 0);
    unpack_nibbles(rows, 6, block.codes[0]);
    add_fifth_bits(load_4(rows, 2), block.codes[0]);
    sink(Constant<0>{}, block);
  }
};

template <>
struct BlockFormat<DType::q5_1> : BlockFormatTraits<31, 0, true> {
  template <class Sink>
  TUTTI_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    Block block;
    load_half_pair(rows, 0, block.scale[0], block.minimum);
    unpack_nibbles(rows, 8, block.codes[0]);
    add_fifth_bits(load_4(rows, 4), block.codes[0]);
    sink(Constant<0>{}, block);
  }
};

/// Signed bytes become unsigned ones by adding 128. Where those are too large for the integer product, the nibbles become
/// two planes of codes.
template <>
struct BlockFormat<DType::q8_0> : BlockFormatTraits<kWideCodes ? 255 : 15, 128, false, 1, kWideCodes ? 1 : 2> {
  template <class Sink>
  TUTTI_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    Block block;
    block.scale[0] = load_half(rows, 0);
    RowBytes bytes[8];
    load_16(rows, 2, bytes);
    load_16(rows, 18, bytes + 4);
    unroll<8>([&](auto i) TUTTI_INLINE {
      const RowBytes positive = bytes[i] ^ 0x80;
      if constexpr (kWideCodes) {
        block.codes[0][i] = positive;
      } else {
        block.codes[0][i] = positive & 0x0F;
        block.codes[1][i] = shift_right<4>(positive, 0x0F);
      }
    });
    sink(Constant<0>{}, block);
  }
};

/// Scales and minima of Q4_K and Q5_K: f16 d, f16 dmin, then eight scales and eight minima of six bits in 12 bytes.
struct SixBitScales {
  RowFloats scale_factor, minimum_factor;
  RowBytes scales[2], minima[2];  ///< Byte j % 4 of entry j / 4 belongs to elements 32 j to 32 j + 31.

  TUTTI_INLINE explicit SixBitScales(const RowPointers& rows) {
    load_half_pair(rows, 0, scale_factor, minimum_factor);
    const RowBytes a = load_4(rows, 4), b = load_4(rows, 8), c = load_4(rows, 12);
    scales[0] = a & 0x3F;
    minima[0] = b & 0x3F;
    scales[1] = (c & 0x0F) | shift_left<4>(shift_right<6>(a, 0x03), 0x03);
    minima[1] = shift_right<4>(c, 0x0F) | shift_left<4>(shift_right<6>(b, 0x03), 0x03);
  }

  template <std::size_t j, class Block>
  TUTTI_INLINE void apply(Block& block) const {
    block.scale[0] = scale_factor * to_floats(unsigned_byte<j % 4>(scales[j / 4]));
    block.minimum = minimum_factor * to_floats(row_broadcast(std::int32_t{0}) - unsigned_byte<j % 4>(minima[j / 4]));
  }
};

template <>
struct BlockFormat<DType::q4_k> : BlockFormatTraits<15, 0, true> {
  template <class Sink>
  TUTTI_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    const SixBitScales scales(rows);
    unroll<4>([&](auto j) TUTTI_INLINE {
      // 32 bytes hold elements 64 j to 64 j + 31 in their low nibbles and the 32 behind them in the high ones.
      RowBytes packed[8];
      load_16(rows, 16 + 32 * j, packed);
      load_16(rows, 32 + 32 * j, packed + 4);
      Block block;
      unroll<8>([&](auto i) TUTTI_INLINE { block.codes[0][i] = packed[i] & 0x0F; });
      scales.apply<2 * j>(block);
      sink(Constant<2 * j>{}, block);
      unroll<8>([&](auto i) TUTTI_INLINE { block.codes[0][i] = shift_right<4>(packed[i], 0x0F); });
      scales.apply<2 * j + 1>(block);
      sink(Constant<2 * j + 1>{}, block);
    });
  }
};

template <>
struct BlockFormat<DType::q5_k> : BlockFormatTraits<31, 0, true> {
  template <class Sink>
  TUTTI_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    const SixBitScales scales(rows);
    RowBytes fifth[8];  // bit j of byte l belongs to element 32 j + l
    load_16(rows, 16, fifth);
    load_16(rows, 32, fifth + 4);
    unroll<8>([&](auto j) TUTTI_INLINE {
      // As in Q4_K.
      RowBytes packed[8];
      load_16(rows, 48 + 32 * (j / 2), packed);
      load_16(rows, 64 + 32 * (j / 2), packed + 4);
      Block block;
      unroll<8>([&](auto i) TUTTI_INLINE {
        block.codes[0][i] = shift_right<4 * (j % 2)>(packed[i], 0x0F) | shift_left<4>(shift_right<j>(fifth[i], 0x01), 0x01);
      });
      scales.apply<j>(block);
      sink(j, block);
    });
  }
};

template <>
struct BlockFormat<DType::q6_k> : BlockFormatTraits<63, 32, false, 2> {
  template <class Sink>
  TUTTI_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    const RowFloats factor = load_half(rows, 208);
    RowBytes scales[4];  // 16 signed bytes, one for 16 elements
    load_16(rows, 192, scales);
    unroll<8>([&](auto j) TUTTI_INLINE {
      // Of each half of the block, elements 0 to 63 take the low nibbles of 64 bytes, elements 64 to 127 the high ones;
      // the two upper bits of element 32 q + l are bits 2 q and 2 q + 1 of byte l of 32 others.
      constexpr std::size_t kHalf = j / 4, kQuarter = j % 4;
      RowBytes low[8], high[8];
      unroll<2>([&](auto i) TUTTI_INLINE {
        load_16(rows, 64 * kHalf + 32 * (kQuarter % 2) + 16 * i, low + 4 * i);
        load_16(rows, 128 + 32 * kHalf + 16 * i, high + 4 * i);
      });
      Block block;
      unroll<8>([&](auto i) TUTTI_INLINE {
        const RowBytes upper = shift_left<4>(shift_right<2 * kQuarter>(high[i], 0x03), 0x03);
        block.codes[0][i] = shift_right<kQuarter / 2 * 4>(low[i], 0x0F) | upper;
      });
      const RowBytes quad = scales[j / 2];
      block.scale[0] = factor * to_floats(signed_byte<2 * (j % 2)>(quad));
      block.scale[1] = factor * to_floats(signed_byte<2 * (j % 2) + 1>(quad));
      sink(j, block);
    });
  }
};

}  // namespace tutti::cpu::detail
