// SPDX-License-Identifier: Apache-2.0
#pragma once
// GGUF's block types for the product of block_product.hpp: how one block of eight weight rows becomes codes, scales and
// minima with one row a lane. Written once over row_lanes.hpp; the layouts are those of ggml's ggml-common.h.
// A weight is scale * (code - kZero) + minimum.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "tutti/backend/cpu/detail/row_lanes.hpp"
#include "tutti/core/tensor.hpp"

namespace tutti::cpu::detail {

/// 32 consecutive elements of eight rows. What a type does not use is never written nor read.
template <class Codes, std::size_t kScaleCount>
struct PanelBlock {
  Codes codes[8];
  RowFloats scale[kScaleCount];
  RowFloats minimum;
};

/// Calls body(constant 0), ..., body(constant count - 1).
template <int count, class Body>
void unroll(Body body) {
  [&]<int... i>(std::integer_sequence<int, i...>) { (body(std::integral_constant<int, i>{}), ...); }
  (std::make_integer_sequence<int, count>{});
}

/// What most types have in common. `kBlocks` is the number of PanelBlocks in one block of the file.
struct BlockFormatDefaults {
  using Block = PanelBlock<RowBytes, 1>;
  static constexpr std::size_t kBlocks = 1;
  static constexpr std::size_t kScales = 1;  ///< For 32 elements.
  static constexpr bool kHasMinimum = false;
  static constexpr bool kSigned = false;     ///< Codes are signed 8-bit integers, else unsigned and at most kLargest.
  static constexpr int kLargest = 15;
  static constexpr int kZero = 0;
};

template <DType type>
struct BlockFormat;

/// 16 bytes of nibbles: elements 0 to 15 in the low ones, 16 to 31 in the high ones.
inline void unpack_nibbles(const RowPointers& rows, std::size_t offset, RowBytes* codes) {
  RowBytes packed[4];
  load_16(rows, offset, packed);
  for (std::size_t i = 0; i < 4; ++i) {
    codes[i] = packed[i] & 0x0F;
    codes[i + 4] = shift_right<4>(packed[i], 0x0F);
  }
}

/// Adds bit j of a 32-bit word to code j as its fifth bit.
inline void add_fifth_bits(RowBytes bits, RowBytes* codes) {
  unroll<8>([&](auto i) { codes[i] = codes[i] | spread_bits<4 * i>(bits, 0x10); });
}

template <>
struct BlockFormat<DType::q4_0> : BlockFormatDefaults {
  static constexpr int kZero = 8;
  static void unpack(const RowPointers& rows, Block* to) {
    to->scale[0] = load_half(rows, 0);
    unpack_nibbles(rows, 2, to->codes);
  }
};

template <>
struct BlockFormat<DType::q4_1> : BlockFormatDefaults {
  static constexpr bool kHasMinimum = true;
  static void unpack(const RowPointers& rows, Block* to) {
    const RowFloatPair pair = load_half_pair(rows, 0);
    to->scale[0] = pair.first;
    to->minimum = pair.second;
    unpack_nibbles(rows, 4, to->codes);
  }
};

template <>
struct BlockFormat<DType::q5_0> : BlockFormatDefaults {
  static constexpr int kLargest = 31;
  static constexpr int kZero = 16;
  static void unpack(const RowPointers& rows, Block* to) {
    to->scale[0] = load_half(rows, 0);
    unpack_nibbles(rows, 6, to->codes);
    add_fifth_bits(load_4(rows, 2), to->codes);
  }
};

template <>
struct BlockFormat<DType::q5_1> : BlockFormatDefaults {
  static constexpr int kLargest = 31;
  static constexpr bool kHasMinimum = true;
  static void unpack(const RowPointers& rows, Block* to) {
    const RowFloatPair pair = load_half_pair(rows, 0);
    to->scale[0] = pair.first;
    to->minimum = pair.second;
    unpack_nibbles(rows, 8, to->codes);
    add_fifth_bits(load_4(rows, 4), to->codes);
  }
};

template <>
struct BlockFormat<DType::q8_0> : BlockFormatDefaults {
  using Block = PanelBlock<RowWords, 1>;
  static constexpr bool kSigned = true;
  static void unpack(const RowPointers& rows, Block* to) {
    to->scale[0] = load_half(rows, 0);
    RowBytes bytes[8];
    load_16(rows, 2, bytes);
    load_16(rows, 18, bytes + 4);
    for (std::size_t i = 0; i < 8; ++i) to->codes[i] = widen_signed(bytes[i]);
  }
};

/// Scales and minima of Q4_K and Q5_K: f16 d, f16 dmin, then eight scales and eight minima of six bits in 12 bytes.
struct SixBitScales {
  RowFloatPair factors;
  RowBytes scales[2], minima[2];  ///< Byte j % 4 of entry j / 4 belongs to elements 32 j to 32 j + 31.

  explicit SixBitScales(const RowPointers& rows) : factors(load_half_pair(rows, 0)) {
    const RowBytes a = load_4(rows, 4), b = load_4(rows, 8), c = load_4(rows, 12);
    scales[0] = a & 0x3F;
    minima[0] = b & 0x3F;
    scales[1] = (c & 0x0F) | shift_left<4>(shift_right<6>(a, 0x03), 0x03);
    minima[1] = shift_right<4>(c, 0x0F) | shift_left<4>(shift_right<6>(b, 0x03), 0x03);
  }

  template <int j>
  void apply(PanelBlock<RowBytes, 1>& block) const {
    block.scale[0] = factors.first * to_floats(unsigned_byte<j % 4>(scales[j / 4]));
    block.minimum = factors.second * to_floats(row_broadcast(std::int32_t{0}) - unsigned_byte<j % 4>(minima[j / 4]));
  }
};

template <>
struct BlockFormat<DType::q4_k> : BlockFormatDefaults {
  static constexpr std::size_t kBlocks = 8;
  static constexpr bool kHasMinimum = true;
  static void unpack(const RowPointers& rows, Block* to) {
    const SixBitScales scales(rows);
    unroll<4>([&](auto j) {
      // 32 bytes hold block 2 j in their low nibbles and block 2 j + 1 in the high ones.
      RowBytes packed[8];
      load_16(rows, 16 + 32 * j, packed);
      load_16(rows, 32 + 32 * j, packed + 4);
      for (std::size_t i = 0; i < 8; ++i) {
        to[2 * j].codes[i] = packed[i] & 0x0F;
        to[2 * j + 1].codes[i] = shift_right<4>(packed[i], 0x0F);
      }
      scales.apply<2 * j>(to[2 * j]);
      scales.apply<2 * j + 1>(to[2 * j + 1]);
    });
  }
};

template <>
struct BlockFormat<DType::q5_k> : BlockFormatDefaults {
  static constexpr std::size_t kBlocks = 8;
  static constexpr bool kHasMinimum = true;
  static constexpr int kLargest = 31;
  static void unpack(const RowPointers& rows, Block* to) {
    const SixBitScales scales(rows);
    RowBytes fifth[8];  // bit j of byte l belongs to element 32 j + l
    load_16(rows, 16, fifth);
    load_16(rows, 32, fifth + 4);
    unroll<4>([&](auto j) {
      RowBytes packed[8];
      load_16(rows, 48 + 32 * j, packed);
      load_16(rows, 64 + 32 * j, packed + 4);
      for (std::size_t i = 0; i < 8; ++i) {
        to[2 * j].codes[i] = (packed[i] & 0x0F) | shift_left<4>(shift_right<2 * j>(fifth[i], 0x01), 0x01);
        to[2 * j + 1].codes[i] = shift_right<4>(packed[i], 0x0F) | shift_left<4>(shift_right<2 * j + 1>(fifth[i], 0x01), 0x01);
      }
      scales.apply<2 * j>(to[2 * j]);
      scales.apply<2 * j + 1>(to[2 * j + 1]);
    });
  }
};

template <>
struct BlockFormat<DType::q6_k> : BlockFormatDefaults {
  using Block = PanelBlock<RowBytes, 2>;
  static constexpr std::size_t kBlocks = 8;
  static constexpr std::size_t kScales = 2;
  static constexpr int kLargest = 63;
  static constexpr int kZero = 32;
  static void unpack(const RowPointers& rows, Block* to) {
    const RowFloats factor = load_half(rows, 208);
    RowBytes scales[4];  // 16 signed bytes, one for 16 elements
    load_16(rows, 192, scales);
    unroll<2>([&](auto half) {
      RowBytes low[16], high[8];
      for (std::size_t i = 0; i < 4; ++i) load_16(rows, 64 * half + 16 * i, low + 4 * i);
      for (std::size_t i = 0; i < 2; ++i) load_16(rows, 128 + 32 * half + 16 * i, high + 4 * i);
      unroll<4>([&](auto j) {
        // Blocks 0 and 1 of the half take the low nibbles of its first and second 32 bytes, 2 and 3 the high ones.
        Block& block = to[4 * half + j];
        for (std::size_t i = 0; i < 8; ++i) {
          const RowBytes nibbles = shift_right<j / 2 * 4>(low[8 * (j % 2) + i], 0x0F);
          block.codes[i] = nibbles | shift_left<4>(shift_right<2 * j>(high[i], 0x03), 0x03);
        }
        constexpr int kFirstScale = 2 * j % 4;
        const RowBytes quad = scales[2 * half + j / 2];
        block.scale[0] = factor * to_floats(signed_byte<kFirstScale>(quad));
        block.scale[1] = factor * to_floats(signed_byte<kFirstScale + 1>(quad));
      });
    });
  }
};

}  // namespace tutti::cpu::detail
