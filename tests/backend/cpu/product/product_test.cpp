// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cpu/product/product.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/support/catch.hpp"
#include "tutti/backend/cpu/activation_buffer.hpp"
#include "tutti/backend/cpu/product/product_kernel.hpp"
#include "tutti/formats/quantized/dequantize.hpp"

using namespace tutti;
using namespace tutti::cpu;
using tutti::test::random_floats;
using tutti::test::RandomWeights;

namespace {

constexpr DType kTypes[] = {DType::f32,  DType::f16,  DType::bf16, DType::q4_0,
                            DType::q4_1, DType::q5_0, DType::q5_1, DType::q8_0,
                            DType::q4_k, DType::q5_k, DType::q6_k};

/// Whether the kernels' multiply-adds round once: all do, except the portable ones on x86.
constexpr bool kFusesMultiplyAdd = kLanes > 4;

/// All rows of `x` [rows, cols] times `weights`, prepared and computed by `threads` threads.
std::vector<float> multiply(const WeightMatrix& weights, const std::vector<float>& x,
                            std::size_t threads = 1, bool round = false) {
  ThreadPool pool(threads);
  const std::size_t rows = x.size() / weights.cols;
  ActivationBuffer buffer(round);
  prepare(buffer, MatrixView<const float>(x.data(), rows, weights.cols),
          std::span(&weights.type, 1), pool);
  std::vector<float> y(rows * weights.rows, -1000.0F);
  run_product(pool, {weights, buffer.view(), MatrixView<float>(y.data(), rows, weights.rows)});
  return y;
}

/// The activations that the kernel uses: quantized ones are dequantized again.
std::vector<double> seen_activations(const WeightMatrix& weights, const std::vector<float>& x) {
  ThreadPool pool(1);
  ActivationBuffer buffer;
  prepare(buffer, MatrixView<const float>(x.data(), x.size() / weights.cols, weights.cols),
          std::span(&weights.type, 1), pool);
  std::vector<double> seen(x.begin(), x.end());
  if (!is_quantized(weights.type)) return seen;
  const PreparedActivations view = buffer.view();
  const QuantizedRows& rows = activation_form(weights.type) == ActivationForm::blocks
                                  ? view.blocks
                                  : view.superblocks;
  for (std::size_t i = 0; i < seen.size(); ++i)
    seen[i] = static_cast<double>(rows.scales[i / 32]) * rows.codes[i];
  return seen;
}

/// Compares with sums in double over dequantized weights; the bound is relative to the sum of the
/// terms' magnitudes.
void check_against_double(const WeightMatrix& weights, const std::vector<float>& x,
                          const std::vector<float>& y, double tolerance) {
  const std::vector<double> seen = seen_activations(weights, x);
  const std::size_t rows = x.size() / weights.cols;
  std::vector<float> row(weights.cols);
  double worst = 0.0;
  for (std::size_t n = 0; n < weights.rows; ++n) {
    dequantize_row(weights.type, weights.row(n), weights.cols, row.data());
    for (std::size_t m = 0; m < rows; ++m) {
      double expected = 0.0, magnitude = 1e-30;
      for (std::size_t k = 0; k < weights.cols; ++k) {
        const double term = static_cast<double>(row[k]) * seen[m * weights.cols + k];
        expected += term;
        magnitude += std::fabs(term);
      }
      worst = std::max(worst, std::fabs(y[m * weights.rows + n] - expected) / magnitude);
    }
  }
  CHECK(worst < tolerance);
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// Types with a minimum round the sum of the activations to 16 bits, as ggml does.
double tolerance_of(DType type) { return type == DType::q4_1 || type == DType::q5_1 ? 1e-3 : 2e-6; }

}  // namespace

TEST_CASE("a product of two rows with three weight rows is the textbook sum") {
  const std::vector<float> w = {1, 2, 3, 4, 0, -1, 0.5F, 0, 10, 20, 30, 40};
  const std::vector<float> x = {1, 1, 1, 1, 2, 0, 4, -1};
  const WeightMatrix weights{DType::f32, reinterpret_cast<const std::byte*>(w.data()), 3, 4, 16};
  CHECK(multiply(weights, x) == std::vector<float>{10, -0.5F, 100, 10, 2, 100});
}

TEST_CASE("every type agrees with sums in double over its dequantized weights") {
  for (const DType type : kTypes) {
    // Numbers of outputs: less than one panel of any width, then whole panels followed by a partial
    // one, and pairs of these.
    for (const std::size_t outputs : {5U, 27U, 77U}) {
      const RandomWeights weights(type, outputs, 1280, 7);
      for (const std::size_t rows : {1U, 2U, 3U, 4U, 5U, 17U}) {
        CAPTURE(layout_of(type).name, outputs, rows);
        const std::vector<float> x = random_floats(rows * 1280, 8);
        check_against_double(weights.view(), x, multiply(weights.view(), x), tolerance_of(type));
      }
    }
  }
}

TEST_CASE(
    "activations rounded to bfloat16 agree with sums in double, and a row's bits do not depend on "
    "the others") {
  for (const std::size_t cols : {1U, 31U, 77U, 576U, 1280U}) {
    for (const std::size_t outputs : {5U, 131U}) {
      const RandomWeights weights(DType::bf16, outputs, cols, 15);
      std::vector<float> x = random_floats(17 * cols, 16);
      std::transform(x.begin(), x.end(), x.begin(),
                     [](float value) { return to_float(to_bfloat16(value)); });
      const std::vector<float> all = multiply(weights.view(), x, 2, true);
      check_against_double(weights.view(), x, all, 2e-6);
      for (const std::size_t rows : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 13U}) {
        CAPTURE(cols, outputs, rows);
        const std::vector<float> some = multiply(
            weights.view(), {x.end() - static_cast<std::ptrdiff_t>(rows * cols), x.end()}, 1, true);
        CHECK(same_bits(some, std::span(all).subspan((17 - rows) * outputs)));
      }
    }
  }
}

TEST_CASE("quantizing the activations costs about one per cent") {
  for (const DType type : kTypes) {
    if (!is_quantized(type)) continue;
    CAPTURE(layout_of(type).name);
    const RandomWeights weights(type, 16, 512, 3);
    const std::vector<float> x = random_floats(512, 4);
    const std::vector<float> y = multiply(weights.view(), x);
    std::vector<float> row(512);
    double squared_error = 0.0, squared = 0.0;
    for (std::size_t n = 0; n < 16; ++n) {
      dequantize_row(type, weights.view().row(n), 512, row.data());
      double exact = 0.0;
      for (std::size_t k = 0; k < 512; ++k)
        exact += static_cast<double>(row[k]) * static_cast<double>(x[k]);
      squared_error += (y[n] - exact) * (y[n] - exact);
      squared += exact * exact;
    }
    CHECK(std::sqrt(squared_error / squared) < 0.02);
  }
}

TEST_CASE("a row's bits do not depend on how many rows are multiplied with it") {
  for (const DType type : kTypes) {
    const std::size_t cols = is_quantized(type) ? 1280 : 77;
    const RandomWeights weights(type, 43, cols, 11);
    const std::vector<float> x = random_floats(40 * cols, 12);
    const std::vector<float> all = multiply(weights.view(), x);
    for (std::size_t rows = 1; rows <= 17; ++rows) {
      CAPTURE(layout_of(type).name, rows);
      const std::size_t first = 40 - rows;
      const std::vector<float> some = multiply(
          weights.view(), {x.begin() + static_cast<std::ptrdiff_t>(first * cols), x.end()});
      CHECK(same_bits(some, std::span(all).subspan(first * 43)));
    }
  }
}

TEST_CASE(
    "more weights than one block of the cache, with several passes over it, give the same bits as "
    "one row alone") {
  for (const DType type : kTypes) {
    CAPTURE(layout_of(type).name);
    const RandomWeights weights(type, 131, 2560, 13);
    const std::vector<float> x = random_floats(13 * 2560, 14);
    const std::vector<float> all = multiply(weights.view(), x);
    for (const std::size_t row : {0U, 6U, 12U}) {
      const std::vector<float> alone = multiply(
          weights.view(), {x.begin() + static_cast<std::ptrdiff_t>(row * 2560),
                           x.begin() + static_cast<std::ptrdiff_t>((row + 1) * 2560)});
      CHECK(same_bits(alone, std::span(all).subspan(row * 131, 131)));
    }
  }
}

namespace {

/// FNV-1a over the bits of the values.
std::uint32_t hash_of(std::span<const float> values) {
  std::uint32_t hash = 0x811C9DC5U;
  for (const float value : values) {
    for (int shift = 0; shift < 32; shift += 8)
      hash = (hash ^ (std::bit_cast<std::uint32_t>(value) >> shift & 0xFFU)) * 0x01000193U;
  }
  return hash;
}

}  // namespace

TEST_CASE("quantized products have the same bits on all processors with fused multiply-adds") {
  // AVX2, AVX-512 and NEON have the same hashes.
  const std::pair<DType, std::uint32_t> cases[] = {
      {DType::q4_0, 0x2DB04D32U}, {DType::q4_1, 0x82812F83U}, {DType::q5_0, 0x1751436CU},
      {DType::q5_1, 0xDBFA6268U}, {DType::q8_0, 0xD976C085U}, {DType::q4_k, 0x5BC438D1U},
      {DType::q5_k, 0xB033EFB2U}, {DType::q6_k, 0x052A8367U}};
  if (!kFusesMultiplyAdd) return;
  for (const auto& [type, expected] : cases) {
    CAPTURE(layout_of(type).name);
    const RandomWeights weights(type, 43, 512, 71);
    const std::vector<float> x = random_floats(6 * 512, 72);
    CHECK(hash_of(multiply(weights.view(), x)) == expected);
  }
}

TEST_CASE("dense products have the same bits on all processors with vectors of eight lanes") {
  // AVX2 and NEON have the same hashes.
  const std::pair<DType, std::uint32_t> cases[] = {
      {DType::f32, 0x46B43F98U}, {DType::f16, 0x3A930489U}, {DType::bf16, 0x8CC83B12U}};
  if (kLanes != 8) return;
  for (const auto& [type, expected] : cases) {
    CAPTURE(layout_of(type).name);
    const RandomWeights weights(type, 43, 331, 73);
    const std::vector<float> x = random_floats(6 * 331, 74);
    CHECK(hash_of(multiply(weights.view(), x)) == expected);
  }
}

TEST_CASE("an output's bits do not depend on the range or the thread that computes it") {
  for (const DType type : kTypes) {
    CAPTURE(layout_of(type).name);
    const RandomWeights weights(type, 150, 512, 21);
    const std::vector<float> x = random_floats(5 * 512, 22);
    const std::vector<float> alone = multiply(weights.view(), x);
    for (const std::size_t threads : {2U, 3U, 7U})
      CHECK(same_bits(multiply(weights.view(), x, threads), alone));

    ThreadPool pool(1);
    ActivationBuffer buffer;
    prepare(buffer, MatrixView<const float>(x.data(), 5, 512), std::span(&type, 1), pool);
    std::vector<float> y(5 * 150);
    const ProductJob job{weights.view(), buffer.view(), MatrixView<float>(y.data(), 5, 150)};
    for (const std::size_t border : {0U, 1U, 7U, 50U, 149U}) {
      std::fill(y.begin(), y.end(), 0.0F);
      product(job, 0, border);
      product(job, border, 150);
      CHECK(same_bits(y, alone));
    }
  }
}

TEST_CASE("weights may begin at any byte") {
  for (const DType type : kTypes) {
    CAPTURE(layout_of(type).name);
    const std::vector<float> x = random_floats(3 * 256, 32);
    const std::vector<float> aligned = multiply(RandomWeights(type, 13, 256, 31).view(), x);
    for (const std::size_t shift : {1U, 2U, 7U})
      CHECK(same_bits(multiply(RandomWeights(type, 13, 256, 31, shift).view(), x), aligned));
  }
}

TEST_CASE("dense rows may have any length") {
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    for (std::size_t cols = 1; cols <= 70; ++cols) {
      CAPTURE(layout_of(type).name, cols);
      const RandomWeights weights(type, 9, cols, cols);
      const std::vector<float> x = random_floats(6 * cols, 100 + cols);
      check_against_double(weights.view(), x, multiply(weights.view(), x), 1e-6);
    }
  }
}

TEST_CASE("elements after the end of a short row are never multiplied") {
  std::vector<float> w = {1, 2, 3, std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity()};
  const WeightMatrix weights{DType::f32, reinterpret_cast<const std::byte*>(w.data()), 1, 3, 12};
  CHECK(multiply(weights, {1, 1, 1}) == std::vector<float>{6});
}

TEST_CASE("a product adds its bias and, if asked, what is already there") {
  constexpr std::size_t kOutputs = 75;  // whole panels and a part of one
  for (const DType type : {DType::f32, DType::q8_0}) {
    const RandomWeights weights(type, kOutputs, 64, 41);
    const std::vector<float> x = random_floats(2 * 64, 42);
    const std::vector<float> plain = multiply(weights.view(), x);
    const std::vector<float> bias = random_floats(kOutputs, 43);
    ThreadPool pool(1);
    ActivationBuffer buffer;
    prepare(buffer, MatrixView<const float>(x.data(), 2, 64), std::span(&type, 1), pool);
    std::vector<float> y(2 * kOutputs, 100.0F);
    run_product(pool, {weights.view(), buffer.view(), MatrixView<float>(y.data(), 2, kOutputs),
                       bias.data(), true});
    for (std::size_t i = 0; i < 2 * kOutputs; ++i)
      CHECK(y[i] == 100.0F + (plain[i] + bias[i % kOutputs]));
  }
}

TEST_CASE("several jobs run at once, each as if it were alone, empty ones among them") {
  const std::vector<float> x = random_floats(9 * 512, 52);
  const DType types[] = {DType::bf16, DType::q4_1, DType::q6_k};
  for (const std::size_t threads : {1U, 2U, 5U}) {
    ThreadPool pool(threads);
    ActivationBuffer buffer;
    prepare(buffer, MatrixView<const float>(x.data(), 9, 512), types, pool);
    const RandomWeights a(DType::bf16, 65, 512, 1), b(DType::q4_1, 31, 512, 2),
        c(DType::q6_k, 200, 512, 3);
    std::vector<float> ya(2 * 65), yb(3 * 31), yc(4 * 200);
    const ProductJob jobs[] = {{a.view(), buffer.view(0, 2), MatrixView<float>(ya.data(), 2, 65)},
                               {a.view(), buffer.view(2, 0), MatrixView<float>()},
                               {b.view(), buffer.view(2, 3), MatrixView<float>(yb.data(), 3, 31)},
                               {c.view(), buffer.view(5, 4), MatrixView<float>(yc.data(), 4, 200)}};
    run_products(pool, jobs);
    const auto rows = [&](std::size_t first, std::size_t count) {
      return std::vector<float>(x.begin() + static_cast<std::ptrdiff_t>(first * 512),
                                x.begin() + static_cast<std::ptrdiff_t>((first + count) * 512));
    };
    CHECK(same_bits(ya, multiply(a.view(), rows(0, 2))));
    CHECK(same_bits(yb, multiply(b.view(), rows(2, 3))));
    CHECK(same_bits(yc, multiply(c.view(), rows(5, 4))));
  }
}

TEST_CASE("a NaN among the activations reaches every output of its row and no other row") {
  for (const DType type : kTypes) {
    CAPTURE(layout_of(type).name);
    const RandomWeights weights(type, 10, 256, 61);
    std::vector<float> x = random_floats(2 * 256, 62);
    const std::vector<float> clean = multiply(weights.view(), x);
    x[256 + 100] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> y = multiply(weights.view(), x);
    CHECK(same_bits(std::span(y).first(10), std::span(clean).first(10)));
    for (std::size_t n = 0; n < 10; ++n) CHECK(std::isnan(y[10 + n]));
  }
}
