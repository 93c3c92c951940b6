// SPDX-License-Identifier: Apache-2.0
#pragma once
// Some weight rows side by side, one row a lane: what the products of quantised blocks compute with. Four consecutive
// codes of each of the rows make one RowBytes. Sixteen rows for AVX-512 with VNNI; eight for AVX2, and in plain loops otherwise.
// Integer sums are exact, so all variants give the same bits up to the float arithmetic around them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tutti::cpu::detail {

/// Where one block of each row of a panel begins, the rows `stride` bytes apart.
struct RowPointers {
  const std::byte* first;
  std::size_t stride;

  [[nodiscard]] const std::byte* row(std::size_t r) const { return first + r * stride; }
};

}  // namespace tutti::cpu::detail

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include "tutti/backend/cpu/detail/row_lanes_avx512.hpp"
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "tutti/backend/cpu/detail/row_lanes_avx2.hpp"
#else
#include "tutti/backend/cpu/detail/row_lanes_portable.hpp"
#endif
