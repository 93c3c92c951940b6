// SPDX-License-Identifier: Apache-2.0
#pragma once
// Kernels that derive the forms of one activation row that products read (activations.hpp): split
// or rounded for bfloat16 weights, quantized to 8 bits for GGUF's block types with the rounding of
// ggml, so that results follow llama.cpp's.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "tutti/backend/cpu/activations.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Codes of kScaleBlock elements: x * inverse_scale to the nearest integer, halves to even; the
/// sums of each 16 of them. What is not finite gets any code.
inline void encode(const float* x, float inverse_scale, std::int8_t* codes, std::int32_t* sums) {
  static_assert(kScaleBlock == 2 * kSumBlock && kSumBlock % kLanes == 0);
  FloatLanes halves[2] = {broadcast(0.0F), broadcast(0.0F)};
  for (std::size_t i = 0; i < kScaleBlock; i += kLanes) {
    const FloatLanes code = min(
        max(round(load(x + i) * broadcast(inverse_scale)), broadcast(-127.0F)), broadcast(127.0F));
    store_bytes(codes + i, code);
    halves[i / kSumBlock] = halves[i / kSumBlock] + code;
  }
  alignas(16) float totals[4];
  store_sums(totals, halves[0], halves[1], halves[0], halves[1]);
  sums[0] = static_cast<std::int32_t>(totals[0]);
  sums[1] = static_cast<std::int32_t>(totals[1]);
}

/// NaN if any element is.
[[nodiscard]] inline float largest_magnitude(const float* x, std::size_t count) {
  FloatLanes largest = broadcast(0.0F);
  for (std::size_t i = 0; i < count; i += kLanes)
    largest = max_magnitude(largest, abs(load(x + i)));
  return cpu::largest_magnitude(largest);
}

/// ggml's quantize_row_q8_0 and quantize_row_q8_1, of `count` elements: the scale is rounded to 16
/// bits, as is the scaled sum. A NaN or an infinity among the elements of a block makes both NaN or
/// infinite, and so every product.
inline void quantize_blocks(const float* x, std::size_t count, std::int8_t* codes, float* scales,
                            float* scaled_sums, std::int32_t* sums) {
  const std::size_t blocks = count / kScaleBlock;
  // In passes over all blocks: one by one, each would wait for its own reductions and divisions.
  for (std::size_t block = 0; block < blocks; ++block)
    scales[block] = largest_magnitude(x + block * kScaleBlock, kScaleBlock);
  float* inverse_scales = scaled_sums;
  for_vectors(blocks, [&](std::size_t, auto get, auto put) {
    const FloatLanes zero = broadcast(0.0F), largest = get(scales);
    put(inverse_scales, select_less(zero, largest, broadcast(127.0F) / largest, zero));
    put(scales, largest / broadcast(127.0F));
  });
  for (std::size_t block = 0; block < blocks; ++block) {
    std::int32_t* block_sums = sums + block * kScaleBlock / kSumBlock;
    encode(x + block * kScaleBlock, inverse_scales[block], codes + block * kScaleBlock, block_sums);
    scaled_sums[block] = scales[block] * static_cast<float>(block_sums[0] + block_sums[1]);
  }
  for_vectors(blocks, [&](std::size_t, auto get, auto put) {
    put(scales, round_to_half(get(scales)));
    put(scaled_sums, round_to_half(get(scaled_sums)));
  });
}

/// ggml's quantize_row_q8_K: the element of largest magnitude becomes -127.
inline void quantize_superblock(const float* x, std::int8_t* codes, float* scales,
                                float* scaled_sums, std::int32_t* sums) {
  const float largest = largest_magnitude(x, kSuperblock);
  const float* extreme = std::find_if(x, x + kSuperblock,
                                      [&](float value) { return std::fabs(value) == largest; });
  const float inverse_scale = largest > 0.0F ? -127.0F / *extreme : 0.0F;
  const float scale = largest > 0.0F ? 1.0F / inverse_scale : largest;
  for (std::size_t block = 0; block < kSuperblock / kScaleBlock; ++block) {
    const std::size_t first = block * kScaleBlock;
    std::int32_t* block_sums = sums + first / kSumBlock;
    encode(x + first, inverse_scale, codes + first, block_sums);
    scales[block] = scale;
    scaled_sums[block] = scale * static_cast<float>(block_sums[0] + block_sums[1]);
  }
}

/// In each 2 * kLanes floats first the even ones, then the odd ones, for load_even and load_odd.
inline void split_even_odd(const float* x, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; i += 2 * kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      to[i + lane] = x[i + 2 * lane];
      to[i + kLanes + lane] = x[i + 2 * lane + 1];
    }
  }
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI

namespace tutti::cpu::inline TUTTI_ABI {

/// Derives the forms of `row` that have memory.
inline void prepare_activations(const ActivationRow& row) {
  std::fill(row.x + row.cols, row.x + row.stride, 0.0F);
  if (row.even_odd != nullptr) detail::split_even_odd(row.x, row.stride, row.even_odd);
  if (row.bfloat16 != nullptr) {
    for (std::size_t i = 0; i < row.stride; i += kLanes)
      store_bfloat16(row.bfloat16 + i, load(row.x + i));
  }
  if (const QuantizedOutput& to = row.blocks; to.codes != nullptr)
    detail::quantize_blocks(row.x, row.cols, to.codes, to.scales, to.scaled_sums, to.sums);
  if (const QuantizedOutput& to = row.superblocks; to.codes != nullptr) {
    for (std::size_t i = 0; i < row.cols; i += kSuperblock) {
      detail::quantize_superblock(row.x + i, to.codes + i, to.scales + i / kScaleBlock,
                                  to.scaled_sums + i / kScaleBlock, to.sums + i / kSumBlock);
    }
  }
}

}  // namespace tutti::cpu::inline TUTTI_ABI
