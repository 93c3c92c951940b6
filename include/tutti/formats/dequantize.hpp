// SPDX-License-Identifier: Apache-2.0
#pragma once
// Elements of model files as float, for every DType: one scalar loop a format, written to be read. The fast kernels are tested
// against it. Block layouts: ggml's ggml-common.h. A product of a block's f16 scale (11 bits) with a sub-scale (at most 7) and a
// quant (at most 5) is exact in float, so at most one rounding is left and the results are the same bits everywhere.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tutti/core/float16.hpp"
#include "tutti/core/tensor.hpp"

namespace tutti {

namespace detail {

[[nodiscard]] inline float read_half(const std::byte* at) {
  Float16 half;
  std::memcpy(&half, at, sizeof(half));
  return to_float(half);
}

[[nodiscard]] inline int low_nibble(std::byte b) { return std::to_integer<int>(b & std::byte{15}); }
[[nodiscard]] inline int high_nibble(std::byte b) { return std::to_integer<int>(b >> 4); }
[[nodiscard]] inline int bit(std::byte b, std::size_t index) { return std::to_integer<int>((b >> index) & std::byte{1}); }

/// Every simple format keeps elements j and j + 16 of a block of 32 in the low and the high nibble of byte j.
template <class Value>
void unpack_nibbles(const std::byte* quants, float* y, Value value) {
  for (std::size_t j = 0; j < 16; ++j) {
    y[j] = value(j, low_nibble(quants[j]));
    y[j + 16] = value(j + 16, high_nibble(quants[j]));
  }
}

/// The fifth bit of element j, one bit each in four bytes, where it belongs in a quant.
[[nodiscard]] inline int fifth_bit(const std::byte* high_bits, std::size_t j) { return bit(high_bits[j / 8], j % 8) << 4; }

/// f16 d, nibbles[16]
inline void dequantize_q4_0(const std::byte* block, float* y) {
  const float d = read_half(block);
  unpack_nibbles(block + 2, y, [&](std::size_t, int q) { return static_cast<float>(q - 8) * d; });
}

/// f16 d, f16 m, nibbles[16]
inline void dequantize_q4_1(const std::byte* block, float* y) {
  const float d = read_half(block);
  const float m = read_half(block + 2);
  unpack_nibbles(block + 4, y, [&](std::size_t, int q) { return static_cast<float>(q) * d + m; });
}

/// f16 d, u32 fifth bits, nibbles[16]
inline void dequantize_q5_0(const std::byte* block, float* y) {
  const float d = read_half(block);
  unpack_nibbles(block + 6, y, [&](std::size_t j, int q) { return static_cast<float>((q | fifth_bit(block + 2, j)) - 16) * d; });
}

/// f16 d, f16 m, u32 fifth bits, nibbles[16]
inline void dequantize_q5_1(const std::byte* block, float* y) {
  const float d = read_half(block);
  const float m = read_half(block + 2);
  unpack_nibbles(block + 8, y, [&](std::size_t j, int q) { return static_cast<float>(q | fifth_bit(block + 4, j)) * d + m; });
}

/// f16 d, i8 quants[32]
inline void dequantize_q8_0(const std::byte* block, float* y) {
  const float d = read_half(block);
  for (std::size_t j = 0; j < 32; ++j) y[j] = static_cast<float>(static_cast<std::int8_t>(block[2 + j])) * d;
}

/// Scale and minimum, six bits each, of the eight groups of a K block, packed into 12 bytes: the first four whole in the low bits
/// of bytes 0 to 7, the last four as nibbles in bytes 8 to 11 with their upper two bits on top of bytes 0 to 7.
struct GroupScale {
  int scale;
  int minimum;
};

[[nodiscard]] inline GroupScale group_scale(const std::byte* packed, std::size_t group) {
  const auto at = [&](std::size_t i) { return std::to_integer<int>(packed[i]); };
  if (group < 4) return {at(group) & 63, at(group + 4) & 63};
  return {(at(group + 4) & 15) | ((at(group - 4) >> 6) << 4), (at(group + 4) >> 4) | ((at(group) >> 6) << 4)};
}

/// f16 d, f16 minimum scale, scales[12], [fifth bits[32],] nibbles[128]. A group is 32 elements; groups 2k and 2k + 1 are the low and
/// the high nibbles of the same 32 bytes; the fifth bit of element l of a group is bit `group` of byte l.
template <bool kHasFifthBits>
void dequantize_q4_k_or_q5_k(const std::byte* block, float* y) {
  const float d = read_half(block);
  const float d_minimum = read_half(block + 2);
  const std::byte* fifth_bits = block + 16;
  const std::byte* quants = block + (kHasFifthBits ? 48 : 16);
  for (std::size_t group = 0; group < 8; ++group) {
    const GroupScale scale = group_scale(block + 4, group);
    const float step = d * static_cast<float>(scale.scale);
    const float minimum = d_minimum * static_cast<float>(scale.minimum);
    for (std::size_t l = 0; l < 32; ++l) {
      const std::byte pair = quants[group / 2 * 32 + l];
      int q = group % 2 == 0 ? low_nibble(pair) : high_nibble(pair);
      if constexpr (kHasFifthBits) q |= bit(fifth_bits[l], group) << 4;
      y[group * 32 + l] = step * static_cast<float>(q) - minimum;
    }
  }
}

/// low nibbles[128], upper bit pairs[64], i8 scales[16], f16 d; a scale is for 16 elements. Each half of 128 elements has 64 bytes of
/// nibbles and 32 of bit pairs: its four runs of 32 take the low nibbles of bytes 0 to 31 and 32 to 63, then the high ones.
inline void dequantize_q6_k(const std::byte* block, float* y) {
  const float d = read_half(block + 208);
  for (std::size_t element = 0; element < 256; ++element) {
    const std::size_t half = element / 128;
    const std::size_t run = element % 128 / 32;
    const std::size_t l = element % 32;
    const std::byte nibbles = block[half * 64 + run % 2 * 32 + l];
    const int upper = std::to_integer<int>(block[128 + half * 32 + l] >> (2 * run)) & 3;
    const int q = ((run < 2 ? low_nibble(nibbles) : high_nibble(nibbles)) | (upper << 4)) - 32;
    const auto scale = static_cast<std::int8_t>(block[192 + element / 16]);
    y[element] = d * static_cast<float>(scale) * static_cast<float>(q);
  }
}

template <class Half>
void widen(const std::byte* source, std::size_t elements, float* destination) {
  for (std::size_t i = 0; i < elements; ++i) {
    Half half;
    std::memcpy(&half, source + i * sizeof(half), sizeof(half));
    destination[i] = to_float(half);
  }
}

}  // namespace detail

/// Writes `elements` consecutive elements at `source`, a multiple of the type's block, to `destination`. `source` may be unaligned.
inline void dequantize_row(DType type, const std::byte* source, std::size_t elements, float* destination) {
  const auto each_block = [&](auto dequantize_block) {
    const DTypeLayout layout = layout_of(type);
    for (std::size_t i = 0; i < elements; i += layout.block_elements, source += layout.block_bytes) {
      dequantize_block(source, destination + i);
    }
  };
  switch (type) {
    case DType::f32: std::memcpy(destination, source, elements * sizeof(float)); break;
    case DType::f16: detail::widen<Float16>(source, elements, destination); break;
    case DType::bf16: detail::widen<BFloat16>(source, elements, destination); break;
    case DType::q4_0: each_block(detail::dequantize_q4_0); break;
    case DType::q4_1: each_block(detail::dequantize_q4_1); break;
    case DType::q5_0: each_block(detail::dequantize_q5_0); break;
    case DType::q5_1: each_block(detail::dequantize_q5_1); break;
    case DType::q8_0: each_block(detail::dequantize_q8_0); break;
    case DType::q4_k: each_block(detail::dequantize_q4_k_or_q5_k<false>); break;
    case DType::q5_k: each_block(detail::dequantize_q4_k_or_q5_k<true>); break;
    case DType::q6_k: each_block(detail::dequantize_q6_k); break;
  }
}

}  // namespace tutti
