// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/matrix_view.hpp"

#include <array>
#include <type_traits>

#include "tests/support/catch.hpp"

using namespace tutti;

TEST_CASE("without a stride the rows lie one after the other") {
  std::array<float, 6> memory{1, 2, 3, 4, 5, 6};
  const MatrixView<float> matrix(memory.data(), 2, 3);
  CHECK(matrix.stride == 3);
  CHECK(matrix.row(1)[0] == 4);
  CHECK(matrix.row_span(1).size() == 3);
  CHECK(matrix.row_span(1).back() == 6);
}

TEST_CASE("a stride skips the elements between the rows") {
  std::array<int, 8> memory{1, 2, -1, -1, 3, 4, -1, -1};
  const MatrixView<int> matrix(memory.data(), 2, 2, 4);
  CHECK(matrix.row(1)[1] == 4);
  CHECK(matrix.row_span(0).size() == 2);
}

TEST_CASE("middle rows see the same memory and keep columns and stride") {
  std::array<int, 12> memory{};
  const MatrixView<int> matrix(memory.data(), 4, 2, 3);
  const MatrixView<int> middle = matrix.middle_rows(1, 2);
  CHECK(middle.rows == 2);
  CHECK(middle.cols == 2);
  CHECK(middle.stride == 3);
  middle.row(1)[1] = 7;
  CHECK(memory[7] == 7);
}

TEST_CASE("a view of mutable elements converts to one of constant elements, not back") {
  std::array<int, 2> memory{1, 2};
  const MatrixView<const int> constant = MatrixView<int>(memory.data(), 1, 2);
  CHECK(constant.row(0) == memory.data());
  static_assert(!std::is_convertible_v<MatrixView<const int>, MatrixView<int>>);
}

TEST_CASE("a view made by default is empty") {
  const MatrixView<float> matrix;
  CHECK(matrix.data == nullptr);
  CHECK(matrix.rows == 0);
  CHECK(matrix.cols == 0);
}
