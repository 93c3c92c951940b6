// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W^T for weights in GGUF's quantised blocks, used where they lie. Eight weight rows at a time are unpacked into a panel
// of 8-bit codes with one row a lane, small enough for the first-level cache; then every activation row, quantised to 8 bits
// as ggml does it, goes over the panel with integer products.
// Output (m, n) is one chain of fused multiply-adds over the blocks of 32 in ascending order, each adding scale * exact
// integer sum: its bits do not depend on how many rows or which others are computed with it, nor on the instruction set.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "tutti/backend/cpu/detail/block_formats.hpp"
#include "tutti/backend/cpu/detail/lookahead.hpp"
#include "tutti/backend/cpu/product_job.hpp"

namespace tutti::cpu::detail {

/// Blocks of 32 that are unpacked at a time: 512 elements, so that two panels and the activations of some rows fit 32 KB.
inline constexpr std::size_t kPanelBlocks = 16;
/// Activation rows that go over a panel together, sharing its loads.
inline constexpr std::size_t kPanelTile = 4;

/// Quantised activations from one row and one block of 32 on.
struct ActivationTile {
  QuantisedRows rows;
  std::size_t cols;

  ActivationTile(const QuantisedRows& all, std::size_t columns, std::size_t row, std::size_t block) : cols(columns) {
    const std::size_t at = row * cols + block * kScaleBlock;
    rows = {all.codes + at, all.scales + at / kScaleBlock, all.scaled_sums + at / kScaleBlock, all.sums + at / kSumBlock};
  }
};

/// Adds one block of weights in P panels times M activation rows, `block` blocks behind the beginning of `x`.
template <class Traits, std::size_t P, std::size_t M>
TUTTI_INLINE inline void add_block(const typename Traits::Block* const (&weights)[P], const ActivationTile& x, std::size_t block,
                                   RowFloats (&sums)[P][M]) {
  constexpr std::size_t kQuads = 8 / Traits::kScales;
  unroll<Traits::kScales>([&](auto part) TUTTI_INLINE {
    const RowBytes* codes[Traits::kPlanes * P];
    const std::int8_t* factors[M];
    RowInts products[Traits::kPlanes * P][M];
    unroll<Traits::kPlanes * P>([&](auto i) TUTTI_INLINE { codes[i] = weights[i % P]->codes[i / P] + part * kQuads; });
    unroll<M>([&](auto m) TUTTI_INLINE { factors[m] = x.rows.codes + m * x.cols + kScaleBlock * block + 4 * kQuads * part; });
    dot<kQuads, Traits::kLargest>(codes, factors, products);
    unroll<M>([&](auto m) TUTTI_INLINE {
      const RowFloats scale = row_broadcast(x.rows.scales[m * x.cols / kScaleBlock + block]);
      unroll<P>([&](auto p) TUTTI_INLINE {
        RowInts product = products[p][m];
        if constexpr (Traits::kPlanes == 2) product = sixteenfold_plus(products[P + p][m], product);
        if constexpr (Traits::kZero != 0) {
          const std::int32_t* code_sums = x.rows.sums + m * x.cols / kSumBlock + 2 * block;
          product = product - row_broadcast(Traits::kZero * (Traits::kScales == 2 ? code_sums[part] : code_sums[0] + code_sums[1]));
        }
        sums[p][m] = row_fma(to_floats(product), weights[p]->scale[part] * scale, sums[p][m]);
      });
    });
  });
  if constexpr (Traits::kHasMinimum) {
    unroll<M>([&](auto m) TUTTI_INLINE {
      const RowFloats scaled_sum = row_broadcast(x.rows.scaled_sums[m * x.cols / kScaleBlock + block]);
      unroll<P>([&](auto p) TUTTI_INLINE { sums[p][m] = row_fma(weights[p]->minimum, scaled_sum, sums[p][m]); });
    });
  }
}

/// Walks along the rows of a panel, one block of the file at a time.
template <DType type>
class PanelReader {
 public:
  using Format = BlockFormat<type>;
  static constexpr std::size_t kBlocks = layout_of(type).block_elements / kScaleBlock;  ///< Blocks of 32 in a block of the file.

  explicit PanelReader(RowPointers rows) : rows_(rows) {}

  template <class Sink>
  TUTTI_INLINE void next(Sink sink) {
    Format::unpack(rows_, sink);
    rows_.first += layout_of(type).block_bytes;
  }

 private:
  RowPointers rows_;
};

/// Whether few activation rows multiply the signed bytes of Q8_0 as they lie in memory.
template <DType type>
inline constexpr bool kMultiplyBytes = type == DType::q8_0 && !kWideCodes;

/// Few activation rows: every block is used as soon as it is unpacked, in registers. `to` gets kPanelRows sums for each row.
template <DType type, std::size_t M>
void multiply_few(RowPointers rows, const QuantisedRows& x, std::size_t cols, float* to, bool look_ahead) {
  using Reader = PanelReader<type>;
  constexpr std::size_t kBytes = layout_of(type).block_bytes;
  RowFloats sums[1][M];
  unroll<M>([&](auto m) TUTTI_INLINE { sums[0][m] = row_broadcast(0.0F); });
  const ActivationTile tile(x, cols, 0, 0);
  Reader reader(rows);
  Lookahead<> lookahead(rows.first, kPanelRows * rows.stride);
  for (std::size_t block = 0; block < cols / kScaleBlock; block += Reader::kBlocks) {
    if (look_ahead) lookahead.advance(kPanelRows * kBytes);
    if constexpr (kMultiplyBytes<type>) {
      const std::int8_t* codes[M];
      RowInts products[M];
      unroll<M>([&](auto m) TUTTI_INLINE { codes[m] = x.codes + m * cols + kScaleBlock * block; });
      dot_bytes(rows, 2, codes, products);
      const RowFloats scale = load_half(rows, 0);
      unroll<M>([&](auto m) TUTTI_INLINE {
        const RowFloats activation_scale = row_broadcast(x.scales[m * cols / kScaleBlock + block]);
        sums[0][m] = row_fma(to_floats(products[m]), scale * activation_scale, sums[0][m]);
      });
      rows.first += kBytes;
    } else {
      reader.next([&](std::size_t i, const auto& weights)
                      TUTTI_INLINE { add_block<typename Reader::Format::Traits>({&weights}, tile, block + i, sums); });
    }
  }
  unroll<M>([&](auto m) TUTTI_INLINE { row_store(to + m * kPanelRows, sums[0][m]); });
}

/// Up to so many activation rows, unpacked blocks stay in registers; more would not leave room for the codes.
template <DType type>
inline constexpr std::size_t kFewRows = kMultiplyBytes<type> ? 4 : 3;

/// Panels in work at once: two planes of codes take the registers of two panels.
template <class Traits>
inline constexpr std::size_t kPanels = Traits::kPlanes == 2 ? 1 : 2;

/// The part of some panels that is unpacked at a time.
template <class Traits>
struct UnpackedPanels {
  static constexpr std::size_t kCount = kPanels<Traits>;
  alignas(kCacheLine) typename Traits::Block blocks[kCount][kPanelBlocks];

  /// Adds `count` blocks times the M activation rows of `x` to `to`, kPanelRows sums for each row, `stride` from panel to
  /// panel. Meanwhile asks for `ahead` bytes with each block.
  template <std::size_t M>
  void multiply(const ActivationTile& x, std::size_t count, float* to, std::size_t stride, Lookahead<>& lookahead,
                std::size_t ahead) const {
    RowFloats sums[kCount][M];
    const auto place = [&](std::size_t p, std::size_t m) { return to + p * stride + m * kPanelRows; };
    unroll<kCount * M>([&](auto i) TUTTI_INLINE { sums[i / M][i % M] = row_load(place(i / M, i % M)); });
    for (std::size_t block = 0; block < count; ++block) {
      lookahead.advance(ahead);
      const typename Traits::Block* weights[kCount];
      unroll<kCount>([&](auto p) TUTTI_INLINE { weights[p] = &blocks[p][block]; });
      add_block<Traits>(weights, x, block, sums);
    }
    unroll<kCount * M>([&](auto i) TUTTI_INLINE { row_store(place(i / M, i % M), sums[i / M][i % M]); });
  }
};

/// Many activation rows: `to` gets the sums of kPanels panels as [panel][activation row][kPanelRows].
template <DType type>
void multiply_many(const std::byte* first, std::size_t stride, const QuantisedRows& x, std::size_t rows, std::size_t cols, float* to) {
  using Reader = PanelReader<type>;
  using Traits = typename BlockFormat<type>::Traits;
  constexpr std::size_t kCount = kPanels<Traits>;
  constexpr std::size_t kBlockBytes = kCount * kPanelRows * layout_of(type).block_bytes / Reader::kBlocks;
  UnpackedPanels<Traits> panels;
  std::array<Reader, 2> readers{Reader({first, stride}), Reader({first + kPanelRows * stride, stride})};
  Lookahead<> lookahead(first, kCount * kPanelRows * stride);
  const std::size_t blocks = cols / kScaleBlock;
  const std::size_t tiles = (rows + kPanelTile - 1) / kPanelTile;
  std::fill_n(to, kCount * rows * kPanelRows, 0.0F);
  for (std::size_t begin = 0; begin < blocks; begin += kPanelBlocks) {
    const std::size_t count = std::min(kPanelBlocks, blocks - begin);
    for (std::size_t p = 0; p < kCount; ++p) {
      for (std::size_t block = 0; block < count; block += Reader::kBlocks) {
        readers[p].next([&](std::size_t i, const auto& weights) TUTTI_INLINE { panels.blocks[p][block + i] = weights; });
      }
    }
    for (std::size_t tile = 0; tile < tiles; ++tile) {
      const std::size_t m = rows * tile / tiles;
      const ActivationTile activations(x, cols, m, begin);
      // Memory has the time of one pass to deliver the next panels.
      const auto multiply = [&]<std::size_t M>(Constant<M>) {
        panels.template multiply<M>(activations, count, to + m * kPanelRows, rows * kPanelRows, lookahead, tile == 0 ? kBlockBytes : 0);
      };
      switch (rows * (tile + 1) / tiles - m) {
        case 2: multiply(Constant<2>{}); break;  // never less: there are more than three rows
        case 3: multiply(Constant<3>{}); break;
        default: multiply(Constant<kPanelTile>{}); break;
      }
    }
  }
}

/// Output columns [first, last) of `job`.
template <DType type>
void block_product(const ProductJob& job, std::size_t first, std::size_t last) {
  constexpr std::size_t kCount = kPanels<typename BlockFormat<type>::Traits>;
  const std::size_t rows = job.x.rows;
  const std::size_t cols = job.x.cols;
  const std::size_t stride = job.weight.row_bytes;
  const QuantisedRows& x = activation_form(type) == ActivationForm::superblocks ? job.x.superblocks : job.x.blocks;
  thread_local AlignedBuffer<float> buffer;
  buffer.grow(kCount * rows * kPanelRows);
  float* sums = buffer.data();
  const auto put = [&](std::size_t m, std::size_t n, std::size_t count, float* from) { job.tile(m, n).put(0, from, count); };
  std::size_t n = first;
  for (constexpr std::size_t kStep = kCount * kPanelRows; rows > kFewRows<type> && n + kStep <= last; n += kStep) {
    multiply_many<type>(job.weight.row(n), stride, x, rows, cols, sums);
    for (std::size_t i = 0; i < kCount * rows; ++i) {
      put(i % rows, n + i / rows * kPanelRows, kPanelRows, sums + i * kPanelRows);
    }
  }
  while (n < last) {
    // Rows that do not fill a panel go one by one, the same row in all lanes.
    const std::size_t count = n + kPanelRows <= last ? kPanelRows : 1;
    const RowPointers pointers{job.weight.row(n), count == 1 ? 0 : stride};
    for (std::size_t m = 0; m < rows; m += kFewRows<type>) {
      const ActivationTile tile(x, cols, m, 0);
      const std::size_t few = std::min(kFewRows<type>, rows - m);
      switch (few) {
        case 1: multiply_few<type, 1>(pointers, tile.rows, cols, sums, m == 0); break;
        case 2: multiply_few<type, 2>(pointers, tile.rows, cols, sums, m == 0); break;
        case 3: multiply_few<type, 3>(pointers, tile.rows, cols, sums, m == 0); break;
        default: multiply_few<type, kFewRows<type>>(pointers, tile.rows, cols, sums, m == 0); break;
      }
      for (std::size_t i = 0; i < few; ++i) put(m + i, n, count, sums + i * kPanelRows);
    }
    n += count;
  }
}

}  // namespace tutti::cpu::detail
