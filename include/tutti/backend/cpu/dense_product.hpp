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
#include "tutti/backend/cpu/product_job.hpp"
#include "tutti/backend/cpu/simd.hpp"
#include "tutti/core/linear_weights.hpp"

namespace tutti::cpu::detail {

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
void dense_step(const std::byte* w, std::size_t row_bytes, const float* x, std::size_t x_stride, FloatLanes (&sums)[M][R]) {
  FloatLanes weights[R];
  const auto mask = DenseReader<T>::mask();
  for (std::size_t r = 0; r < R; ++r) weights[r] = keep(DenseReader<T>::template read<vector>(w + r * row_bytes, mask));
  for (std::size_t m = 0; m < M; ++m) {
    const FloatLanes activation = keep(load(x + m * x_stride + vector * kLanes));
    for (std::size_t r = 0; r < R; ++r) sums[m][r] = fma(weights[r], activation, sums[m][r]);
  }
}

/// One tile. `w` and `x` point at its first rows, `y` at its first output.
template <class T, std::size_t R, std::size_t M>
void dense_tile(const std::byte* w, std::size_t row_bytes, const float* x, std::size_t x_stride, std::size_t cols, const OutputTile& y) {
  using Reader = DenseReader<T>;
  FloatLanes sums[M][R];
  for (auto& row : sums) std::fill(std::begin(row), std::end(row), broadcast(0.0F));
  const auto step = [&](const std::byte* from, std::size_t stride, std::size_t k) {
#ifdef EXP
    if (g_mode==1) { constexpr std::size_t per=(R*Reader::kStep*sizeof(T)+63)/64; const std::byte* p = w + g_dist + k*sizeof(T)*R; for (std::size_t r = 0; r < per; ++r) __builtin_prefetch(p+64*r, 0, 3); }
    if (g_mode==2) { constexpr std::size_t per=(R*Reader::kStep*sizeof(T)+63)/64; const std::byte* p = w + R*row_bytes + k*sizeof(T)*R; for (std::size_t r = 0; r < per; ++r) __builtin_prefetch(p+64*r, 0, 3); }
    if (g_mode==3) { for (std::size_t r = 0; r < R; ++r) __builtin_prefetch(from + r * stride + R*stride, 0, 3); }
#endif
    dense_step<T, 0, R, M>(from, stride, x + k, x_stride, sums);
    if constexpr (Reader::kVectors == 2) dense_step<T, 1, R, M>(from, stride, x + k, x_stride, sums);
  };
  const std::size_t whole = cols / Reader::kStep * Reader::kStep;
  for (std::size_t k = 0; k < whole; k += Reader::kStep) step(w + k * sizeof(T), row_bytes, k);
  if (whole < cols) {
    // The last elements with zeros behind them; the activations are padded likewise.
    alignas(kCacheLine) std::byte padded[R][Reader::kStep * sizeof(T)] = {};
    for (std::size_t r = 0; r < R; ++r) std::memcpy(padded[r], w + r * row_bytes + whole * sizeof(T), (cols - whole) * sizeof(T));
    step(padded[0], sizeof padded[0], whole);
  }
  for (std::size_t m = 0; m < M; ++m) {
    alignas(16) float totals[round_up(R, 4)];
    const FloatLanes nothing = broadcast(0.0F);
    for (std::size_t r = 0; r < R; r += 4) {
      const auto sum = [&](std::size_t i) { return r + i < R ? sums[m][r + i] : nothing; };
      store_sums(totals + r, sum(0), sum(1), sum(2), sum(3));
    }
    y.put(m, totals, R);
  }
}

/// Weight rows [first, last) with M activation rows from row `m` on, R rows at a time.
template <class T, std::size_t R, std::size_t M>
void dense_rows(const ProductJob& job, std::size_t m, std::size_t first, std::size_t last) {
  const PreparedActivations& x = job.x;
  const WeightMatrix& w = job.weight;
  const float* activations = DenseReader<T>::activations(x) + m * x.stride;
  std::size_t n = first;
  for (; n + R <= last; n += R) dense_tile<T, R, M>(w.row(n), w.row_bytes, activations, x.stride, x.cols, job.tile(m, n));
  for (; n < last; ++n) dense_tile<T, 1, M>(w.row(n), w.row_bytes, activations, x.stride, x.cols, job.tile(m, n));
}

/// Bytes of weights that several passes over the activation rows share: half of a small second-level cache.
inline constexpr std::size_t kDenseBlockBytes = 128 * 1024;

/// Output columns [first, last) of `job`.
template <class T>
void dense_product(const ProductJob& job, std::size_t first, std::size_t last) {
  const std::size_t rows = job.x.rows;
  // With one pass there is nothing to share. 24 is a multiple of the tile heights.
  const std::size_t block = rows <= 4 ? last - first : std::max<std::size_t>(kDenseBlockBytes / job.weight.row_bytes / 24 * 24, 24);
  for (std::size_t n = first; n < last; n += block) {
    const std::size_t end = std::min(n + block, last);
    for (std::size_t m = 0; m < rows;) {
      switch (const std::size_t left = rows - m; left) {
        case 1: dense_rows<T, 8, 1>(job, m, n, end); m += 1; break;
        case 2: dense_rows<T, 4, 2>(job, m, n, end); m += 2; break;
        case 3: dense_rows<T, 3, 3>(job, m, n, end); m += 3; break;
        default: dense_rows<T, 3, 4>(job, m, n, end); m += 4; break;
      }
    }
  }
}

}  // namespace tutti::cpu::detail
