// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace tutti::cpu::detail {

/// Where one block of each row of a panel begins, the rows `stride` bytes apart.
struct RowPointers {
  const std::byte* first;
  std::size_t stride;

  [[nodiscard]] const std::byte* row(std::size_t r) const { return first + r * stride; }
};

}  // namespace tutti::cpu::detail
