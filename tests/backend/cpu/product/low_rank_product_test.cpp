// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cpu/product/low_rank_product.hpp"

#include <cmath>
#include <memory>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/backend/cpu/product/product.hpp"
#include "tutti/formats/quantized/convert.hpp"

using namespace tutti;

namespace {

std::vector<float> waves(std::size_t count, float step) {
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(std::sin(step * static_cast<float>(i + 1)));
  return values;
}

/// y [rows, outputs], initially all 1, after the product with `threads` threads.
std::vector<float> low_rank_sums(const WeightMatrix& b, const std::vector<float>& t,
                                 std::size_t rows, std::size_t threads) {
  std::vector<float> y(rows * b.cols, 1.0F);
  ThreadPool pool(threads);
  const cpu::LowRankJob job{b, MatrixView<const float>(t.data(), rows, b.rows),
                            MatrixView<float>(y.data(), rows, b.cols)};
  cpu::add_low_rank(pool, {&job, 1});
  return y;
}

}  // namespace

TEST_CASE(
    "A low-rank product equals a sum in double, and a row's bits depend on neither rows nor "
    "threads",
    "[low_rank_product]") {
  for (const std::size_t outputs : {1U, 37U, 576U, 1100U}) {
    for (const std::size_t rank : {1U, 3U, 16U}) {
      const std::size_t rows = 11;
      const std::vector<float> t = waves(rows * rank, 0.7F), values = waves(rank * outputs, 0.3F);
      const WeightMatrix floats{DType::f32, reinterpret_cast<const std::byte*>(values.data()), rank,
                                outputs, outputs * sizeof(float)};
      for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
        CAPTURE(outputs, rank, layout_of(type).name);
        std::vector<std::shared_ptr<const void>> owners;
        const WeightMatrix b = convert(floats, type, owners, "b"),
                           same = convert(b, DType::f32, owners, "b");
        const auto* exact = reinterpret_cast<const float*>(same.data);
        const std::vector<float> y = low_rank_sums(b, t, rows, 1);
        bool right = true;
        for (std::size_t m = 0; m < rows; ++m) {
          for (std::size_t n = 0; n < outputs; ++n) {
            double sum = 1.0;
            for (std::size_t k = 0; k < rank; ++k)
              sum += static_cast<double>(t[m * rank + k]) *
                     static_cast<double>(exact[k * outputs + n]);
            right = right && std::abs(static_cast<double>(y[m * outputs + n]) - sum) <= 4e-6;
          }
        }
        CHECK(right);
        CHECK(low_rank_sums(b, t, rows, 3) == y);
        CHECK(low_rank_sums(b, t, 1, 1) ==
              std::vector<float>(y.begin(), y.begin() + static_cast<std::ptrdiff_t>(outputs)));
      }
    }
  }
}

TEST_CASE("A low-rank product refuses quantized matrices", "[low_rank_product]") {
  const std::vector<float> values = waves(64, 0.3F), t = waves(2, 0.7F);
  const WeightMatrix floats{DType::f32, reinterpret_cast<const std::byte*>(values.data()), 2, 32,
                            32 * sizeof(float)};
  std::vector<std::shared_ptr<const void>> owners;
  CHECK_THROWS_AS(low_rank_sums(convert(floats, DType::q8_0, owners, "b"), t, 1, 1), ModelError);
}
