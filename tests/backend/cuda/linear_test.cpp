// SPDX-License-Identifier: Apache-2.0
// Linear layers of several experts with low-rank adapters, against sums in double.
#include "tutti/backend/cuda/linear_launcher.cuh"

#include <cmath>
#include <deque>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/backend/cuda/support.hpp"
#include "tutti/formats/quantized/dequantize.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

constexpr std::size_t kLayerCols = 40, kLayerOutputs = 21;

/// The layers of experts, which own the memory of the weights.
struct LinearExperts {
  std::deque<RandomWeights> memory;
  std::vector<LinearWeights> layers;

  WeightMatrix random(DType type, std::size_t rows, std::size_t cols) {
    return memory.emplace_back(type, rows, cols, memory.size() + 1).view();
  }
  /// An expert with these weights, a bias if `bias_seed` is not 0, and an adapter if `rank` is not
  /// 0.
  void add(const WeightMatrix& weight, std::size_t rank, DType adapter_type,
           std::uint64_t bias_seed) {
    LinearWeights layer;
    layer.weight = weight;
    if (bias_seed > 0) layer.bias = random_floats(kLayerOutputs, bias_seed);
    if (rank > 0)
      layer.delta = LowRankDelta{random(adapter_type, rank, kLayerCols),
                                 random(adapter_type, rank, kLayerOutputs)};
    layers.push_back(layer);
  }
};

std::vector<double> row_of(const WeightMatrix& matrix, std::size_t r) {
  std::vector<float> row(matrix.cols);
  dequantize_row(matrix.type, matrix.row(r), matrix.cols, row.data());
  return {row.begin(), row.end()};
}

double dot(const std::vector<double>& a, const float* b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * static_cast<double>(b[i]);
  return sum;
}

/// W x + bias + B (A x) in double.
std::vector<double> expected_outputs(const LinearWeights& layer, const float* x) {
  std::vector<double> y;
  for (std::size_t n = 0; n < kLayerOutputs; ++n) {
    y.push_back(dot(row_of(layer.weight, n), x));
    if (!layer.bias.empty()) y.back() += static_cast<double>(layer.bias[n]);
  }
  if (!layer.delta) return y;
  for (std::size_t k = 0; k < layer.delta->a.rows; ++k) {
    const double input = dot(row_of(layer.delta->a, k), x);
    const std::vector<double> b = row_of(layer.delta->b_transposed, k);
    for (std::size_t n = 0; n < kLayerOutputs; ++n) y[n] += b[n] * input;
  }
  return y;
}

/// The largest error of all outputs of `counts[e]` rows of each expert.
double largest_error(const LinearExperts& experts, const std::vector<std::size_t>& counts) {
  const cuda::Stream stream;
  cuda::Products products;
  std::vector<const LinearWeights*> pointers;
  for (const LinearWeights& layer : experts.layers) pointers.push_back(&layer);
  const cuda::Linear linear = products.make(pointers, stream);
  std::vector<Row> rows;
  std::vector<RowGroup> groups;
  for (std::uint32_t e = 0; e < counts.size(); ++e) {
    if (counts[e] > 0) groups.push_back({e, rows.size(), counts[e]});
    rows.insert(rows.end(), counts[e], Row{e, 0, 0, 0});
  }
  const std::vector<float> x = random_floats(rows.size() * kLayerCols, 77);
  const cuda::Rows in = rows_of(x, kLayerCols, stream), out(rows.size(), kLayerOutputs, stream);
  const auto device_rows = on_device(rows, stream);
  products.begin(groups, stream);
  const cuda::Product product{linear, out.view()};
  products.run({in, {}, device_rows.data(), rows.size()}, {&product, 1}, stream);
  const std::vector<float> y = values_of(out, stream);
  double largest = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::vector<double> expected = expected_outputs(experts.layers[rows[r].expert],
                                                          &x[r * kLayerCols]);
    for (std::size_t n = 0; n < kLayerOutputs; ++n) {
      const double error = std::fabs(expected[n] - static_cast<double>(y[r * kLayerOutputs + n]));
      if (!(error <= largest)) largest = error;
    }
  }
  return largest;
}

}  // namespace

TEST_CASE(
    "Experts of shared and own weights with adapters of any ranks and types, or none, and "
    "with "
    "biases or none",
    "[cuda][kernel]") {
  for (const DType type : {DType::f32, DType::bf16}) {
    for (const bool mixed : {false, true}) {
      CAPTURE(layout_of(type).name, mixed);
      LinearExperts experts;
      const WeightMatrix shared = experts.random(type, kLayerOutputs, kLayerCols),
                         own = experts.random(type, kLayerOutputs, kLayerCols);
      experts.add(shared, 1, DType::f16, 0);
      experts.add(shared, 9, DType::f16, 0);
      experts.add(shared, 0, DType::f16, 0);
      experts.add(own, 17, mixed ? DType::bf16 : DType::f16, 0);
      experts.add(own, 8, mixed ? DType::f32 : DType::f16, 5);
      experts.add(shared, 24, DType::f16, 6);
      CHECK(largest_error(experts, {1, 1, 1, 1, 1, 1}) < 5e-5);
      CHECK(largest_error(experts, {2, 5, 1, 0, 3, 9}) < 5e-5);
      CHECK(largest_error(experts, {0, 0, 0, 20, 0, 1}) < 5e-5);
    }
  }
}

TEST_CASE("The epilogues of products: added, activated, and gated by a second matrix of any type",
          "[cuda][kernel]") {
  const auto silu = [](double x) { return x / (1 + std::exp(-x)); };
  for (const DType second_type : {DType::f32, DType::bf16}) {
    for (const std::size_t count : {1U, 3U, 9U}) {
      CAPTURE(layout_of(second_type).name, count);
      LinearExperts gates, ups;
      for (std::size_t e = 0; e < 2; ++e) {
        gates.add(gates.random(DType::f32, kLayerOutputs, kLayerCols), 3 * e, DType::f32, 4);
        ups.add(ups.random(second_type, kLayerOutputs, kLayerCols), 5 * (1 - e), DType::f32, 0);
      }
      const cuda::Stream stream;
      cuda::Products products;
      const LinearWeights* const gate_pointers[] = {&gates.layers[0], &gates.layers[1]};
      const LinearWeights* const up_pointers[] = {&ups.layers[0], &ups.layers[1]};
      const cuda::Linear gate = products.make(gate_pointers, stream),
                         up = products.make(up_pointers, stream);
      const RowGroup groups[] = {{0, 0, count}, {1, count, 2}};
      std::vector<Row> rows(count, Row{0, 0, 0, 0});
      rows.insert(rows.end(), 2, Row{1, 0, 0, 0});
      const auto device_rows = on_device(rows, stream);
      const std::vector<float> x = random_floats(rows.size() * kLayerCols, 7),
                               before = random_floats(rows.size() * kLayerOutputs, 8);
      const cuda::Rows in = rows_of(x, kLayerCols, stream);
      products.begin(groups, stream);
      for (const cuda::ProductEnd end :
           {cuda::ProductEnd::add, cuda::ProductEnd::activate, cuda::ProductEnd::gate}) {
        CAPTURE(static_cast<int>(end));
        const cuda::Rows out = rows_of(before, kLayerOutputs, stream);
        const cuda::Product product{gate, out.view(), end,
                                    end == cuda::ProductEnd::gate ? &up : nullptr};
        products.run({in, {}, device_rows.data(), rows.size()}, {&product, 1}, stream);
        const std::vector<float> y = values_of(out, stream);
        double largest = 0;
        for (std::size_t r = 0; r < rows.size(); ++r) {
          const std::vector<double> a = expected_outputs(gates.layers[rows[r].expert],
                                                         &x[r * kLayerCols]),
                                    b = expected_outputs(ups.layers[rows[r].expert],
                                                         &x[r * kLayerCols]);
          for (std::size_t n = 0; n < kLayerOutputs; ++n) {
            const std::size_t at = r * kLayerOutputs + n;
            const double expected = end == cuda::ProductEnd::add
                                        ? static_cast<double>(before[at]) + a[n]
                                    : end == cuda::ProductEnd::activate ? silu(a[n])
                                                                        : silu(a[n]) * b[n];
            const double error = std::fabs(expected - static_cast<double>(y[at]));
            if (!(error <= largest)) largest = error;
          }
        }
        CHECK(largest < 1e-4);
      }
    }
  }
}

TEST_CASE("Weights are packed to the same bytes by one thread and by several", "[cuda][kernel]") {
  ThreadPool threads(3);
  const auto bytes_of = [](std::span<const std::byte> bytes) {
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  };
  for (const DType type :
       {DType::f32, DType::bf16, DType::f16, DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0,
        DType::q5_1, DType::q4_k, DType::q5_k, DType::q6_k}) {
    for (const bool widen : {false, true}) {
      for (const std::size_t rows : {1U, 32U, 97U}) {
        CAPTURE(layout_of(type).name, widen, rows);
        const RandomWeights weights(type, rows, is_quantized(type) ? 256 : 77, 3, 1);
        const cuda::PackedMatrix one = cuda::pack(weights.view(), widen),
                                 several = cuda::pack(weights.view(), widen, &threads);
        CHECK(bytes_of(one.weights()) == bytes_of(several.weights()));
        CHECK(bytes_of(one.scales()) == bytes_of(several.scales()));
        CHECK(one.weights().size() > 0);
      }
    }
  }
}
