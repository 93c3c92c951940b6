// SPDX-License-Identifier: Apache-2.0
#pragma once
// Activations in the forms that matrix products read: plain floats, floats rearranged or rounded
// for bfloat16 weights, or 8-bit blocks for GGUF's block types, quantized as ggml does so that
// results follow llama.cpp's. One prepared form serves all matrices that read it.

#include <cstddef>
#include <cstdint>

#include "tutti/base/numeric/float16.hpp"
#include "tutti/base/tensor.hpp"

namespace tutti::cpu {

/// The form of activations that a weight type is multiplied by.
enum class ActivationForm : std::uint8_t {
  plain,  ///< Floats in order.
  /// In each 2 * kLanes floats first the even ones, then the odd ones, for load_even and load_odd.
  even_odd,
  bfloat16,     ///< Rounded to bfloat16.
  blocks,       ///< 8 bits, one scale for 32 elements: ggml's Q8_0 and Q8_1.
  superblocks,  ///< 8 bits, one scale for 256 elements: ggml's Q8_K.
};

/// @param round whether bfloat16 weights multiply rounded activations.
[[nodiscard]] constexpr ActivationForm activation_form(DType type, bool round = false) {
  switch (type) {
    case DType::f32:
    case DType::f16: return ActivationForm::plain;
    case DType::bf16: return round ? ActivationForm::bfloat16 : ActivationForm::even_odd;
    case DType::q4_k:
    case DType::q5_k:
    case DType::q6_k: return ActivationForm::superblocks;
    default: return ActivationForm::blocks;
  }
}

/// Elements that share a scale in `QuantizedRows`; superblocks repeat their scale eight times.
inline constexpr std::size_t kScaleBlock = 32;
/// Elements of one entry of `QuantizedRows::sums`; Q6_K has a scale for every 16 weights.
inline constexpr std::size_t kSumBlock = 16;
/// Elements of a superblock of ggml's K types.
inline constexpr std::size_t kSuperblock = 256;

/// Rows quantized to 8 bits. In each array, row r begins at r times the entries per row.
struct QuantizedRows {
  /// In [-127, 127], so that sums of products with up to 6 bits fit 16.
  const std::int8_t* codes = nullptr;
  const float* scales = nullptr;  ///< One for 32 elements: x is about scale * code.
  /// scale * sum of the codes of 32 elements; multiplies the minimum of types that have one.
  const float* scaled_sums = nullptr;
  /// Sums of the codes of 16 elements; multiplies the zero point of types that have one.
  const std::int32_t* sums = nullptr;
};

/// View of `rows` prepared rows of `cols` elements in an ActivationBuffer; forms that were not
/// requested are null.
struct PreparedActivations {
  std::size_t rows = 0;
  std::size_t cols = 0;
  /// Elements from one row of `plain`, `even_odd` and `bfloat16` to the next; zero after the row's
  /// end.
  std::size_t stride = 0;
  const float* plain = nullptr;
  const float* even_odd = nullptr;
  const BFloat16* bfloat16 = nullptr;
  QuantizedRows blocks;
  QuantizedRows superblocks;
};

/// Memory for one quantized row, in the layout of QuantizedRows; null if the form is not wanted.
struct QuantizedOutput {
  std::int8_t* codes = nullptr;
  float* scales = nullptr;
  float* scaled_sums = nullptr;
  std::int32_t* sums = nullptr;
};

/// One row to prepare: `cols` floats at `x`, with room up to `stride`; memory for each wanted form.
struct ActivationRow {
  float* x = nullptr;
  std::size_t cols = 0;
  std::size_t stride = 0;
  float* even_odd = nullptr;
  BFloat16* bfloat16 = nullptr;
  QuantizedOutput blocks;
  QuantizedOutput superblocks;
};

}  // namespace tutti::cpu
