// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the activation rows of a product are divided into tiles. Results do not depend on it.

#include <cstddef>

#include "tutti/backend/cpu/simd/simd.hpp"
#include "tutti/base/macros.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Whether kernels are compiled for tiles of 1 row and of the largest size only. Code for each size
/// between is faster with few rows and takes a compiler three times as long: the portable kernels,
/// which programs without processor flags compile, do without.
#if defined(TUTTI_HAS_AVX512) || defined(TUTTI_HAS_AVX2) || defined(TUTTI_HAS_NEON)
inline constexpr bool kFewTileSizes = false;
#else
inline constexpr bool kFewTileSizes = true;
#endif

/// Divides rows into tiles of at most kLargest: of about equal sizes, or, with kFewTileSizes, of
/// kLargest rows and then of one.
template <std::size_t kLargest>
class RowTiles {
 public:
  explicit RowTiles(std::size_t rows)
      : rows_(rows),
        whole_(rows / kLargest),
        count_(kFewTileSizes ? whole_ + rows % kLargest : (rows + kLargest - 1) / kLargest) {}

  [[nodiscard]] std::size_t count() const { return count_; }
  /// The first row of a tile.
  [[nodiscard]] std::size_t begin(std::size_t tile) const {
    if constexpr (kFewTileSizes)
      return tile <= whole_ ? tile * kLargest : whole_ * kLargest + (tile - whole_);
    return rows_ * tile / count_;
  }
  [[nodiscard]] std::size_t size(std::size_t tile) const { return begin(tile + 1) - begin(tile); }

 private:
  std::size_t rows_;
  std::size_t whole_;
  std::size_t count_;
};

}  // namespace tutti::cpu::detail::inline TUTTI_ABI
