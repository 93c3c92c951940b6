// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace tutti::cpu::detail {

/// Where one block of each row of a panel begins, the rows a constant number of bytes apart. Up to
/// sixteen rows are addressed with six registers: four pointers plus 0, 1, 2 or 3 times four rows.
/// Compilers left alone compute sixteen pointers and move them between register files.
class RowPointers {
 public:
  RowPointers(const std::byte* first, std::size_t stride)
      : rows_{first, first + stride, first + 2 * stride, first + 3 * stride},
        four_rows_(4 * stride),
        twelve_rows_(12 * stride) {
    for (const std::byte*& row : rows_) hide(row);
    hide(four_rows_);
    hide(twelve_rows_);
  }

  [[nodiscard]] const std::byte* row(std::size_t r) const {
    return rows_[r % 4] + (r / 4 == 3 ? twelve_rows_ : r / 4 * four_rows_);
  }
  void advance(std::size_t bytes) {
    for (const std::byte*& row : rows_) {
      row += bytes;
      hide(row);
    }
  }

 private:
  /// Keeps the compiler from expressing `value` by other variables, and four of them by a vector.
  template <class T>
  static void hide(T& value) {
    asm("" : "+r"(value));
  }

  const std::byte* rows_[4];
  std::size_t four_rows_, twelve_rows_;
};

}  // namespace tutti::cpu::detail
