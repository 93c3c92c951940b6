// SPDX-License-Identifier: Apache-2.0
#pragma once
// A non-owning view of a row-major matrix.

#include <cstddef>
#include <span>
#include <type_traits>

namespace tutti {

/// `rows` x `cols` elements; row r begins at `data + r * stride`. Never owns, never checks bounds.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;  ///< Elements from one row to the next, >= cols.

  MatrixView() = default;
  MatrixView(T* first, std::size_t row_count, std::size_t col_count)
      : MatrixView(first, row_count, col_count, col_count) {}
  MatrixView(T* first, std::size_t row_count, std::size_t col_count, std::size_t row_stride)
      : data(first), rows(row_count), cols(col_count), stride(row_stride) {}

  /// A view of mutable elements is also a view of constant ones.
  template <class U, class = std::enable_if_t<std::is_same_v<const U, T>>>
  MatrixView(const MatrixView<U>& other)
      : MatrixView(other.data, other.rows, other.cols, other.stride) {}

  [[nodiscard]] T* row(std::size_t r) const { return data + r * stride; }
  [[nodiscard]] std::span<T> row_span(std::size_t r) const { return {row(r), cols}; }
  [[nodiscard]] MatrixView middle_rows(std::size_t first, std::size_t count) const {
    return {row(first), count, cols, stride};
  }
};

}  // namespace tutti
