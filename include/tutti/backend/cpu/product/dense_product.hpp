// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W^T for dense weights [out, in] used in place. Vector lanes run along the inner
// dimension k; a tile of R weight rows x M activation rows stays in registers, so that each weight
// is loaded (and converted) once for M rows. Whatever the tile, output (m, n) is one chain of fused
// multiply-adds per lane over ascending k and one fixed sum of the lanes at the end: its bits do
// not depend on how many rows or which others are computed with it.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tutti/backend/cpu/activations.hpp"
#include "tutti/backend/cpu/product/prefetcher.hpp"
#include "tutti/backend/cpu/product/product_job.hpp"
#include "tutti/backend/cpu/product/row_tiles.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"
#include "tutti/base/linear_weights.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Activation rows of the largest tile.
inline constexpr std::size_t kDenseRows = kFewTileSizes ? 4 : 6;
/// Passes over the same weights from which on reading activations costs more than waiting for
/// weights.
inline constexpr std::size_t kManyPasses = 6;
/// Weights that several passes over the activation rows share, a part of a small second-level
/// cache: with few passes there must be room for the weights that come from memory meanwhile.
inline constexpr std::size_t kDenseBlockBytes[] = {96 * 1024, 256 * 1024};
/// Elements of six activation rows that stay in the first-level cache while many weight rows pass:
/// 12 KB.
inline constexpr std::size_t kDenseColumns = 512;
/// Rows up to this length are not divided.
inline constexpr std::size_t kUndividedColumns = 768;

/// Products of floats, a vector at a time.
struct FloatProducts {
  using Factor = float;
  using Operand = FloatLanes;
  struct Mask {};
  static Mask mask() { return {}; }
  template <std::size_t vector>
  static Operand read_factor(const Factor* from) {
    return load(from + vector * kLanes);
  }
  static FloatLanes add_product(Operand a, Operand b, FloatLanes sum) { return fma(a, b, sum); }
};

/// How the inner loop reads one weight type and multiplies it: `kStep` elements at a time as
/// `kVectors` vectors.
template <class T>
struct DenseReader : FloatProducts {
  static constexpr std::size_t kVectors = 1;
  static constexpr std::size_t kStep = kLanes;
  static const Factor* activations(const PreparedActivations& x) { return x.plain; }
  template <std::size_t vector>
  static Operand read(const std::byte* from, Mask) {
    return load_as<T>(from);
  }
};

template <>
struct DenseReader<BFloat16> : FloatProducts {
  static constexpr std::size_t kVectors = 2;
  static constexpr std::size_t kStep = 2 * kLanes;
  static const Factor* activations(const PreparedActivations& x) { return x.even_odd; }
  using Mask = UpperHalves;
  static Mask mask() { return upper_halves(); }
  template <std::size_t vector>
  static Operand read(const std::byte* from, Mask mask) {
    return vector == 0 ? load_even(from) : load_odd(from, mask);
  }
};

#if defined(TUTTI_HAS_BFLOAT16_PAIRS)
/// A bfloat16 weight that multiplies activations of the same type.
struct PairedBFloat16 : BFloat16 {};

template <>
struct DenseReader<PairedBFloat16> {
  using Factor = BFloat16;
  using Operand = BFloat16Pairs;
  static constexpr std::size_t kVectors = 1;
  static constexpr std::size_t kStep = 2 * kLanes;
  static const Factor* activations(const PreparedActivations& x) { return x.bfloat16; }
  struct Mask {};
  static Mask mask() { return {}; }
  template <std::size_t vector>
  static Operand read(const std::byte* from, Mask) {
    return load_pairs(from);
  }
  template <std::size_t vector>
  static Operand read_factor(const Factor* from) {
    return load_pairs(from);
  }
  static FloatLanes add_product(Operand a, Operand b, FloatLanes sum) {
    return dot_pairs(a, b, sum);
  }
};
#endif

/// Height of the tile for M activation rows, by measurement: as many sums as there are registers
/// for, fewer where a register more would spill. AVX-512 has registers enough; floats from memory
/// gain nothing from them.
template <class T, std::size_t M>
inline constexpr std::size_t kTileHeight = [] {
  if (M <= 2 || (kLanes == 16 && sizeof(T) == 2)) return 4;
  return M == 3 || (M == 4 && DenseReader<T>::kVectors == 1) ? 3 : 2;
}();

/// The rows of one tile from some column on: R of weights, M of activations.
template <class T>
struct TileRows {
  const std::byte* weights;
  std::size_t row_bytes;
  const typename DenseReader<T>::Factor* activations;
  std::size_t stride;  ///< Elements from one activation row to the next.
};

/// Adds the elements of one step to the sums of a tile.
template <class T, std::size_t R, std::size_t M>
TUTTI_ALWAYS_INLINE inline void dense_step(const TileRows<T>& rows, FloatLanes (&sums)[M][R]) {
  using Reader = DenseReader<T>;
  unroll<Reader::kVectors>([&](auto vector) TUTTI_ALWAYS_INLINE {
    typename Reader::Operand weights[R];
    const auto mask = Reader::mask();
    unroll<R>([&](auto r) TUTTI_ALWAYS_INLINE {
      weights[r] = keep(Reader::template read<vector>(rows.weights + r * rows.row_bytes, mask));
    });
    unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
      const auto activation = keep(
          Reader::template read_factor<vector>(rows.activations + m * rows.stride));
      unroll<R>([&](auto r) TUTTI_ALWAYS_INLINE {
        sums[m][r] = Reader::add_product(weights[r], activation, sums[m][r]);
      });
    });
  });
}

/// How far ahead weights are asked for that a single pass reads from memory.
inline constexpr std::size_t kStreamDistance = 16 * 1024;

/// What passes over weights ask for ahead of time. A single pass over whole rows reads a stream
/// from memory, asked for in the order of its addresses. Of several passes over the same block,
/// each asks for its part of the next block and for its own next tile.
struct DensePrefetcher {
  Prefetcher<2>& far;
  bool stream;        ///< A single pass; what has no whole rows takes no notice.
  std::size_t ahead;  ///< Bytes of the next block for every 32 columns of a tile.
};

/// Adds `count` columns to the sums of a tile. Meanwhile asks for what is far ahead, and in several
/// passes for the next tile, which begins R rows below: in the order of its addresses if the tile
/// has whole rows, else row by row.
template <class T, std::size_t R, std::size_t M, bool kWholeRows>
TUTTI_ALWAYS_INLINE inline void dense_columns(TileRows<T> rows, std::size_t count,
                                              const DensePrefetcher& prefetcher,
                                              FloatLanes (&sums)[M][R]) {
  constexpr std::size_t kStep = DenseReader<T>::kStep;
  constexpr std::size_t kChunk = 32;  // so that whole cache lines are asked for
  constexpr std::size_t kSteps = kChunk / kStep;
  constexpr std::size_t kRowLines = kChunk * sizeof(T) / kCacheLine;
  Prefetcher<1> near(rows.weights, R * rows.row_bytes);
  std::size_t k = 0;
  const auto advance = [&](std::size_t columns) TUTTI_ALWAYS_INLINE {
    rows.weights += columns * sizeof(T);
    rows.activations += columns;
    k += columns;
  };
  while (k + kChunk <= count) {
    if (prefetcher.ahead > 0)
      prefetcher.far.template advance_lines<(R * kRowLines + 1) / 2>(prefetcher.ahead);
    unroll<kSteps>([&](auto i) TUTTI_ALWAYS_INLINE {
      if constexpr (i % 2 == 0) {
        // Every second step, by measurement: neither all at once nor one by one.
        constexpr std::size_t kFirst = i * R * kRowLines / kSteps;
        constexpr std::size_t kLines =
            std::min<std::size_t>(i + 2, kSteps) * R * kRowLines / kSteps - kFirst;
        if constexpr (kWholeRows) {
          if (prefetcher.stream) {
            prefetcher.far.template advance_lines<kLines>();
          } else {
            near.template advance_lines<kLines>();
          }
        } else {
          unroll<kLines>([&](auto j) TUTTI_ALWAYS_INLINE {
            constexpr std::size_t kLine = kFirst + j;
            prefetch(rows.weights + (R + kLine / kRowLines) * rows.row_bytes +
                     kLine % kRowLines * kCacheLine);
          });
        }
      }
      dense_step<T>(rows, sums);
      advance(kStep);
    });
  }
  while (k + kStep <= count) {
    dense_step<T>(rows, sums);
    advance(kStep);
  }
  if (k < count) {
    // The last elements with zeros after them; the activations are padded likewise.
    alignas(kCacheLine) std::byte padded[R][kStep * sizeof(T)] = {};
    for (std::size_t r = 0; r < R; ++r)
      std::memcpy(padded[r], rows.weights + r * rows.row_bytes, (count - k) * sizeof(T));
    dense_step<T>(TileRows<T>{padded[0], sizeof padded[0], rows.activations, rows.stride}, sums);
  }
}

/// Totals of a tile's sums to the first `count` of its R outputs in each row.
template <std::size_t R, std::size_t M>
TUTTI_ALWAYS_INLINE inline void put_totals(const FloatLanes (&sums)[M][R], const OutputTile& y,
                                           std::size_t count) {
  unroll<M>([&](auto m) TUTTI_ALWAYS_INLINE {
    alignas(16) float totals[4];
    const auto sum = [&](auto r) TUTTI_ALWAYS_INLINE {
      if constexpr (r < R) return sums[m][r];
      return broadcast(0.0F);
    };
    store_sums(totals, sum(Constant<0>{}), sum(Constant<1>{}), sum(Constant<2>{}),
               sum(Constant<3>{}));
    y.put(m, totals, count);
  });
}

/// One pass of M activation rows, from `m` on, over blocks of weights.
template <class T, std::size_t M>
class DensePass {
 public:
  static constexpr std::size_t kHeight = kTileHeight<T, M>;

  /// @param passes over the same block. With many of them waiting for memory in the first costs
  /// little.
  DensePass(const ProductJob& job, std::size_t m, Prefetcher<2>& far, std::size_t passes)
      : job_(job),
        m_(m),
        prefetcher_{far, passes == 1,
                    passes == 1 || passes > kManyPasses ? 0 : kHeight * 32 * sizeof(T) / passes} {}

  /// Weight rows [first, last).
  void run(std::size_t first, std::size_t last) const {
    for_tiles(first, last, [&](std::size_t n, std::size_t stride, std::size_t count) {
      FloatLanes sums[M][kHeight];
      unroll<M * kHeight>(
          [&](auto i) TUTTI_ALWAYS_INLINE { sums[i / kHeight][i % kHeight] = broadcast(0.0F); });
      dense_columns<T, kHeight, M, true>(rows_at(n, 0, stride), job_.x.cols, prefetcher_, sums);
      put_totals(sums, job_.tile(m_, n), count);
    });
  }

  /// The same for rows longer than kUndividedColumns: column by column of tiles, so that the
  /// activations of each stay in the first-level cache. The sums wait in `carried`, in the same
  /// order as if they had stayed in registers.
  void run_by_columns(std::size_t first, std::size_t last, FloatLanes* carried) const {
    const std::size_t cols = job_.x.cols;
    const std::size_t parts = (cols + kDenseColumns - 1) / kDenseColumns;
    const std::size_t width = round_up((cols + parts - 1) / parts, 32);
    for (std::size_t begin = 0; begin < cols; begin += width) {
      const std::size_t end = std::min(begin + width, cols);
      FloatLanes* place = carried;
      for_tiles(first, last, [&](std::size_t n, std::size_t stride, std::size_t count) {
        FloatLanes sums[M][kHeight];
        unroll<M * kHeight>([&](auto i) TUTTI_ALWAYS_INLINE {
          sums[i / kHeight][i % kHeight] = begin == 0 ? broadcast(0.0F) : place[i];
        });
        dense_columns<T, kHeight, M, false>(rows_at(n, begin, stride), end - begin, prefetcher_,
                                            sums);
        unroll<M * kHeight>([&](auto i)
                                TUTTI_ALWAYS_INLINE { place[i] = sums[i / kHeight][i % kHeight]; });
        place += M * kHeight;
        if (end == cols) put_totals(sums, job_.tile(m_, n), count);
      });
    }
  }

 private:
  template <class Body>
  static void for_tiles(std::size_t first, std::size_t last, Body body) {
    std::size_t n = first;
    for (; n + kHeight <= last; n += kHeight) body(n, std::size_t{1}, kHeight);
    // Rows that do not fill a tile go one by one, the same row in all places.
    for (; n < last; ++n) body(n, std::size_t{0}, std::size_t{1});
  }

  [[nodiscard]] TileRows<T> rows_at(std::size_t n, std::size_t column, std::size_t stride) const {
    return {job_.weight.row(n) + column * sizeof(T), stride * job_.weight.row_bytes,
            DenseReader<T>::activations(job_.x) + m_ * job_.x.stride + column, job_.x.stride};
  }

  const ProductJob& job_;
  std::size_t m_;
  DensePrefetcher prefetcher_;
};

/// Output columns [first, last) of `job`.
template <class T>
void dense_product(const ProductJob& job, std::size_t first, std::size_t last) {
  const std::size_t rows = job.x.rows;
  const std::size_t row_bytes = job.weight.row_bytes;
  // Several passes, none of them much smaller than the others, go over a block of weights that
  // stays in the cache, while the next block comes from memory.
  const RowTiles<kDenseRows> tiles(rows);
  const std::size_t passes = tiles.count();
  const bool by_columns = !kFewTileSizes && rows > 4 && job.x.cols > kUndividedColumns;
  const std::size_t block_bytes = kDenseBlockBytes[passes > kManyPasses];
  constexpr std::size_t kMaxRows = kDenseBlockBytes[1] / (kUndividedColumns * sizeof(T));
  const std::size_t block = passes == 1 && !by_columns
                                ? last - first
                                : std::max(block_bytes / row_bytes / 12 * 12, std::size_t{12});
  FloatLanes carried[(kMaxRows + 8) *
                     kDenseRows];  // up to three rows that do not fill a tile of four take one each
  Prefetcher<2> far(job.weight.row(first), passes == 1 ? kStreamDistance : row_bytes * block);
  for (std::size_t n = first; n < last; n += block) {
    const std::size_t end = std::min(n + block, last);
    for (std::size_t pass = 0; pass < passes; ++pass) {
      const std::size_t m = tiles.begin(pass);
      const auto run = [&]<std::size_t M>(Constant<M>) {
        const DensePass<T, M> dense_pass(job, m, far, passes);
        if constexpr (M > 2 && !kFewTileSizes) {
          if (by_columns) return dense_pass.run_by_columns(n, end, carried);
        }
        dense_pass.run(n, end);
      };
      const std::size_t size = tiles.size(pass);
      if constexpr (kFewTileSizes) {
        if (size == 1) {
          run(Constant<1>{});
        } else {
          run(Constant<kDenseRows>{});
        }
      } else {
        switch (size) {
          case 1: run(Constant<1>{}); break;
          case 2: run(Constant<2>{}); break;
          case 3: run(Constant<3>{}); break;
          case 4: run(Constant<4>{}); break;
          case 5: run(Constant<5>{}); break;
          default: run(Constant<kDenseRows>{}); break;
        }
      }
    }
  }
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI
