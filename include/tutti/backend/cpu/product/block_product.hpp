// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W^T for weights in GGUF's quantized blocks, used in place. Eight or sixteen weight
// rows at a time are unpacked into a panel of 8-bit codes with one row per lane, small enough for
// the L1 cache; then every activation row, quantized to 8 bits as ggml does, is multiplied by the
// panel with integer products. Output (m, n) is one chain of fused multiply-adds over the blocks of
// 32 in ascending order, each adding scale * exact integer sum: its bits do not depend on how many
// rows or which others are computed with it, nor on which instruction set with fused multiply-adds
// it is.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "tutti/backend/cpu/product/block_formats.hpp"
#include "tutti/backend/cpu/product/prefetcher.hpp"
#include "tutti/backend/cpu/product/product_job.hpp"
#include "tutti/backend/cpu/product/row_tiles.hpp"

#if defined(TUTTI_HAS_ROW_LANES)

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Blocks of 32 unpacked at a time: as many as fit 32 KB together with their source and the
/// activations, for two panels.
inline constexpr std::size_t kPanelBlocks = 128 / kPanelRows;
/// Activation rows that are multiplied by a panel together, sharing its loads.
inline constexpr std::size_t kPanelTile = 4;

/// Quantized activations from one row and one block of 32 on.
struct ActivationTile {
  QuantizedRows rows;
  std::size_t cols;

  ActivationTile(const QuantizedRows& all, std::size_t columns, std::size_t row, std::size_t block)
      : cols(columns) {
    const std::size_t at = row * cols + block * kScaleBlock;
    rows = {all.codes + at, all.scales + at / kScaleBlock, all.scaled_sums + at / kScaleBlock,
            all.sums + at / kSumBlock};
  }
};

/// How the codes of a block are arranged: as BlockFormat unpacks them, or for instructions that
/// multiply small matrices (add_matrix_dot), which pay off with two activation rows or more.
enum class CodeOrder : std::uint8_t { unpacked, matrices };

#if defined(TUTTI_HAS_MATRIX_PRODUCTS)
inline constexpr CodeOrder kPanelOrder = CodeOrder::matrices;
#else
inline constexpr CodeOrder kPanelOrder = CodeOrder::unpacked;
#endif

/// Stores an unpacked block in the order `kPanelOrder`.
template <class Block>
TUTTI_ALWAYS_INLINE inline void store_block(Block& to, const Block& from) {
  to = from;
#if defined(TUTTI_HAS_MATRIX_PRODUCTS)
  for (auto& plane : to.codes) {
    for (std::size_t i = 0; i < 8; i += 2) interleave_quads(plane[i], plane[i + 1]);
  }
#endif
}

/// Adds one block of weights in P panels times M activation rows, `block` blocks after the
/// beginning of `x`.
template <class Traits, CodeOrder order = CodeOrder::unpacked, std::size_t P, std::size_t M>
TUTTI_ALWAYS_INLINE inline void add_block(const typename Traits::Block* const (&weights)[P],
                                          const ActivationTile& x, std::size_t block,
                                          RowFloats (&sums)[P][M]) {
  constexpr std::size_t kQuads = 8 / Traits::kScales;
  unroll<Traits::kScales>([&](auto part) TUTTI_ALWAYS_INLINE {
    const RowBytes* codes[Traits::kPlanes * P];
    const std::int8_t* factors[M];
    RowInts products[Traits::kPlanes * P][M];
    unroll<Traits::kPlanes * P>([&](auto i) TUTTI_ALWAYS_INLINE {
      codes[i] = weights[i % P]->codes[i / P] + part * kQuads;
    });
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
      factors[m] = x.rows.codes + m * x.cols + kScaleBlock * block + 4 * kQuads * part;
    });
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
      // Minus the zero point's share of the sum; a second plane's begins at zero.
      std::int32_t offset = 0;
      if constexpr (Traits::kZero != 0) {
        const std::int32_t* code_sums = x.rows.sums + m * x.cols / kSumBlock + 2 * block;
        offset = -Traits::kZero *
                 (Traits::kScales == 2 ? code_sums[part] : code_sums[0] + code_sums[1]);
      }
      unroll<Traits::kPlanes * P>(
          [&](auto i) TUTTI_ALWAYS_INLINE { products[i][m] = row_broadcast(i < P ? offset : 0); });
    });
#if defined(TUTTI_HAS_MATRIX_PRODUCTS)
    if constexpr (order == CodeOrder::matrices) {
      add_matrix_dot<kQuads>(codes, factors, products);
    } else {
      add_dot<kQuads, Traits::kLargest>(codes, factors, products);
    }
#else
    add_dot<kQuads, Traits::kLargest>(codes, factors, products);
#endif
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
      const RowFloats scale = row_broadcast(x.rows.scales[m * x.cols / kScaleBlock + block]);
      unroll<P>([&](auto p) TUTTI_ALWAYS_INLINE {
        RowInts product = products[p][m];
        if constexpr (Traits::kPlanes == 2) product = sixteenfold_plus(products[P + p][m], product);
        sums[p][m] = row_fma(to_floats(product), weights[p]->scale[part] * scale, sums[p][m]);
      });
    });
  });
  if constexpr (Traits::kHasMinimum) {
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
      const RowFloats scaled_sum = row_broadcast(
          x.rows.scaled_sums[m * x.cols / kScaleBlock + block]);
      unroll<P>([&](auto p) TUTTI_ALWAYS_INLINE {
        sums[p][m] = row_fma(weights[p]->minimum, scaled_sum, sums[p][m]);
      });
    });
  }
}

/// Where weight rows begin.
struct WeightRows {
  const std::byte* first;
  std::size_t stride;

  [[nodiscard]] const std::byte* row(std::size_t r) const { return first + r * stride; }
};

/// Walks along the rows of a panel, one block of the file at a time.
template <DType type>
class PanelReader {
 public:
  using Format = BlockFormat<type>;
  /// Blocks of 32 in a block of the file.
  static constexpr std::size_t kBlocks = layout_of(type).block_elements / kScaleBlock;

  explicit PanelReader(const RowPointers& rows) : rows_(rows) {}

  template <class Sink>
  TUTTI_ALWAYS_INLINE void next(Sink sink) {
    Format::unpack(rows_, sink);
    rows_.advance(layout_of(type).block_bytes);
  }

 private:
  RowPointers rows_;
};

/// Whether few activation rows multiply the signed bytes of Q8_0 as they lie in memory.
template <DType type>
inline constexpr bool kMultiplyBytes = type == DType::q8_0 && (kSignedCodes || !kWideCodes);

/// Few activation rows: every block is used as soon as it is unpacked, in registers. `to` gets
/// kPanelRows sums for each row.
template <DType type, std::size_t M>
void multiply_few(WeightRows weights, const QuantizedRows& x, std::size_t cols, float* to) {
  using Reader = PanelReader<type>;
  using Format = BlockFormat<type>;
  constexpr std::size_t kBytes = layout_of(type).block_bytes;
  RowFloats sums[1][M];
  unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE { sums[0][m] = row_broadcast(0.0F); });
  const ActivationTile tile(x, cols, 0, 0);
  RowPointers rows(weights.first, weights.stride);
  // One panel ahead into the L1 cache, a few lines for every 32 columns. On Zen 5, two panels ahead
  // into L2 loses up to a third of the bandwidth, all lines of a superblock at once a tenth, and
  // rounding up to whole lines for every block of 34 bytes a fifth of a decode step's speed.
  constexpr std::size_t kAhead = kPanelRows * kBytes / Reader::kBlocks;
  constexpr std::size_t kLines = (kAhead + kCacheLine - 1) / kCacheLine;
  Prefetcher<1> prefetcher(weights.first, kPanelRows * weights.stride);
  for (std::size_t block = 0; block < cols / kScaleBlock; block += Reader::kBlocks) {
    if constexpr (Reader::kBlocks == 1) prefetcher.advance(kAhead);
    if constexpr (kMultiplyBytes<type>) {
      const std::int8_t* codes[M];
      RowInts products[M];
      unroll<M>([&](auto m)
                    TUTTI_ALWAYS_INLINE { codes[m] = x.codes + m * cols + kScaleBlock * block; });
      dot_bytes(rows, 2, codes, products);
      const RowFloats scale = load_half(rows, 0);
      unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
        const RowFloats activation_scale = row_broadcast(x.scales[m * cols / kScaleBlock + block]);
        sums[0][m] = row_fma(to_floats(products[m]), scale * activation_scale, sums[0][m]);
      });
    } else {
      Format::unpack(rows, [&](std::size_t i, const auto& unpacked) TUTTI_ALWAYS_INLINE {
        if constexpr (Reader::kBlocks > 1) prefetcher.template advance_lines<kLines>(kAhead);
        add_block<typename Format::Traits>({&unpacked}, tile, block + i, sums);
      });
    }
    rows.advance(kBytes);
  }
  unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE { row_store(to + m * kPanelRows, sums[0][m]); });
}

/// Up to so many activation rows, unpacked blocks stay in registers; more would not leave room for
/// the codes.
template <DType type>
inline constexpr std::size_t kFewRows = kMultiplyBytes<type> || kPanelRows == 16 ? 4 : 3;

/// The part of P panels that is unpacked at a time.
template <class Traits, std::size_t P>
struct UnpackedPanels {
  alignas(kCacheLine) typename Traits::Block blocks[P][kPanelBlocks];

  /// `count` blocks times the M activation rows of `x`: to `to`, kPanelRows sums for each row,
  /// `stride` from panel to panel, or added to what is there if they are not the `first` ones.
  /// Meanwhile asks for `ahead` bytes with each block.
  template <std::size_t M>
  void multiply(const ActivationTile& x, std::size_t count, bool first, float* to,
                std::size_t stride, Prefetcher<2>& prefetcher, std::size_t ahead) const {
    RowFloats sums[P][M];
    const auto place = [&](std::size_t p, std::size_t m) {
      return to + p * stride + m * kPanelRows;
    };
    unroll<P * M>([&](auto i) TUTTI_ALWAYS_INLINE {
      sums[i / M][i % M] = first ? row_broadcast(0.0F) : row_load(place(i / M, i % M));
    });
    for (std::size_t block = 0; block < count; ++block) {
      prefetcher.advance(ahead);
      const typename Traits::Block* weights[P];
      unroll<P>([&](auto p) TUTTI_ALWAYS_INLINE { weights[p] = &blocks[p][block]; });
      add_block<Traits, kPanelOrder>(weights, x, block, sums);
    }
    unroll<P * M>([&](auto i)
                      TUTTI_ALWAYS_INLINE { row_store(place(i / M, i % M), sums[i / M][i % M]); });
  }
};

/// Many activation rows: `to` gets the sums of P panels as [panel][activation row][kPanelRows].
template <DType type, std::size_t P>
void multiply_many(WeightRows rows, const QuantizedRows& x, std::size_t count, std::size_t cols,
                   float* to) {
  using Reader = PanelReader<type>;
  static_assert(kPanelBlocks % Reader::kBlocks == 0);
  constexpr std::size_t kBlockBytes = P * kPanelRows * layout_of(type).block_bytes /
                                      Reader::kBlocks;
  UnpackedPanels<typename Reader::Format::Traits, P> panels;
  Prefetcher<2> prefetcher(rows.first, 2 * P * kPanelRows * rows.stride);
  const std::size_t blocks = cols / kScaleBlock;
  const RowTiles<kPanelTile> tiles(count);
  for (std::size_t begin = 0; begin < blocks; begin += kPanelBlocks) {
    const std::size_t end = std::min(begin + kPanelBlocks, blocks);
    for (std::size_t p = 0; p < P; ++p) {
      Reader reader(RowPointers(
          rows.row(p * kPanelRows) + begin / Reader::kBlocks * layout_of(type).block_bytes,
          rows.stride));
      for (std::size_t block = 0; block < end - begin; block += Reader::kBlocks) {
        reader.next([&](std::size_t i, const auto& weights)
                        TUTTI_ALWAYS_INLINE { store_block(panels.blocks[p][block + i], weights); });
      }
    }
    for (std::size_t tile = 0; tile < tiles.count(); ++tile) {
      const std::size_t m = tiles.begin(tile);
      const ActivationTile activations(x, cols, m, begin);
      // Each pass asks for its part of the next panels: all at once would wait for memory.
      const auto multiply = [&]<std::size_t M>(Constant<M>) {
        panels.template multiply<M>(activations, end - begin, begin == 0, to + m * kPanelRows,
                                    count * kPanelRows, prefetcher, kBlockBytes / tiles.count());
      };
      const std::size_t size = tiles.size(tile);
      switch (size) {
        case 2: multiply(Constant<2>{}); break;  // never less: there are more than three rows
        case 3: multiply(Constant<3>{}); break;
        default: multiply(Constant<kPanelTile>{}); break;
      }
    }
  }
}

/// The sums of P panels as [panel][activation row][kPanelRows], for any number of activation rows.
template <DType type, std::size_t P>
void multiply_panels(WeightRows rows, const QuantizedRows& x, std::size_t count, std::size_t cols,
                     float* to) {
  if (count > kFewRows<type>) return multiply_many<type, P>(rows, x, count, cols, to);
  for (std::size_t p = 0; p < P; ++p) {
    const WeightRows panel{rows.row(p * kPanelRows), rows.stride};
    float* sums = to + p * count * kPanelRows;
    switch (count) {
      case 1: multiply_few<type, 1>(panel, x, cols, sums); break;
      case 2: multiply_few<type, 2>(panel, x, cols, sums); break;
      case 3: multiply_few<type, 3>(panel, x, cols, sums); break;
      default: multiply_few<type, kFewRows<type>>(panel, x, cols, sums); break;
    }
  }
}

/// OutputTile::put for a whole panel.
TUTTI_ALWAYS_INLINE inline void put_panel(const OutputTile& y, RowFloats sums) {
  if (y.bias != nullptr) sums = sums + row_load(y.bias);
  if (y.accumulate) sums = sums + row_load(y.first);
  row_store(y.first, sums);
}

/// Output columns [first, last) of `job`.
template <DType type>
void block_product(const ProductJob& job, std::size_t first, std::size_t last) {
  // Two planes of codes take the registers of two panels.
  constexpr std::size_t kPanels = BlockFormat<type>::Traits::kPlanes == 2 ? 1 : 2;
  const std::size_t rows = job.x.rows;
  const std::size_t stride = job.weight.row_bytes;
  const QuantizedRows& x = activation_form(type) == ActivationForm::superblocks ? job.x.superblocks
                                                                                : job.x.blocks;
  thread_local AlignedBuffer<float> buffer;
  buffer.grow(kPanels * rows * kPanelRows);
  float* sums = buffer.data();
  // P panels from weight row n on; of the outputs of each, those from `skip` to `end`.
  const auto multiply = [&]<std::size_t P>(Constant<P>, std::size_t n, std::size_t row_stride,
                                           std::size_t skip, std::size_t end) {
    multiply_panels<type, P>({job.weight.row(n), row_stride}, x, rows, job.x.cols, sums);
    for (std::size_t i = 0; i < P * rows; ++i) {
      const OutputTile y = job.tile(i % rows, n + i / rows * kPanelRows + skip);
      if (end - skip == kPanelRows) {
        put_panel(y, row_load(sums + i * kPanelRows));
      } else {
        y.put(0, sums + i * kPanelRows + skip, end - skip);
      }
    }
  };
  std::size_t n = first;
  for (; n + kPanels * kPanelRows <= last; n += kPanels * kPanelRows)
    multiply(Constant<kPanels>{}, n, stride, 0, kPanelRows);
  for (; n + kPanelRows <= last; n += kPanelRows) multiply(Constant<1>{}, n, stride, 0, kPanelRows);
  if (n < last && last >= kPanelRows) {
    // The last rows fill a panel together with rows before them, which are computed once more.
    multiply(Constant<1>{}, last - kPanelRows, stride, kPanelRows - (last - n), kPanelRows);
  } else {
    for (; n < last; ++n)
      multiply(Constant<1>{}, n, 0, 0,
               1);  // a matrix smaller than a panel: the same row in all lanes
  }
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI

#endif
