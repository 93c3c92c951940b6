// SPDX-License-Identifier: Apache-2.0
#pragma once
// Unpacks GGUF's quantized blocks into codes and scales: the reference description of their
// layouts. Conversions, embeddings and the Cuda backend use it, and the Cpu backend's fast readers
// are tested against it. Layouts: ggml's ggml-common.h.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tutti/base/numeric/float16.hpp"
#include "tutti/base/tensor.hpp"

namespace tutti {

/// Weights unpacked together: a whole block, or an eighth of a K block's 256.
inline constexpr std::size_t kGroupWeights = 32;

/// Whether weights of a quantized type are scale * code + minimum with codes >= 0, rather than
/// scale * code.
[[nodiscard]] constexpr bool has_minimum(DType type) {
  return type == DType::q4_1 || type == DType::q5_1 || type == DType::q4_k || type == DType::q5_k;
}

/// 32 consecutive weights: element j is scales[j / 16] * codes[j] + minimum. The product is exact
/// in float, since an f16 scale has 11 significant bits and a code 7; in K blocks, whose f16 scale
/// has a factor of at most 7 bits, a code has 5.
struct QuantizedGroup {
  std::int8_t codes[kGroupWeights] = {};
  float scales[2] = {};
  float minimum = 0.0F;
};

namespace detail {

// Loops below run over local bytes, so that compilers vectorize them without checks for aliasing.

[[nodiscard]] inline float read_half(const std::byte* at) {
  Float16 half;
  std::memcpy(&half, at, sizeof(half));
  return to_float(half);
}

[[nodiscard]] inline int nibble(std::byte b, bool high) {
  return std::to_integer<int>(high ? b >> 4 : b & std::byte{15});
}
/// The `count` bits of `b` from bit `begin` on.
[[nodiscard]] inline int bits(std::byte b, std::size_t begin, int count) {
  return std::to_integer<int>(b >> begin) & ((1 << count) - 1);
}

/// Copies bytes of a file, and the low or the high nibbles of `count` bytes.
template <std::size_t count>
void read_bytes(const std::byte* from, std::uint8_t (&to)[count]) {
  std::memcpy(to, from, count);
}
template <std::size_t count>
void read_nibbles(const std::byte* from, bool high, std::uint8_t* to) {
  std::uint8_t packed[count];
  read_bytes(from, packed);
  if (high) {
    for (std::size_t j = 0; j < count; ++j) to[j] = static_cast<std::uint8_t>(packed[j] >> 4);
  } else {
    for (std::size_t j = 0; j < count; ++j) to[j] = packed[j] & 15;
  }
}

/// Codes less the code of zero.
template <int kZero>
void set_codes(const std::uint8_t (&codes)[kGroupWeights], QuantizedGroup& group) {
  for (std::size_t j = 0; j < kGroupWeights; ++j)
    group.codes[j] = static_cast<std::int8_t>(codes[j] - kZero);
}

/// Q4_0, Q4_1, Q5_0, Q5_1: f16 d, [f16 minimum,] [u32 fifth bits,] nibbles[16]. Elements j and j +
/// 16 are in the low and the high nibble of byte j; without a minimum, the code of zero is in the
/// middle.
template <bool kHasMinimum, bool kHasFifthBits>
[[nodiscard]] QuantizedGroup read_nibble_block(const std::byte* block) {
  constexpr int kZero = kHasMinimum ? 0 : (kHasFifthBits ? 16 : 8);
  const std::byte* fifth_bits = block + (kHasMinimum ? 4 : 2);
  const std::byte* nibbles = fifth_bits + (kHasFifthBits ? 4 : 0);
  std::uint8_t codes[kGroupWeights];
  read_nibbles<16>(nibbles, false, codes);
  read_nibbles<16>(nibbles, true, codes + 16);
  if constexpr (kHasFifthBits) {
    std::uint8_t spread[kGroupWeights];  // each of the four bytes eight times
    for (std::size_t i = 0; i < 4; ++i)
      std::memset(spread + 8 * i, std::to_integer<int>(fifth_bits[i]), 8);
    constexpr std::uint8_t kBit[kGroupWeights] = {1,  2,   4,  8,  16,  32, 64, 128, 1,  2,  4,
                                                  8,  16,  32, 64, 128, 1,  2,  4,   8,  16, 32,
                                                  64, 128, 1,  2,  4,   8,  16, 32,  64, 128};
    for (std::size_t j = 0; j < kGroupWeights; ++j)
      codes[j] |= (spread[j] & kBit[j]) != 0 ? std::uint8_t{16} : std::uint8_t{0};
  }
  QuantizedGroup group;
  set_codes<kZero>(codes, group);
  group.scales[0] = group.scales[1] = read_half(block);
  if constexpr (kHasMinimum) group.minimum = read_half(block + 2);
  return group;
}

/// Q8_0: f16 d, i8 codes[32]
[[nodiscard]] inline QuantizedGroup read_byte_block(const std::byte* block) {
  QuantizedGroup group;
  std::memcpy(group.codes, block + 2, sizeof group.codes);
  group.scales[0] = group.scales[1] = read_half(block);
  return group;
}

/// Scale and minimum, six bits each, of the eight groups of a K block, packed into 12 bytes: the
/// first four whole in the low bits of bytes 0 to 7, the last four as nibbles in bytes 8 to 11 with
/// their upper two bits on top of bytes 0 to 7.
struct GroupScale {
  int scale;
  int minimum;
};

[[nodiscard]] inline GroupScale group_scale(const std::byte* packed, std::size_t group) {
  if (group < 4) return {bits(packed[group], 0, 6), bits(packed[group + 4], 0, 6)};
  const int scale = nibble(packed[group + 4], false) | (bits(packed[group - 4], 6, 2) << 4);
  const int minimum = nibble(packed[group + 4], true) | (bits(packed[group], 6, 2) << 4);
  return {scale, minimum};
}

/// Q4_K, Q5_K: f16 d, f16 minimum scale, scales[12], [fifth bits[32],] nibbles[128]. Groups 2k and
/// 2k + 1 are the low and the high nibbles of the same 32 bytes; the fifth bit of element j of a
/// group is bit `group` of byte j.
template <bool kHasFifthBits>
[[nodiscard]] QuantizedGroup read_k_group(const std::byte* block, std::size_t index) {
  const std::byte* fifth_bits = block + 16;
  const std::byte* nibbles = block + (kHasFifthBits ? 48 : 16) + index / 2 * 32;
  const GroupScale scale = group_scale(block + 4, index);
  std::uint8_t codes[kGroupWeights];
  read_nibbles<kGroupWeights>(nibbles, index % 2 == 1, codes);
  if constexpr (kHasFifthBits) {
    std::uint8_t fifth[kGroupWeights];
    read_bytes(fifth_bits, fifth);
    const auto bit = static_cast<std::uint8_t>(1U << index);
    for (std::size_t j = 0; j < kGroupWeights; ++j)
      codes[j] |= (fifth[j] & bit) != 0 ? std::uint8_t{16} : std::uint8_t{0};
  }
  QuantizedGroup group;
  set_codes<0>(codes, group);
  group.scales[0] = group.scales[1] = read_half(block) * static_cast<float>(scale.scale);
  group.minimum = -(read_half(block + 2) * static_cast<float>(scale.minimum));
  return group;
}

/// Q6_K: low nibbles[128], upper bit pairs[64], i8 scales[16], f16 d; a scale is for 16 elements.
/// Each half of 128 elements has 64 bytes of nibbles and 32 of bit pairs: its four groups take the
/// low nibbles of bytes 0 to 31 and 32 to 63, then the high ones.
template <std::size_t quarter>
[[nodiscard]] QuantizedGroup read_q6_group(const std::byte* block, std::size_t half) {
  const std::byte* scales = block + 192 + half * 8 + quarter * 2;
  std::uint8_t codes[kGroupWeights];
  read_nibbles<kGroupWeights>(block + half * 64 + quarter % 2 * 32, quarter >= 2, codes);
  std::uint8_t upper[kGroupWeights];
  read_bytes(block + 128 + half * 32, upper);
  for (std::size_t j = 0; j < kGroupWeights; ++j)
    codes[j] |= static_cast<std::uint8_t>((upper[j] >> 2 * quarter & 3) << 4);
  QuantizedGroup group;
  set_codes<32>(codes, group);
  const float scale = read_half(block + 208);
  for (std::size_t i = 0; i < 2; ++i)
    group.scales[i] = scale * static_cast<float>(static_cast<std::int8_t>(scales[i]));
  return group;
}
[[nodiscard]] inline QuantizedGroup read_q6_group(const std::byte* block, std::size_t index) {
  switch (index % 4) {
    case 0: return read_q6_group<0>(block, index / 4);
    case 1: return read_q6_group<1>(block, index / 4);
    case 2: return read_q6_group<2>(block, index / 4);
    default: return read_q6_group<3>(block, index / 4);
  }
}

}  // namespace detail

/// Group `index` of a block of a quantized type, which may be unaligned.
[[nodiscard]] inline QuantizedGroup read_group(DType type, const std::byte* block,
                                               std::size_t index) {
  switch (type) {
    case DType::q4_0: return detail::read_nibble_block<false, false>(block);
    case DType::q4_1: return detail::read_nibble_block<true, false>(block);
    case DType::q5_0: return detail::read_nibble_block<false, true>(block);
    case DType::q5_1: return detail::read_nibble_block<true, true>(block);
    case DType::q8_0: return detail::read_byte_block(block);
    case DType::q4_k: return detail::read_k_group<false>(block, index);
    case DType::q5_k: return detail::read_k_group<true>(block, index);
    case DType::q6_k: return detail::read_q6_group(block, index);
    case DType::f32:
    case DType::f16:
    case DType::bf16: break;
  }
  return {};  // dense types have no groups
}

/// Calls take(group) for every group of a row of `elements` at `row`, a multiple of the type's
/// block, in order.
template <class Take>
void each_group(DType type, const std::byte* row, std::size_t elements, Take take) {
  const DTypeLayout layout = layout_of(type);
  for (std::size_t i = 0; i < elements; i += layout.block_elements, row += layout.block_bytes) {
    for (std::size_t index = 0; index < layout.block_elements / kGroupWeights; ++index)
      take(read_group(type, row, index));
  }
}

}  // namespace tutti
