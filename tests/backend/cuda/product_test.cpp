// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cuda/kernels/product.cuh"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/backend/cuda/support.hpp"
#include "tutti/backend/cuda/matrix.cuh"
#include "tutti/formats/quantized/dequantize.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

constexpr DType kTensorTypes[] = {DType::f16,  DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1,
                                  DType::q5_0, DType::q5_1, DType::q4_k, DType::q5_k, DType::q6_k};

/// At least `cols`, in whole blocks.
std::size_t whole_blocks(DType type, std::size_t cols) {
  const std::size_t block = layout_of(type).block_elements;
  return (cols + block - 1) / block * block;
}

/// Where the norm before a product is computed.
enum class NormPlace { none, in_blocks, before };

/// y = x W^T for experts with `counts` rows of x each.
std::vector<float> multiply(const std::vector<WeightMatrix>& experts,
                            const std::vector<std::uint32_t>& counts, const std::vector<float>& x,
                            const std::vector<float>& bias = {},
                            NormPlace place = NormPlace::none) {
  const cuda::Stream stream;
  std::vector<cuda::StoredMatrix> stored;
  std::vector<cuda::DeviceMatrix> table;
  std::vector<cuda::DeviceGroup> groups;
  std::vector<Row> batch;
  std::size_t most = 0, rows = 0;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    stored.emplace_back(experts[e], stream);
    table.push_back(stored.back().view());
    groups.push_back({static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(rows), counts[e]});
    batch.insert(batch.end(), counts[e], Row{static_cast<std::uint32_t>(e), 0, 0, 0});
    rows += counts[e];
    most = std::max<std::size_t>(most, counts[e]);
  }
  const auto device_table = on_device(table, stream);
  const auto device_groups = on_device(groups, stream);
  const auto device_bias = on_device(bias, stream);
  const auto biases = on_device(std::vector<const float*>(experts.size(), device_bias.data()),
                                stream);
  const cuda::Rows inputs = rows_of(x, experts[0].cols, stream);
  const cuda::Rows outputs(rows, experts[0].rows, stream), normed(rows, experts[0].cols, stream);
  const auto device_batch = on_device(batch, stream);
  const auto norm_weights = on_device(random_floats(experts.size() * experts[0].cols, 99), stream);
  cuda::ProductJob job{.x = inputs.view(), .cols = static_cast<std::uint32_t>(experts[0].cols)};
  job.parts[0] = {
      .linear = {device_table.data(), bias.empty() ? nullptr : biases.data(), nullptr, {}},
      .groups = {device_groups.data(), groups.size(), most},
      .outputs = static_cast<std::uint32_t>(experts[0].rows),
      .out = outputs.view()};
  const cuda::DeviceNorm norm{norm_weights.data(), nullptr, job.cols, 1e-5F, false};
  if (place == NormPlace::in_blocks) {
    job.norm = norm;
    job.rows = device_batch.data();
  } else if (place == NormPlace::before) {
    cuda::launch({dim3(static_cast<unsigned>(rows)), dim3(cuda::kRowThreads)}, stream.get(),
                 cuda::norm_kernel<cuda::kRowThreads>, norm, device_batch.data(), nullptr, job.x,
                 normed.view(), false);
    job.x = normed.view();
  }
  cuda::enqueue_products(cuda::device_type(experts[0].type), job, 1, stream.get());
  return values_of(outputs, stream);
}

/// Bound of terms that cancel in the weights: for types whose codes are relative to their middle,
/// the magnitudes of scale * (code - middle) and of minimum + middle * scale are together at most
/// that of the weight and twice that of the latter.
std::vector<double> hidden_magnitudes(const WeightMatrix& weights) {
  std::vector<double> magnitudes(weights.rows * weights.cols);
  const DType type = cuda::device_type(weights.type);
  if (!has_minimum(type)) return magnitudes;
  auto next = magnitudes.begin();
  for (std::size_t r = 0; r < weights.rows; ++r) {
    each_group(weights.type, weights.row(r), weights.cols, [&](const QuantizedGroup& group) {
      const double middle = cuda::has_nibbles(type) ? 8 : 16;
      const double hidden = 2 * std::fabs(static_cast<double>(group.minimum) +
                                          middle * static_cast<double>(group.scales[0]));
      next = std::fill_n(next, kGroupWeights, hidden);
    });
  }
  return magnitudes;
}

/// The largest error against sums in double, relative to the sum of the terms' magnitudes.
double worst_error(const WeightMatrix& weights, std::span<const float> x,
                   std::span<const float> y) {
  const std::vector<double> hidden = hidden_magnitudes(weights);
  std::vector<float> row(weights.cols);
  double worst = 0;
  for (std::size_t n = 0; n < weights.rows; ++n) {
    dequantize_row(weights.type, weights.row(n), weights.cols, row.data());
    for (std::size_t m = 0; m < x.size() / weights.cols; ++m) {
      double sum = 0, magnitude = 1e-30;
      for (std::size_t k = 0; k < weights.cols; ++k) {
        const double input = static_cast<double>(x[m * weights.cols + k]),
                     term = static_cast<double>(row[k]) * input;
        sum += term;
        magnitude += std::fabs(term) + hidden[n * weights.cols + k] * std::fabs(input);
      }
      worst = std::max(worst,
                       std::fabs(sum - static_cast<double>(y[m * weights.rows + n])) / magnitude);
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("a product of two rows with three weight rows is the textbook sum", "[cuda][kernel]") {
  const std::vector<float> w = {1, 2, 3, 4, 0, -1, 0.5F, 0, 10, 20, 30, 40};
  const WeightMatrix weights{DType::f32, reinterpret_cast<const std::byte*>(w.data()), 3, 4, 16};
  CHECK(multiply({weights}, {2}, {1, 1, 1, 1, 2, 0, 4, -1}) ==
        std::vector<float>{10, -0.5F, 100, 10, 2, 100});
  CHECK(multiply({weights}, {1}, {1, 1, 1, 1}, {5, 6, 7}) == std::vector<float>{15, 5.5F, 107});
}

TEST_CASE(
    "every type agrees with sums in double over its dequantized weights, in any order of threads",
    "[cuda][kernel]") {
  std::vector<DType> types(std::begin(kTensorTypes), std::end(kTensorTypes));
  types.push_back(DType::f32);
  for (const DType type : types) {
    CAPTURE(layout_of(type).name);
    const std::size_t cols = whole_blocks(type, 288);
    const RandomWeights weights(type, 9, cols, 7);
    const std::vector<float> x = random_floats(3 * cols, 8);
    std::vector<float> first;
    in_several_orders([&] {
      const std::vector<float> y = multiply({weights.view()}, {3}, x);
      CHECK(worst_error(weights.view(), x, y) < 1e-6);
      if (first.empty()) first = y;
      CHECK(y == first);
    });
  }
}

TEST_CASE("rows of floats may have any length and begin anywhere", "[cuda][kernel]") {
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    for (const std::size_t cols : {1U, 7U, 8U, 9U, 77U}) {
      CAPTURE(layout_of(type).name, cols);
      const RandomWeights weights(type, 5, cols, cols, 1);
      const std::vector<float> x = random_floats(2 * cols, 100 + cols);
      CHECK(worst_error(weights.view(), x, multiply({weights.view()}, {2}, x)) < 1e-6);
    }
  }
}

TEST_CASE("a row's bits depend neither on the number of rows nor on the experts beside it",
          "[cuda][kernel]") {
  for (const DType type : {DType::f32, DType::bf16, DType::q4_1}) {
    CAPTURE(layout_of(type).name);
    const RandomWeights a(type, 6, 320, 1), b(type, 6, 320, 2);
    const std::vector<float> x = random_floats(20 * 320, 3);
    const auto rows = [&](std::size_t first, std::size_t count) {
      return std::vector<float>(x.begin() + static_cast<std::ptrdiff_t>(first * 320),
                                x.begin() + static_cast<std::ptrdiff_t>((first + count) * 320));
    };
    const std::vector<float> together = multiply({a.view(), b.view()}, {17, 3}, x);
    for (const std::uint32_t count : {1U, 2U, 3U, 5U, 9U}) {
      const std::vector<float> alone = multiply({a.view()}, {count}, rows(2, count));
      CHECK(std::memcmp(alone.data(), &together[std::size_t{2} * 6],
                        alone.size() * sizeof(float)) == 0);
    }
    const std::vector<float> other = multiply({b.view()}, {3}, rows(17, 3));
    CHECK(std::memcmp(other.data(), &together[std::size_t{17} * 6], other.size() * sizeof(float)) ==
          0);
  }
}

TEST_CASE("a group without rows gets nothing and takes nothing from the others", "[cuda][kernel]") {
  for (const DType type : {DType::f32, DType::bf16, DType::q4_1}) {
    CAPTURE(layout_of(type).name);
    const RandomWeights a(type, 6, 64, 1), b(type, 6, 64, 2), c(type, 6, 64, 3);
    const std::vector<float> x = random_floats(5 * 64, 4);
    const std::vector<float> expected = multiply({a.view(), c.view()}, {3, 2}, x);
    CHECK(multiply({a.view(), b.view(), c.view()}, {3, 0, 2}, x) == expected);
    CHECK(multiply({b.view(), a.view(), c.view(), b.view()}, {0, 3, 2, 0}, x) == expected);
  }
}

TEST_CASE("a row's bits on tensor cores are those of the row alone, however many there are",
          "[cuda][kernel]") {
  constexpr std::size_t kOutputs = 37;  // not a multiple of the tile
  for (const DType type : {DType::f16, DType::bf16, DType::q8_0, DType::q4_1, DType::q6_k}) {
    // Not a multiple of the slice, if the block size allows it.
    const std::size_t cols = whole_blocks(type, 200);
    const RandomWeights weights(type, kOutputs, cols, 1);
    const std::vector<float> x = random_floats(70 * cols, 2);
    const auto rows = [&](std::size_t first, std::size_t count) {
      const auto begin = x.begin() + static_cast<std::ptrdiff_t>(first * cols);
      return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(count * cols));
    };
    std::vector<float> alone;
    for (std::size_t r = 0; r < 70; ++r) {
      const std::vector<float> one = multiply({weights.view()}, {1}, rows(r, 1));
      alone.insert(alone.end(), one.begin(), one.end());
    }
    for (const std::uint32_t count : {2U, 7U, 8U, 9U, 16U, 17U, 33U, 64U, 70U}) {
      CAPTURE(layout_of(type).name, count);
      const std::vector<float> together = multiply({weights.view()}, {count}, rows(0, count));
      CHECK(std::memcmp(together.data(), alone.data(), together.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE(
    "a norm in the blocks gives the bits of a norm before them, also with several tiles per block",
    "[cuda][kernel]") {
  for (const DType type : {DType::f32, DType::bf16, DType::q4_1}) {
    CAPTURE(layout_of(type).name);
    const RandomWeights few(type, 21, 96, 1);
    const std::vector<float> x = random_floats(4 * 96, 3);
    const std::vector<float> before = multiply({few.view(), few.view()}, {3, 1}, x, {},
                                               NormPlace::before);
    in_several_orders([&] {
      const std::vector<float> y = multiply({few.view(), few.view()}, {3, 1}, x, {},
                                            NormPlace::in_blocks);
      CHECK(std::memcmp(y.data(), before.data(), y.size() * sizeof(float)) == 0);
    });
  }
  const RandomWeights many(DType::bf16, 33001, 8, 2);
  const std::vector<float> x = random_floats(2 * 8, 4);
  CHECK(multiply({many.view()}, {2}, x, {}, NormPlace::in_blocks) ==
        multiply({many.view()}, {2}, x, {}, NormPlace::before));
}

TEST_CASE(
    "a norm in the blocks of products with f32 weights fits the shared memory for all widths about "
    "the limit of 48 KiB",
    "[cuda][kernel]") {
  // Four rows of 3072 floats are 48 KiB; the norm's sums are static shared memory in addition.
  for (const std::size_t cols : {3064U, 3071U, 3072U, 3073U, 4096U}) {
    for (const std::uint32_t rows : {3U, 4U}) {
      CAPTURE(cols, rows);
      REQUIRE(cuda::norm_fits(rows, cols));
      const RandomWeights weights(DType::f32, 2, cols, 1);
      const std::vector<float> x = random_floats(rows * cols, 3);
      CHECK(multiply({weights.view()}, {rows}, x, {}, NormPlace::in_blocks) ==
            multiply({weights.view()}, {rows}, x, {}, NormPlace::before));
    }
  }
}

TEST_CASE(
    "products on tensor cores have no error but the rounding of sums, whatever the magnitudes of x",
    "[cuda][kernel]") {
  // Relative to the sum of magnitudes: splitting x into bf16 parts is exact, into f16's leaves
  // 2^-23. Within a slice each multiplication of the high parts (two of bf16, four of tf32) rounds
  // its sum by at most 2^-23, those of lower parts together by less than one more. Then a warp adds
  // its slices of 32 columns, every fourth, and the block four warps, each addition rounding by at
  // most 2^-24, twice as many where types have a minimum or two scales.
  for (const DType type : kTensorTypes) {
    for (const std::size_t cols :
         {whole_blocks(type, 31), whole_blocks(type, 288), whole_blocks(type, 1000)}) {
      CAPTURE(layout_of(type).name, cols);
      const double slices = static_cast<double>(cols) / 128 + 1;
      const double roundings = (type == DType::f16 ? 6.0 : 3.0) +
                               ((is_quantized(type) ? 2 : 1) * slices + 4) / 2;
      const RandomWeights weights(type, 19, cols, 5);
      std::vector<float> x = random_floats(18 * cols, 6);
      CHECK(worst_error(weights.view(), x, multiply({weights.view()}, {18}, x)) <
            roundings * 0x1p-23);
      for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = std::ldexp(x[i], static_cast<int>(random_bits(7, i) % 120) - 60);
      CHECK(worst_error(weights.view(), x, multiply({weights.view()}, {18}, x)) <
            roundings * 0x1p-23);
    }
  }
}

TEST_CASE("a NaN or an infinity in a row of x reaches its outputs and no others",
          "[cuda][kernel]") {
  for (const DType type : kTensorTypes) {
    CAPTURE(layout_of(type).name);
    const std::size_t cols = whole_blocks(type, 64);
    const RandomWeights weights(type, 5, cols, 5);
    std::vector<float> x = random_floats(3 * cols, 6);
    x[3] = std::numeric_limits<float>::quiet_NaN();
    x[cols + 40] = std::numeric_limits<float>::infinity();
    const std::vector<float> y = multiply({weights.view()}, {3}, x);
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isfinite(y[i]) == (i >= 10));
  }
}

TEST_CASE("a full device is an error that names what was asked for and what is free", "[cuda]") {
  const cuda::Stream stream;
  CHECK_THROWS_WITH(cuda::DeviceArray<std::byte>(std::size_t{1} << 60, stream),
                    contains("1152921504606846976 bytes") && contains("are free"));
  CHECK(cuda::DeviceArray<float>(4, stream).size() == 4);
}
