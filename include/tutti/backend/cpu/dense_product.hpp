// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W^T for dense weights [out, in] used where they lie. Vector lanes run along the inner dimension k; a tile of R weight
// rows x M activation rows stays in registers, so that each weight is loaded (and converted) once for M rows.
// Whatever the tile, output (m, n) is one chain of fused multiply-adds per lane over ascending k and one fixed sum of the
// lanes at the end: its bits do not depend on how many rows or which others are computed with it.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tutti/backend/cpu/activations.hpp"
#include "tutti/backend/cpu/detail/lookahead.hpp"
#include "tutti/backend/cpu/product_job.hpp"
#include "tutti/backend/cpu/simd.hpp"
#include "tutti/core/linear_weights.hpp"

namespace tutti::cpu::detail {

/// Activation rows of the largest tile.
inline constexpr std::size_t kDenseRows = 6;
/// Weights that several passes over the activation rows share: a part of a small second-level cache.
inline constexpr std::size_t kDenseBlockBytes = 96 * 1024;

/// How the inner loop reads one weight type: `kStep` elements at a time as `kVectors` vectors.
template <class T>
struct DenseReader {
  static constexpr std::size_t kVectors = 1;
  static constexpr std::size_t kStep = kLanes;
  static const float* activations(const PreparedActivations& x) { return x.plain; }
  struct Mask {};
  static Mask mask() { return {}; }
  template <std::size_t vector>
  static FloatLanes read(const std::byte* from, Mask) {
    return load_as<T>(from);
  }
};

template <>
struct DenseReader<BFloat16> {
  static constexpr std::size_t kVectors = 2;
  static constexpr std::size_t kStep = 2 * kLanes;
  static const float* activations(const PreparedActivations& x) { return x.even_odd; }
  static UpperHalves mask() { return upper_halves(); }
  template <std::size_t vector>
  static FloatLanes read(const std::byte* from, UpperHalves mask) {
    return vector == 0 ? load_even(from) : load_odd(from, mask);
  }
};

/// Adds `vector` of one step to the sums of a tile.
template <class T, std::size_t vector, std::size_t R, std::size_t M>
TUTTI_INLINE inline void dense_step(const std::byte* w, std::size_t row_bytes, const float* x, std::size_t x_stride,
                                    FloatLanes (&sums)[M][R]) {
  FloatLanes weights[R];
  const auto mask = DenseReader<T>::mask();
  unroll<R>([&](auto r) TUTTI_INLINE { weights[r] = keep(DenseReader<T>::template read<vector>(w + r * row_bytes, mask)); });
  unroll<M>([&](auto m) TUTTI_INLINE {
    const FloatLanes activation = keep(load(x + m * x_stride + vector * kLanes));
    unroll<R>([&](auto r) TUTTI_INLINE { sums[m][r] = fma(weights[r], activation, sums[m][r]); });
  });
}

/// One tile. `w` and `x` point at its first rows, `y` at its first output; only `count` of the R outputs are wanted.
/// With each step `ahead` bytes of other weights are asked for.
template <class T, std::size_t R, std::size_t M>
void dense_tile(const std::byte* w, std::size_t row_bytes, const float* x, std::size_t x_stride, std::size_t cols, const OutputTile& y,
                std::size_t count, Lookahead<2>& far, std::size_t ahead) {
  using Reader = DenseReader<T>;
  FloatLanes sums[M][R];
  unroll<M * R>([&](auto i) TUTTI_INLINE { sums[i / R][i % R] = broadcast(0.0F); });
  const auto step = [&](const std::byte* from, std::size_t stride, std::size_t k) TUTTI_INLINE {
    dense_step<T, 0, R, M>(from, stride, x + k, x_stride, sums);
    if constexpr (Reader::kVectors == 2) dense_step<T, 1, R, M>(from, stride, x + k, x_stride, sums);
  };
  // Steps are taken by the 32, so that whole cache lines are asked for.
  constexpr std::size_t kChunk = 32;
  Lookahead<1> near(w, R * row_bytes);
  const std::size_t whole = cols / Reader::kStep * Reader::kStep;
  std::size_t k = 0;
  for (; k + kChunk <= whole; k += kChunk) {
    constexpr std::size_t kLines = R * kChunk * sizeof(T) / kCacheLine;
    constexpr std::size_t kSteps = kChunk / Reader::kStep;
    if (ahead > 0) far.template advance_lines<(kLines + 1) / 2>(ahead);
    unroll<kSteps>([&](auto i) TUTTI_INLINE {
      // Every second step, by measurement: neither all at once nor one by one.
      if constexpr (i % 2 == 0) near.advance_lines<std::min(i + 2, kSteps) * kLines / kSteps - i * kLines / kSteps>();
      step(w + (k + i * Reader::kStep) * sizeof(T), row_bytes, k + i * Reader::kStep);
    });
  }
  for (; k < whole; k += Reader::kStep) step(w + k * sizeof(T), row_bytes, k);
  if (whole < cols) {
    // The last elements with zeros behind them; the activations are padded likewise.
    alignas(kCacheLine) std::byte padded[R][Reader::kStep * sizeof(T)] = {};
    for (std::size_t r = 0; r < R; ++r) std::memcpy(padded[r], w + r * row_bytes + whole * sizeof(T), (cols - whole) * sizeof(T));
    step(padded[0], sizeof padded[0], whole);
  }
  unroll<M>([&](auto m) TUTTI_INLINE {
    alignas(16) float totals[4];
    const auto sum = [&](auto r) TUTTI_INLINE {
      if constexpr (r < R) return sums[m][r];
      return broadcast(0.0F);
    };
    store_sums(totals, sum(Constant<0>{}), sum(Constant<1>{}), sum(Constant<2>{}), sum(Constant<3>{}));
    y.put(m, totals, count);
  });
}

/// Height of the tile for M activation rows, by measurement: as many sums as there are registers for, fewer where a register
/// more would spill.
template <class T, std::size_t M>
inline constexpr std::size_t kTileHeight = M <= 2 ? 4 : (M == 3 ? 3 : (M == 4 && DenseReader<T>::kVectors == 1 ? 3 : 2));

/// Weight rows [first, last) with the M activation rows from `m` on, one of `passes` over them.
template <class T, std::size_t M>
void dense_rows(const ProductJob& job, std::size_t m, std::size_t first, std::size_t last, Lookahead<2>& far, std::size_t passes) {
  constexpr std::size_t kHeight = kTileHeight<T, M>;
  const PreparedActivations& x = job.x;
  const WeightMatrix& w = job.weight;
  const float* activations = DenseReader<T>::activations(x) + m * x.stride;
  const std::size_t ahead = passes == 1 ? 0 : kHeight * 32 * sizeof(T) / passes;
  std::size_t n = first;
  for (; n + kHeight <= last; n += kHeight) {
    dense_tile<T, kHeight, M>(w.row(n), w.row_bytes, activations, x.stride, x.cols, job.tile(m, n), kHeight, far, ahead);
  }
  // Rows that do not fill a tile go one by one, the same row in all places.
  for (; n < last; ++n) {
    dense_tile<T, kHeight, M>(w.row(n), 0, activations, x.stride, x.cols, job.tile(m, n), 1, far, ahead);
  }
}

/// Output columns [first, last) of `job`.
template <class T>
void dense_product(const ProductJob& job, std::size_t first, std::size_t last) {
  const std::size_t rows = job.x.rows;
  const std::size_t row_bytes = job.weight.row_bytes;
  // Several passes, none of them much smaller than the others, go over a block of weights that stays in the cache, while the
  // next block comes from memory. A single pass has the next tile for that.
  const std::size_t passes = (rows + kDenseRows - 1) / kDenseRows;
  const std::size_t block = passes == 1 ? last - first : std::max(kDenseBlockBytes / row_bytes / 12 * 12, std::size_t{12});
  Lookahead<2> far(job.weight.row(first), row_bytes * (passes == 1 ? kTileHeight<T, 1> : block));
  for (std::size_t n = first; n < last; n += block) {
    const std::size_t end = std::min(n + block, last);
    for (std::size_t pass = 0; pass < passes; ++pass) {
      const std::size_t m = rows * pass / passes;
      switch (rows * (pass + 1) / passes - m) {
        case 1: dense_rows<T, 1>(job, m, n, end, far, passes); break;
        case 2: dense_rows<T, 2>(job, m, n, end, far, passes); break;
        case 3: dense_rows<T, 3>(job, m, n, end, far, passes); break;
        case 4: dense_rows<T, 4>(job, m, n, end, far, passes); break;
        case 5: dense_rows<T, 5>(job, m, n, end, far, passes); break;
        default: dense_rows<T, kDenseRows>(job, m, n, end, far, passes); break;
      }
    }
  }
}

}  // namespace tutti::cpu::detail
