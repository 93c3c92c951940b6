// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the device keeps weights, and how the host prepares them. Floats stay as they are; GGUF's blocks are taken apart, codes here and
// scales there, so that eight weights are always one aligned load. The values are those of formats/dequantize.hpp, to the bit.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tutti/core/float16.hpp"
#include "tutti/core/linear_weights.hpp"
#include "tutti/formats/dequantize.hpp"

namespace tutti::cuda {

/// How the device keeps a matrix of `type`: most types as they are, five-bit codes in bytes.
[[nodiscard]] constexpr DType device_type(DType type) {
  if (type == DType::q5_0) return DType::q8_0;
  if (type == DType::q5_1) return DType::q5_k;
  return type;
}

/// Weights that one thread loads at once; rows are padded with zeros to a multiple.
inline constexpr std::size_t kLoadedWeights = 8;
/// Weights that have their scales together in the quantised types.
inline constexpr std::size_t kScaledWeights = 32;

[[nodiscard]] constexpr std::size_t padded(std::size_t cols) { return (cols + kLoadedWeights - 1) / kLoadedWeights * kLoadedWeights; }

/// Whether the device keeps codes of a quantised type in nibbles; else they are bytes.
[[nodiscard]] constexpr bool has_nibbles(DType type) { return type == DType::q4_0 || type == DType::q4_1 || type == DType::q4_k; }
/// Whether weights of a type that the device has are scale * code + minimum, with codes from 0 on; else scale * code.
[[nodiscard]] constexpr bool has_minimum(DType type) { return type == DType::q4_1 || type == DType::q4_k || type == DType::q5_k; }

/// 32 quantised weights: scale * code + minimum, with one scale for each half.
struct UnpackedGroup {
  int codes[kScaledWeights] = {};
  float scales[2] = {};
  float minimum = 0.0F;
};

namespace detail {

/// A block of 32 whose codes are nibbles, with fifth bits or without; `zero` is the code of 0.
[[nodiscard]] inline UnpackedGroup unpack_nibbles(const std::byte* nibbles, const std::byte* fifth_bits, int zero) {
  UnpackedGroup group;
  for (std::size_t j = 0; j < kScaledWeights; ++j) {
    const std::byte pair = nibbles[j % 16];
    group.codes[j] = (j < 16 ? tutti::detail::low_nibble(pair) : tutti::detail::high_nibble(pair)) - zero;
    if (fifth_bits != nullptr) group.codes[j] += tutti::detail::fifth_bit(fifth_bits, j);
  }
  return group;
}

/// Group `index` of a block of Q4_K or Q5_K.
[[nodiscard]] inline UnpackedGroup unpack_k_group(const std::byte* block, std::size_t index, bool has_fifth_bits) {
  UnpackedGroup group;
  const tutti::detail::GroupScale scale = tutti::detail::group_scale(block + 4, index);
  group.scales[0] = group.scales[1] = tutti::detail::read_half(block) * static_cast<float>(scale.scale);
  group.minimum = -(tutti::detail::read_half(block + 2) * static_cast<float>(scale.minimum));
  const std::byte* quants = block + (has_fifth_bits ? 48 : 16) + index / 2 * 32;
  for (std::size_t l = 0; l < kScaledWeights; ++l) {
    group.codes[l] = index % 2 == 0 ? tutti::detail::low_nibble(quants[l]) : tutti::detail::high_nibble(quants[l]);
    if (has_fifth_bits) group.codes[l] |= tutti::detail::bit(block[16 + l], index) << 4;
  }
  return group;
}

/// Group `index` of a block of Q6_K.
[[nodiscard]] inline UnpackedGroup unpack_q6_group(const std::byte* block, std::size_t index) {
  UnpackedGroup group;
  const std::size_t half = index / 4, run = index % 4;
  for (std::size_t i = 0; i < 2; ++i) {
    group.scales[i] = tutti::detail::read_half(block + 208) * static_cast<float>(static_cast<std::int8_t>(block[192 + 2 * index + i]));
  }
  for (std::size_t l = 0; l < kScaledWeights; ++l) {
    const std::byte nibbles = block[half * 64 + run % 2 * 32 + l];
    const int upper = std::to_integer<int>(block[128 + half * 32 + l] >> (2 * run)) & 3;
    group.codes[l] = ((run < 2 ? tutti::detail::low_nibble(nibbles) : tutti::detail::high_nibble(nibbles)) | (upper << 4)) - 32;
  }
  return group;
}

}  // namespace detail

/// Group `index` of a block, by the layouts of ggml's ggml-common.h, which formats/dequantize.hpp describes.
[[nodiscard]] inline UnpackedGroup unpack_group(DType type, const std::byte* block, std::size_t index) {
  if (type == DType::q4_k || type == DType::q5_k) return detail::unpack_k_group(block, index, type == DType::q5_k);
  if (type == DType::q6_k) return detail::unpack_q6_group(block, index);
  UnpackedGroup group;
  switch (type) {
    case DType::q4_0: group = detail::unpack_nibbles(block + 2, nullptr, 8); break;
    case DType::q4_1: group = detail::unpack_nibbles(block + 4, nullptr, 0); break;
    case DType::q5_0: group = detail::unpack_nibbles(block + 6, block + 2, 16); break;
    case DType::q5_1: group = detail::unpack_nibbles(block + 8, block + 4, 0); break;
    default:
      for (std::size_t j = 0; j < kScaledWeights; ++j) group.codes[j] = static_cast<std::int8_t>(block[2 + j]);
  }
  group.scales[0] = group.scales[1] = tutti::detail::read_half(block);
  if (type == DType::q4_1 || type == DType::q5_1) group.minimum = tutti::detail::read_half(block + 2);
  return group;
}

/// The arrays of a DeviceMatrix in the host's memory.
struct PackedMatrix {
  std::vector<std::byte> weights, scales;
};

namespace detail {

/// Rows of floats, padded with zeros.
inline void pack_floats(const WeightMatrix& matrix, PackedMatrix& packed) {
  const std::size_t element = layout_of(matrix.type).block_bytes, bytes = padded(matrix.cols) * element;
  packed.weights.resize(matrix.rows * bytes);
  for (std::size_t r = 0; r < matrix.rows; ++r) std::memcpy(packed.weights.data() + r * bytes, matrix.row(r), matrix.cols * element);
}

template <class... Values>
void append_bytes(std::vector<std::byte>& bytes, Values... values) {
  const auto append = [&](const auto& value) {
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), from, from + sizeof value);
  };
  (append(values), ...);
}

/// Appends a group as a type of the device.
inline void pack_group(DType type, const UnpackedGroup& group, PackedMatrix& packed) {
  if (has_nibbles(type)) {
    const int zero = has_minimum(type) ? 0 : 8;
    for (std::size_t j = 0; j < kScaledWeights; j += 2) {
      packed.weights.push_back(static_cast<std::byte>((group.codes[j] + zero) | (group.codes[j + 1] + zero) << 4));
    }
  } else {
    for (const int code : group.codes) packed.weights.push_back(static_cast<std::byte>(code));
  }
  switch (type) {
    case DType::q4_1: return append_bytes(packed.scales, to_float16(group.scales[0]), to_float16(group.minimum));
    case DType::q4_k:
    case DType::q5_k: return append_bytes(packed.scales, group.scales[0], group.minimum);
    case DType::q6_k: return append_bytes(packed.scales, group.scales[0], group.scales[1]);
    default: return append_bytes(packed.scales, to_float16(group.scales[0]));
  }
}

}  // namespace detail

[[nodiscard]] inline PackedMatrix pack(const WeightMatrix& matrix) {
  PackedMatrix packed;
  if (!is_quantised(matrix.type)) {
    detail::pack_floats(matrix, packed);
    return packed;
  }
  const DTypeLayout layout = layout_of(matrix.type);
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    for (std::size_t i = 0; i < matrix.cols / kScaledWeights; ++i) {
      const std::size_t groups = layout.block_elements / kScaledWeights;
      const std::byte* block = matrix.row(r) + i / groups * layout.block_bytes;
      detail::pack_group(device_type(matrix.type), unpack_group(matrix.type, block, i % groups), packed);
    }
  }
  return packed;
}

}  // namespace tutti::cuda
