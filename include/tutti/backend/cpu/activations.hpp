// SPDX-License-Identifier: Apache-2.0
#pragma once
// The right-hand side of a product, prepared once for all the matrices that read it: rows of floats
// as they are, rearranged or rounded for bfloat16 weights, or quantized to 8 bits for GGUF's block
// types, in the way and with the rounding of ggml, so that results follow llama.cpp's.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"
#include "tutti/base/float16.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/base/thread_pool.hpp"

namespace tutti::cpu {

/// What a weight type multiplies.
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

/// Elements that share a scale in `QuantizedRows`; superblocks repeat theirs eight times.
inline constexpr std::size_t kScaleBlock = 32;
/// Elements of one entry of `QuantizedRows::sums`; Q6_K has a scale for every 16 weights.
inline constexpr std::size_t kSumBlock = 16;

/// Rows in 8 bits. Row r begins at r times the row's number of entries in each array.
struct QuantizedRows {
  /// In [-127, 127], so that sums of products with up to 6 bits fit 16.
  const std::int8_t* codes = nullptr;
  const float* scales = nullptr;  ///< One for 32 elements: x is about scale * code.
  /// scale * sum of the codes of 32 elements; multiplies the minimum of types that have one.
  const float* scaled_sums = nullptr;
  /// Sums of the codes of 16 elements; multiplies the zero point of types that have one.
  const std::int32_t* sums = nullptr;
};

/// `rows` prepared rows of `cols` elements: a view into an ActivationBuffer, all forms that it was
/// asked for.
struct PreparedActivations {
  std::size_t rows = 0;
  std::size_t cols = 0;
  /// Elements from one row of `plain`, `even_odd` and `bfloat16` to the next; zeros behind the
  /// row's end.
  std::size_t stride = 0;
  const float* plain = nullptr;
  const float* even_odd = nullptr;
  const BFloat16* bfloat16 = nullptr;
  QuantizedRows blocks;
  QuantizedRows superblocks;
};

namespace detail {

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
  constexpr std::size_t kElements = 256;
  const float largest = largest_magnitude(x, kElements);
  const float* extreme = std::find_if(x, x + kElements,
                                      [&](float value) { return std::fabs(value) == largest; });
  const float inverse_scale = largest > 0.0F ? -127.0F / *extreme : 0.0F;
  const float scale = largest > 0.0F ? 1.0F / inverse_scale : largest;
  for (std::size_t block = 0; block < kElements / kScaleBlock; ++block) {
    const std::size_t first = block * kScaleBlock;
    std::int32_t* block_sums = sums + first / kSumBlock;
    encode(x + first, inverse_scale, codes + first, block_sums);
    scales[block] = scale;
    scaled_sums[block] = scale * static_cast<float>(block_sums[0] + block_sums[1]);
  }
}

}  // namespace detail

/// Owns prepared rows; its memory is reused from product to product.
class ActivationBuffer {
 public:
  /// @param round whether bfloat16 weights multiply activations that are rounded to their type,
  /// where the processor has instructions for it; else they multiply floats.
  explicit ActivationBuffer(bool round = false) : round_(round && kMultipliesBFloat16) {}

  /// Makes room for `rows` x `cols` in every form that `types` need; what was in it is lost. `cols`
  /// is a multiple of the blocks of all types, as the rows of such matrices are.
  void reset(std::size_t rows, std::size_t cols, std::span<const DType> types) {
    rows_ = rows;
    cols_ = cols;
    stride_ = stride_for(cols);
    needs_ = {};
    for (const DType type : types)
      needs_[static_cast<std::size_t>(activation_form(type, round_))] = true;
    plain_.grow(rows * stride_);
    if (needs(ActivationForm::even_odd)) even_odd_.grow(rows * stride_);
    if (needs(ActivationForm::bfloat16)) bfloat16_.grow(rows * stride_);
    if (needs(ActivationForm::blocks)) blocks_.grow(rows * cols);
    if (needs(ActivationForm::superblocks)) superblocks_.grow(rows * cols);
  }

  /// Where the caller writes the `cols` floats of row `r` before `prepare_row(r)`.
  [[nodiscard]] float* row(std::size_t r) { return plain_.data() + r * stride_; }

  /// Derives all forms of row `r`. Different rows may be prepared by different threads.
  void prepare_row(std::size_t r) {
    float* x = row(r);
    std::fill(x + cols_, x + stride_, 0.0F);
    if (needs(ActivationForm::even_odd)) split_even_odd(x, even_odd_.data() + r * stride_);
    if (needs(ActivationForm::bfloat16)) {
      for (std::size_t i = 0; i < stride_; i += kLanes)
        store_bfloat16(bfloat16_.data() + r * stride_ + i, load(x + i));
    }
    if (needs(ActivationForm::blocks)) {
      const std::size_t at = r * cols_;
      detail::quantize_blocks(
          x, cols_, blocks_.codes.data() + at, blocks_.scales.data() + at / kScaleBlock,
          blocks_.scaled_sums.data() + at / kScaleBlock, blocks_.sums.data() + at / kSumBlock);
    }
    if (needs(ActivationForm::superblocks)) {
      for (std::size_t i = 0; i < cols_; i += 256) {
        const std::size_t at = r * cols_ + i;
        detail::quantize_superblock(x + i, superblocks_.codes.data() + at,
                                    superblocks_.scales.data() + at / kScaleBlock,
                                    superblocks_.scaled_sums.data() + at / kScaleBlock,
                                    superblocks_.sums.data() + at / kSumBlock);
      }
    }
  }

  /// Rows [first, first + count), for instance those of one expert. Forms that were not asked for
  /// are null.
  [[nodiscard]] PreparedActivations view(std::size_t first, std::size_t count) const {
    PreparedActivations rows{count,   cols_,   stride_, plain_.data() + first * stride_,
                             nullptr, nullptr, {},      {}};
    if (needs(ActivationForm::even_odd)) rows.even_odd = even_odd_.data() + first * stride_;
    if (needs(ActivationForm::bfloat16)) rows.bfloat16 = bfloat16_.data() + first * stride_;
    if (needs(ActivationForm::blocks)) rows.blocks = blocks_.view(first * cols_);
    if (needs(ActivationForm::superblocks)) rows.superblocks = superblocks_.view(first * cols_);
    return rows;
  }
  [[nodiscard]] PreparedActivations view() const { return view(0, rows_); }

 private:
  // Kernels read whole steps of at most 32 floats (two vectors of AVX-512); rows begin on cache
  // lines.
  static constexpr std::size_t kPadding = 32;

  struct Quantized {
    AlignedBuffer<std::int8_t> codes;
    AlignedBuffer<float> scales;
    AlignedBuffer<float> scaled_sums;
    AlignedBuffer<std::int32_t> sums;

    void grow(std::size_t elements) {
      codes.grow(elements);
      scales.grow(elements / kScaleBlock);
      scaled_sums.grow(elements / kScaleBlock);
      sums.grow(elements / kSumBlock);
    }
    [[nodiscard]] QuantizedRows view(std::size_t at) const {
      return {codes.data() + at, scales.data() + at / kScaleBlock,
              scaled_sums.data() + at / kScaleBlock, sums.data() + at / kSumBlock};
    }
  };

  /// Rows a multiple of 2 KB apart would compete for the same few lines of the first-level cache:
  /// such rows get longer.
  [[nodiscard]] static std::size_t stride_for(std::size_t cols) {
    constexpr std::size_t kPage = 2048 / sizeof(float), kNear = 320 / sizeof(float),
                          kMore = 704 / sizeof(float);
    const std::size_t stride = round_up(cols, kPadding);
    const std::size_t beyond = stride % kPage;
    return stride > kPage && (beyond < kNear || kPage - beyond < kNear)
               ? round_up(stride + kMore, kPadding)
               : stride;
  }

  [[nodiscard]] bool needs(ActivationForm form) const {
    return needs_[static_cast<std::size_t>(form)];
  }

  void split_even_odd(const float* x, float* to) const {
    for (std::size_t i = 0; i < stride_; i += 2 * kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        to[i + lane] = x[i + 2 * lane];
        to[i + kLanes + lane] = x[i + 2 * lane + 1];
      }
    }
  }

  bool round_;
  std::size_t rows_ = 0, cols_ = 0, stride_ = 0;
  std::array<bool, 5> needs_{};
  AlignedBuffer<float> plain_, even_odd_;
  AlignedBuffer<BFloat16> bfloat16_;
  Quantized blocks_, superblocks_;
};

/// Copies all rows of `x` into `buffer` and prepares them for matrices of the given types.
inline void prepare(ActivationBuffer& buffer, MatrixView<const float> x,
                    std::span<const DType> types, ThreadPool& pool) {
  buffer.reset(x.rows, x.cols, types);
  pool.for_each(x.rows, [&](std::size_t r) {
    std::memcpy(buffer.row(r), x.row(r), x.cols * sizeof(float));
    buffer.prepare_row(r);
  });
}

}  // namespace tutti::cpu
