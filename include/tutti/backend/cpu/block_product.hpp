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
/// Activation rows that go over a panel together, sharing its loads.
inline constexpr std::size_t kPanelTile = 4;

/// M activation rows, `element` elements behind their beginnings, times `count` blocks of a panel. `sums` has the sums so
/// far, kPanelRows for each activation row.
template <class Format, std::size_t M>
void multiply_panel(const typename Format::Block* panel, std::size_t count, const QuantisedRows& x, std::size_t cols,
                    std::size_t element, float* sums) {
  constexpr std::size_t kQuads = 8 / Format::kScales;
  const std::int8_t* codes[M];
  const std::int16_t* words[M];
  const auto at = [&](std::size_t m) { return m * cols + element; };
  RowFloats sum[M];
  for (std::size_t m = 0; m < M; ++m) {
    codes[m] = x.codes + at(m);
    words[m] = x.words + at(m);
    sum[m] = row_load(sums + m * kPanelRows);
  }
  for (std::size_t block = 0; block < count; ++block) {
    const typename Format::Block& weights = panel[block];
    for (std::size_t part = 0; part < Format::kScales; ++part) {
      RowInts products[M];
      if constexpr (Format::kSigned) {
        dot_signed<kQuads>(weights.codes, words, kScaleBlock * block, products);
      } else {
        dot_unsigned<kQuads, Format::kLargest>(weights.codes + part * kQuads, codes, kScaleBlock * block + part * 4 * kQuads, products);
      }
      for (std::size_t m = 0; m < M; ++m) {
        if constexpr (Format::kZero != 0) {
          const std::int32_t* code_sums = x.sums + at(m) / kSumBlock + 2 * block;
          const std::int32_t code_sum = Format::kScales == 2 ? code_sums[part] : code_sums[0] + code_sums[1];
          products[m] = products[m] - row_broadcast(Format::kZero * code_sum);
        }
        const float scale = x.scales[at(m) / kScaleBlock + block];
        sum[m] = row_fma(to_floats(products[m]), weights.scale[part] * row_broadcast(scale), sum[m]);
      }
    }
    if constexpr (Format::kHasMinimum) {
      for (std::size_t m = 0; m < M; ++m) {
        sum[m] = row_fma(weights.minimum, row_broadcast(x.scaled_sums[at(m) / kScaleBlock + block]), sum[m]);
      }
    }
  }
  for (std::size_t m = 0; m < M; ++m) row_store(sums + m * kPanelRows, sum[m]);
}

/// Sums of eight weight rows with all activation rows: `sums` gets kPanelRows for each.
template <DType type>
void multiply_rows(RowPointers pointers, const PreparedActivations& x, float* sums) {
  using Format = BlockFormat<type>;
  const QuantisedRows& quantised = activation_form(type) == ActivationForm::superblocks ? x.superblocks : x.blocks;
  const std::size_t blocks = x.cols / kScaleBlock;
  alignas(kCacheLine) typename Format::Block panel[kPanelBlocks];
  const std::byte* ahead = pointers.first + std::max(kPanelRows * pointers.stride, kLeastPrefetch);
  constexpr std::size_t kBytes = layout_of(type).block_bytes;
  std::fill_n(sums, x.rows * kPanelRows, 0.0F);
  for (std::size_t begin = 0; begin < blocks; begin += kPanelBlocks) {
    const std::size_t count = std::min(kPanelBlocks, blocks - begin);
    for (std::size_t block = 0; block < count; block += Format::kBlocks) {
      for (std::size_t line = 0; line < kPanelRows * kBytes; line += kCacheLine) prefetch(ahead + line);
      ahead += kPanelRows * kBytes;
      Format::unpack(pointers, panel + block);
      pointers.first += kBytes;
    }
    for (std::size_t m = 0; m < x.rows; m += kPanelTile) {
      const std::size_t element = m * x.cols + begin * kScaleBlock;
      float* to = sums + m * kPanelRows;
      switch (x.rows - m) {
        case 1: multiply_panel<Format, 1>(panel, count, quantised, x.cols, element, to); break;
        case 2: multiply_panel<Format, 2>(panel, count, quantised, x.cols, element, to); break;
        case 3: multiply_panel<Format, 3>(panel, count, quantised, x.cols, element, to); break;
        default: multiply_panel<Format, kPanelTile>(panel, count, quantised, x.cols, element, to); break;
      }
    }
  }
}

/// Output columns [first, last) of `job`.
template <DType type>
void block_product(const ProductJob& job, std::size_t first, std::size_t last) {
  thread_local AlignedBuffer<float> sums;
  sums.grow(job.x.rows * kPanelRows);
  const auto panel = [&](std::size_t n, std::size_t stride, std::size_t count) {
    multiply_rows<type>({job.weight.row(n), stride}, job.x, sums.data());
    const OutputTile y = job.tile(0, n);
    for (std::size_t m = 0; m < job.x.rows; ++m) y.put(m, sums.data() + m * kPanelRows, count);
  };
  std::size_t n = first;
  for (; n + kPanelRows <= last; n += kPanelRows) panel(n, job.weight.row_bytes, kPanelRows);
  // Rows that do not fill a panel go one by one, the same row in all lanes.
  for (; n < last; ++n) panel(n, 0, 1);
}

}  // namespace tutti::cpu::detail
