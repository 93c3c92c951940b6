// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W^T for weights in GGUF's quantised blocks, used where they lie. Eight weight rows at a time are unpacked into a panel
// of 8-bit codes with one row a lane, small enough for the first-level cache; then every activation row, quantised to 8 bits
// as ggml does it, goes over the panel with integer products.
// Output (m, n) is one chain of fused multiply-adds over the blocks of 32 in ascending order, each adding scale * exact
// integer sum: its bits do not depend on how many rows or which others are computed with it, nor on the instruction set.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "tutti/backend/cpu/detail/block_formats.hpp"
#include "tutti/backend/cpu/product_job.hpp"

namespace tutti::cpu::detail {

/// 32-element blocks of a panel: 1024 elements, so that the panel and the activations of some rows fit 32 KB.
inline constexpr std::size_t kPanelBlocks = 32;

/// One activation row at its element `block * 32`.
struct ActivationBlocks {
  const std::int8_t* codes;
  const std::int16_t* words;
  const float* scales;
  const float* scaled_sums;
  const std::int32_t* sums;

  ActivationBlocks(const QuantisedRows& rows, std::size_t element)
      : codes(rows.codes + element), words(rows.words + element), scales(rows.scales + element / kScaleBlock),
        scaled_sums(rows.scaled_sums + element / kScaleBlock), sums(rows.sums + element / kSumBlock) {}
};

/// sum + (weights of one block) . (activations of the same 32 elements, `block` blocks behind x).
template <class Format>
[[nodiscard]] RowFloats add_block(const typename Format::Block& weights, const ActivationBlocks& x, std::size_t block, RowFloats sum) {
  constexpr std::size_t kQuads = 8 / Format::kScales;
  for (std::size_t part = 0; part < Format::kScales; ++part) {
    RowInts products;
    if constexpr (Format::kSigned) {
      products = dot_signed<kQuads>(weights.codes, x.words + 32 * block);
    } else {
      products = dot_unsigned<kQuads, Format::kLargest>(weights.codes + part * kQuads, x.codes + 32 * block + part * kQuads * 4);
    }
    if constexpr (Format::kZero != 0) {
      const std::int32_t code_sum = Format::kScales == 2 ? x.sums[2 * block + part] : x.sums[2 * block] + x.sums[2 * block + 1];
      products = products - row_broadcast(Format::kZero * code_sum);
    }
    sum = row_fma(to_floats(products), weights.scale[part] * row_broadcast(x.scales[block]), sum);
  }
  if constexpr (Format::kHasMinimum) sum = row_fma(weights.minimum, row_broadcast(x.scaled_sums[block]), sum);
  return sum;
}

/// M activation rows over `count` blocks of a panel; the sums so far are in `sums`, 8 floats a row.
template <class Format, std::size_t M>
void multiply_panel(const typename Format::Block* panel, std::size_t count, const QuantisedRows& rows, std::size_t element,
                    std::size_t cols, float* sums) {
  const auto blocks_of = [&](std::size_t m) { return ActivationBlocks(rows, element + m * cols); };
  for (std::size_t m = 0; m < M; ++m) {
    const ActivationBlocks x = blocks_of(m);
    RowFloats sum = row_load(sums + m * kPanelRows);
    for (std::size_t block = 0; block < count; ++block) sum = add_block<Format>(panel[block], x, block, sum);
    row_store(sums + m * kPanelRows, sum);
  }
}

/// Output columns [first, last) of `job`.
template <DType type>
void block_product(const ProductJob& job, std::size_t first, std::size_t last) {
  using Format = BlockFormat<type>;
  constexpr DTypeLayout kLayout = layout_of(type);
  const QuantisedRows& x = activation_form(type) == ActivationForm::superblocks ? job.x.superblocks : job.x.blocks;
  const std::size_t rows = job.x.rows;
  const std::size_t blocks = job.x.cols / kScaleBlock;
  thread_local AlignedBuffer<float> sums;
  sums.grow(rows * kPanelRows);
  alignas(kCacheLine) typename Format::Block panel[kPanelBlocks];
  for (std::size_t n = first; n < last; n += kPanelRows) {
    RowPointers pointers;
    // Lanes beyond the last row repeat it; their results are not stored.
    for (std::size_t r = 0; r < kPanelRows; ++r) pointers.at[r] = job.weight.row(std::min(n + r, last - 1));
    std::fill_n(sums.data(), rows * kPanelRows, 0.0F);
    for (std::size_t begin = 0; begin < blocks; begin += kPanelBlocks) {
      const std::size_t count = std::min(kPanelBlocks, blocks - begin);
      for (std::size_t block = 0; block < count; block += Format::kBlocks) {
        Format::unpack(pointers, panel + block);
        for (const std::byte*& row : pointers.at) row += kLayout.block_bytes;
      }
      for (std::size_t m = 0; m < rows; ++m) {
        multiply_panel<Format, 1>(panel, count, x, m * job.x.cols + begin * kScaleBlock, job.x.cols, sums.data() + m * kPanelRows);
      }
    }
    const OutputTile y = job.tile(0, n);
    for (std::size_t m = 0; m < rows; ++m) y.put(m, sums.data() + m * kPanelRows, std::min(kPanelRows, last - n));
  }
}

}  // namespace tutti::cpu::detail
