// SPDX-License-Identifier: Apache-2.0
#pragma once
// Unpacking of GGUF's block types for block_product.hpp: one block of kPanelRows weight rows
// becomes codes, scales and minima with one row per lane. Written once over row_lanes.hpp; the
// layouts are those of ggml's ggml-common.h. A weight is scale * (code - kZero) + minimum.

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "tutti/backend/cpu/simd/row_lanes.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"
#include "tutti/base/tensor.hpp"

#if defined(TUTTI_HAS_ROW_LANES)

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Nothing, where a type has no minimum.
struct NoMinimum {};

/// 32 consecutive elements of kPanelRows rows. A second plane of codes counts sixteenfold.
template <std::size_t kPlanes, std::size_t kScales, bool kHasMinimum>
struct PanelBlock {
  RowBytes codes[kPlanes][8];
  RowFloats scale[kScales];
  [[no_unique_address]] std::conditional_t<kHasMinimum, RowFloats, NoMinimum> minimum;
};

/// Traits of a type. Its static function `unpack(rows, sink)` reads one block of the file and calls
/// sink(i, block) for each 32 elements of it, i counting from 0. The caller decides whether blocks
/// are stored or used directly in registers.
template <int kLargestCode, int kZeroCode, bool kMinimum, std::size_t kScaleCount = 1,
          std::size_t kPlaneCount = 1>
struct BlockFormatTraits {
  using Traits = BlockFormatTraits;
  using Block = PanelBlock<kPlaneCount, kScaleCount, kMinimum>;
  static constexpr int kLargest = kLargestCode;
  static constexpr int kZero = kZeroCode;
  static constexpr bool kHasMinimum = kMinimum;
  static constexpr std::size_t kScales = kScaleCount;  ///< For 32 elements.
  static constexpr std::size_t kPlanes = kPlaneCount;
};

template <DType type>
struct BlockFormat;

/// Calls body(i) for i = 0, ..., count - 1: in straight code where the panel has sixteen rows,
/// which have registers enough.
template <std::size_t count, class Body>
TUTTI_ALWAYS_INLINE inline void repeat(Body body) {
  if constexpr (kPanelRows == 16) {
    unroll<count>(body);
  } else {
    for (std::size_t i = 0; i < count; ++i) body(i);
  }
}

/// 16 bytes of nibbles: elements 0 to 15 in the low ones, 16 to 31 in the high ones.
TUTTI_ALWAYS_INLINE inline void unpack_nibbles(const RowPointers& rows, std::size_t offset,
                                               RowBytes (&codes)[8]) {
  RowBytes packed[4];
  load_16(rows, offset, packed);
  unroll<4>([&](auto i) TUTTI_ALWAYS_INLINE {
    codes[i] = packed[i] & 0x0F;
    codes[i + 4] = shift_right<4>(packed[i], 0x0F);
  });
}

/// Adds bit j of a 32-bit word to code j as its fifth bit.
TUTTI_ALWAYS_INLINE inline void add_fifth_bits(RowBytes bits, RowBytes (&codes)[8]) {
  unroll<8>([&](auto i)
                TUTTI_ALWAYS_INLINE { codes[i] = codes[i] | spread_bits<4 * i>(bits, 0x10); });
}

template <>
struct BlockFormat<DType::q4_0> : BlockFormatTraits<15, 8, false> {
  template <class Sink>
  TUTTI_ALWAYS_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    Block block;
    block.scale[0] = load_half(rows, 0);
    unpack_nibbles(rows, 2, block.codes[0]);
    sink(std::size_t{0}, block);
  }
};

template <>
struct BlockFormat<DType::q4_1> : BlockFormatTraits<15, 0, true> {
  template <class Sink>
  TUTTI_ALWAYS_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    Block block;
    split_halves(load_4(rows, 0), block.scale[0], block.minimum);
    unpack_nibbles(rows, 4, block.codes[0]);
    sink(std::size_t{0}, block);
  }
};

template <>
struct BlockFormat<DType::q5_0> : BlockFormatTraits<31, 16, false> {
  template <class Sink>
  TUTTI_ALWAYS_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    Block block;
    RowBytes head[4];  // the scale, the fifth bits, codes
    load_16(rows, 0, head);
    block.scale[0] = load_half(rows, 0);
    unpack_nibbles(rows, 6, block.codes[0]);
    add_fifth_bits(join_halves(head[0], head[1]), block.codes[0]);
    sink(std::size_t{0}, block);
  }
};

template <>
struct BlockFormat<DType::q5_1> : BlockFormatTraits<31, 0, true> {
  template <class Sink>
  TUTTI_ALWAYS_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    Block block;
    RowBytes head[4];  // the scale and the minimum; the fifth bits; codes
    load_16(rows, 0, head);
    split_halves(head[0], block.scale[0], block.minimum);
    unpack_nibbles(rows, 8, block.codes[0]);
    add_fifth_bits(head[1], block.codes[0]);
    sink(std::size_t{0}, block);
  }
};

/// Signed bytes, which are codes already if those have a sign; else they become unsigned ones by
/// adding 128. Where those are too large for the integer product, the nibbles become two planes of
/// codes.
template <>
struct BlockFormat<DType::q8_0>
    : BlockFormatTraits<kSignedCodes ? 128 : (kWideCodes ? 255 : 15), kSignedCodes ? 0 : 128, false,
                        1, kWideCodes ? 1 : 2> {
  template <class Sink>
  TUTTI_ALWAYS_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    Block block;
    block.scale[0] = load_half(rows, 0);
    RowBytes bytes[8];
    load_32(rows, 2, bytes);
    unroll<8>([&](auto i) TUTTI_ALWAYS_INLINE {
      const RowBytes positive = bytes[i] ^ 0x80;
      if constexpr (kSignedCodes) {
        block.codes[0][i] = bytes[i];
      } else if constexpr (kWideCodes) {
        block.codes[0][i] = positive;
      } else {
        block.codes[0][i] = positive & 0x0F;
        block.codes[1][i] = shift_right<4>(positive, 0x0F);
      }
    });
    sink(std::size_t{0}, block);
  }
};

/// Scales and minima of Q4_K and Q5_K: f16 d, f16 dmin, then eight scales and eight minima of six
/// bits in 12 bytes.
struct SixBitScales {
  RowFloats scale[8], minimum[8];

  TUTTI_ALWAYS_INLINE explicit SixBitScales(const RowPointers& rows) {
    RowBytes head[4];
    load_16(rows, 0, head);
    RowFloats scale_factor, minimum_factor;
    split_halves(head[0], scale_factor, minimum_factor);
    const RowBytes a = head[1], b = head[2], c = head[3];
    const RowBytes scales[2] = {a & 0x3F,
                                (c & 0x0F) | shift_left<4>(shift_right<6>(a, 0x03), 0x03)};
    const RowBytes minima[2] = {
        b & 0x3F, shift_right<4>(c, 0x0F) | shift_left<4>(shift_right<6>(b, 0x03), 0x03)};
    unroll<8>([&](auto j) TUTTI_ALWAYS_INLINE {
      scale[j] = scale_factor * to_floats(unsigned_byte<j % 4>(scales[j / 4]));
      minimum[j] = minimum_factor *
                   to_floats(row_broadcast(std::int32_t{0}) - unsigned_byte<j % 4>(minima[j / 4]));
    });
  }
};

template <>
struct BlockFormat<DType::q4_k> : BlockFormatTraits<15, 0, true> {
  template <class Sink>
  TUTTI_ALWAYS_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    const SixBitScales scales(rows);
    repeat<4>([&](std::size_t pair) TUTTI_ALWAYS_INLINE {
      // 32 bytes hold block j in their low nibbles and block j + 1 in the high ones.
      const std::size_t j = 2 * pair;
      RowBytes packed[8];
      load_32(rows, 16 + 16 * j, packed);
      unroll<2>([&](auto high) TUTTI_ALWAYS_INLINE {
        Block block;
        unroll<8>([&](auto i) TUTTI_ALWAYS_INLINE {
          block.codes[0][i] = shift_right<4 * high>(packed[i], 0x0F);
        });
        block.scale[0] = scales.scale[j + high];
        block.minimum = scales.minimum[j + high];
        sink(j + high, block);
      });
    });
  }
};

template <>
struct BlockFormat<DType::q5_k> : BlockFormatTraits<31, 0, true> {
  template <class Sink>
  TUTTI_ALWAYS_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    const SixBitScales scales(rows);
    RowBytes fifth[8];  // bit j of byte l belongs to element l of block j
    load_32(rows, 16, fifth);
    repeat<4>([&](std::size_t pair) TUTTI_ALWAYS_INLINE {
      const std::size_t j = 2 * pair;
      RowBytes packed[8];  // as in Q4_K
      load_32(rows, 48 + 16 * j, packed);
      unroll<2>([&](auto high) TUTTI_ALWAYS_INLINE {
        Block block;
        unroll<8>([&](auto i) TUTTI_ALWAYS_INLINE {
          block.codes[0][i] = shift_right<4 * high>(packed[i], 0x0F) |
                              shift_left<4>(shift_right<high>(fifth[i], 0x01), 0x01);
        });
        block.scale[0] = scales.scale[j + high];
        block.minimum = scales.minimum[j + high];
        sink(j + high, block);
      });
      unroll<8>([&](auto i) TUTTI_ALWAYS_INLINE { fifth[i] = shift_right<2>(fifth[i], 0x3F); });
    });
  }
};

template <>
struct BlockFormat<DType::q6_k> : BlockFormatTraits<63, 32, false, 2> {
  template <class Sink>
  TUTTI_ALWAYS_INLINE static void unpack(const RowPointers& rows, Sink sink) {
    const RowFloats factor = load_half(rows, 208);
    RowFloats scales[16];  // signed bytes, one for 16 elements
    RowBytes quads[4];
    load_16(rows, 192, quads);
    unroll<16>([&](auto i) TUTTI_ALWAYS_INLINE {
      scales[i] = factor * to_floats(signed_byte<i % 4>(quads[i / 4]));
    });
    repeat<2>([&](std::size_t half) TUTTI_ALWAYS_INLINE {
      const std::size_t j = 4 * half;
      // Blocks j and j + 1 take the low nibbles of 64 bytes, j + 2 and j + 3 the high ones; two
      // upper bits for each of the four blocks are in 32 bytes more.
      RowBytes low[2][8], high[8];
      load_32(rows, 16 * j, low[0]);
      load_32(rows, 16 * j + 32, low[1]);
      load_32(rows, 128 + 8 * j, high);
      repeat<2>([&](std::size_t pair) TUTTI_ALWAYS_INLINE {
        const std::size_t upper = 2 * pair;
        unroll<2>([&](auto second) TUTTI_ALWAYS_INLINE {
          Block block;
          unroll<8>([&](auto i) TUTTI_ALWAYS_INLINE {
            block.codes[0][i] = (low[second][i] & 0x0F) |
                                shift_left<4>(shift_right<2 * second>(high[i], 0x03), 0x03);
            low[second][i] = shift_right<4>(low[second][i], 0x0F);
          });
          block.scale[0] = scales[2 * (j + upper + second)];
          block.scale[1] = scales[2 * (j + upper + second) + 1];
          sink(j + upper + second, block);
        });
        unroll<8>([&](auto i) TUTTI_ALWAYS_INLINE { high[i] = shift_right<4>(high[i], 0x0F); });
      });
    });
  }
};

}  // namespace tutti::cpu::detail::inline TUTTI_ABI

#endif
