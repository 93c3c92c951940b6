// SPDX-License-Identifier: Apache-2.0
#pragma once
// Owns prepared activations; the memory is reused from product to product.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tutti/backend/cpu/activations.hpp"
#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/kernels.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/numeric/float16.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/base/threads/thread_pool.hpp"

namespace tutti::cpu {

/// Prepared rows, [rows, cols] in every form asked for.
class ActivationBuffer {
 public:
  /// @param round whether bfloat16 weights multiply activations that are rounded to their type,
  /// where the processor has instructions for it; else they multiply floats.
  explicit ActivationBuffer(bool round = false, const Kernels& kernels = default_kernels())
      : kernels_(&kernels), round_(round && kernels.multiplies_bfloat16) {}

  /// Makes room for `rows` x `cols` in every form that `types` need; the previous content is lost.
  /// `cols` is a multiple of the block sizes of all types.
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

  /// The `cols` floats of row `r`, which the caller writes before `prepare_row(r)`.
  [[nodiscard]] float* row(std::size_t r) { return plain_.data() + r * stride_; }

  /// Derives all forms of row `r`. Different rows may be prepared by different threads.
  void prepare_row(std::size_t r) {
    ActivationRow row;
    row.x = this->row(r);
    row.cols = cols_;
    row.stride = stride_;
    if (needs(ActivationForm::even_odd)) row.even_odd = even_odd_.data() + r * stride_;
    if (needs(ActivationForm::bfloat16)) row.bfloat16 = bfloat16_.data() + r * stride_;
    if (needs(ActivationForm::blocks)) row.blocks = blocks_.output(r * cols_);
    if (needs(ActivationForm::superblocks)) row.superblocks = superblocks_.output(r * cols_);
    kernels_->prepare_activations(row);
  }

  /// Rows [first, first + count), for instance those of one expert.
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
    [[nodiscard]] QuantizedOutput output(std::size_t at) {
      return {codes.data() + at, scales.data() + at / kScaleBlock,
              scaled_sums.data() + at / kScaleBlock, sums.data() + at / kSumBlock};
    }
    [[nodiscard]] QuantizedRows view(std::size_t at) const {
      return {codes.data() + at, scales.data() + at / kScaleBlock,
              scaled_sums.data() + at / kScaleBlock, sums.data() + at / kSumBlock};
    }
  };

  /// Rows a multiple of 2 KB apart would compete for the same few lines of the L1 cache: such rows
  /// get padded.
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

  const Kernels* kernels_;
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
