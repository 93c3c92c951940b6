// SPDX-License-Identifier: Apache-2.0
#pragma once
// c += a b for a few rows of a, with lanes along the rows of b: for products of short sums, such as
// those over the positions of a page or over an adapter's rank, which leave nothing to add up
// across lanes.

#include <cstddef>
#include <type_traits>

#include "tutti/backend/cpu/product/row_tiles.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"
#include "tutti/base/numeric/float16.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Rows of a that share the loads of b: as many as the registers hold with 4 vectors of each.
inline constexpr std::size_t kRowTile = 3;
inline constexpr std::size_t kWideRowTile = kLanes == 16 ? 6 : kRowTile;

/// Calls body(Constant<count>, first) for tiles that cover `rows` rows, the largest first.
template <class Body>
void for_row_tiles(std::size_t rows, Body body) {
  std::size_t row = 0;
  const auto tiles = [&]<std::size_t Q>(Constant<Q> count) {
    for (; row + Q <= rows; row += Q) body(count, row);
  };
  if constexpr (kWideRowTile > kRowTile) tiles(Constant<kWideRowTile>{});
  tiles(Constant<kRowTile>{});
  if constexpr (!kFewTileSizes) tiles(Constant<2>{});
  tiles(Constant<1>{});
}

template <class T>
[[nodiscard]] FloatLanes load_elements(const T* from) {
  return load_as<T>(reinterpret_cast<const std::byte*>(from));
}

/// c[q][j] += sum_i a[q][i] b[i][j] for i in [begin, end) ascending and `Vectors` vectors of
/// columns j: one chain of fused multiply-adds for each element, whatever the tile.
template <std::size_t Vectors, std::size_t Q, class T>
void accumulate_columns(const float* const (&a)[Q], std::size_t begin, std::size_t end, const T* b,
                        std::size_t stride, float* const (&c)[Q], std::size_t column) {
  FloatLanes sums[Q][Vectors];
  const auto place = [&](std::size_t q, std::size_t v) { return c[q] + column + v * kLanes; };
  unroll<Q * Vectors>([&](auto i) TUTTI_ALWAYS_INLINE {
    sums[i / Vectors][i % Vectors] = load(place(i / Vectors, i % Vectors));
  });
  for (std::size_t i = begin; i < end; ++i) {
    FloatLanes factors[Q];
    unroll<Q>([&](auto q) TUTTI_ALWAYS_INLINE { factors[q] = keep(broadcast(a[q][i])); });
    unroll<Vectors>([&](auto v) TUTTI_ALWAYS_INLINE {
      const FloatLanes element = keep(load_elements(b + i * stride + column + v * kLanes));
      unroll<Q>([&](auto q)
                    TUTTI_ALWAYS_INLINE { sums[q][v] = fma(factors[q], element, sums[q][v]); });
    });
  }
  unroll<Q * Vectors>([&](auto i) TUTTI_ALWAYS_INLINE {
    store(place(i / Vectors, i % Vectors), sums[i / Vectors][i % Vectors]);
  });
}

/// The same for the first `columns` columns.
template <std::size_t Q, class T>
void accumulate_rows(const float* const (&a)[Q], std::size_t begin, std::size_t end, const T* b,
                     std::size_t stride, float* const (&c)[Q], std::size_t columns) {
  constexpr std::size_t kWide = Q == 1 ? 8 : 4;
  std::size_t column = 0;
  for (; column + kWide * kLanes <= columns; column += kWide * kLanes)
    accumulate_columns<kWide>(a, begin, end, b, stride, c, column);
  if constexpr (!kFewTileSizes) {
    for (; column + 2 * kLanes <= columns; column += 2 * kLanes)
      accumulate_columns<2>(a, begin, end, b, stride, c, column);
  }
  for (; column + kLanes <= columns; column += kLanes)
    accumulate_columns<1>(a, begin, end, b, stride, c, column);
  for (; column < columns; ++column) {
    for (std::size_t q = 0; q < Q; ++q) {
      for (std::size_t i = begin; i < end; ++i) {
        float element;
        if constexpr (std::is_same_v<T, float>) {
          element = b[i * stride + column];
        } else {
          element = to_float(b[i * stride + column]);
        }
        c[q][column] += a[q][i] * element;
      }
    }
  }
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI
