// SPDX-License-Identifier: Apache-2.0
// The products of a decode step: the matrices of SmolLM2-135M and the largest ones of Llama-3.2-1B
// with 1 to 256 activation rows, every storage type, weights from memory (each product takes the
// next of 192 MB of matrices). Counters: bytes of weights and floating-point operations per second,
// and the bytes as a fraction of a plain read of memory in the same run.
//   product_benchmark --benchmark_filter='q8_0/3072x576/'

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/bandwidth_probe.hpp"
#include "tutti/backend/cpu/activation_buffer.hpp"
#include "tutti/backend/cpu/product/product.hpp"
#include "tutti/base/numeric/philox.hpp"
#include "tutti/formats/quantized/dequantize.hpp"

namespace {

using namespace tutti;

/// Consecutive matrices of one type, far larger than the caches. Numbers are small and finite.
class WeightStream {
 public:
  static constexpr std::size_t kBytes = std::size_t{192} << 20;

  explicit WeightStream(DType type) : type_(type), memory_(kBytes) {
    const DTypeLayout layout = layout_of(type);
    // 1024 random blocks, repeated. 0x2xxx is a small number in either 16-bit format, 0x3xxxxxxx
    // one in 32 bits.
    std::vector<std::byte> pattern(1024 * layout.block_bytes);
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      pattern[i] = static_cast<std::byte>(draw_block(DrawKey{}, static_cast<std::uint32_t>(i))[0] >>
                                          24);
    }
    for (std::size_t block = 0; block < 1024; ++block) {
      std::byte* first = pattern.data() + block * layout.block_bytes;
      if (type == DType::f32) first[3] = std::byte{0x3D};
      if (type == DType::f16 || type == DType::bf16)
        first[1] = type == DType::f16 ? std::byte{0x2A} : std::byte{0x3D};
      if (is_quantized(type)) first[1] = std::byte{0x20};
      if (type == DType::q4_1 || type == DType::q5_1 || type == DType::q4_k || type == DType::q5_k)
        first[3] = std::byte{0x20};
      if (type == DType::q6_k) first[209] = std::byte{0x20};
    }
    for (std::size_t i = 0; i < kBytes; i += pattern.size()) {
      std::memcpy(memory_.data() + i, pattern.data(), std::min(pattern.size(), kBytes - i));
    }
  }

  WeightMatrix next(std::size_t rows, std::size_t cols) {
    const std::size_t stride = row_bytes(type_, cols);
    if (position_ + rows * stride > kBytes) position_ = 0;
    const WeightMatrix matrix{type_, memory_.data() + position_, rows, cols, stride};
    position_ += matrix.bytes();
    return matrix;
  }

  DType type() const { return type_; }

 private:
  DType type_;
  cpu::AlignedBuffer<std::byte> memory_;
  std::size_t position_ = 0;
};

/// The stream of `type`; one type at a time is kept.
WeightStream& stream_of(DType type) {
  static std::unique_ptr<WeightStream> stream;
  if (!stream || stream->type() != type) {
    stream.reset();
    stream = std::make_unique<WeightStream>(type);
  }
  return *stream;
}

/// Whether the first and the last output are what dequantized weights give in double, up to the
/// rounding of the activations.
bool plausible(const WeightMatrix& weights, const std::vector<float>& x,
               const std::vector<float>& y) {
  std::vector<float> row(weights.cols);
  for (const bool last : {false, true}) {
    dequantize_row(weights.type, weights.row(last ? weights.rows - 1 : 0), weights.cols,
                   row.data());
    const float* activations = last ? &x[x.size() - weights.cols] : x.data();
    double sum = 0.0, magnitude = 0.0;
    for (std::size_t k = 0; k < weights.cols; ++k) {
      const double term = static_cast<double>(row[k]) * static_cast<double>(activations[k]);
      sum += term;
      magnitude += std::fabs(term);
    }
    if (!(std::fabs(sum - static_cast<double>(last ? y.back() : y.front())) <= 0.01 * magnitude))
      return false;
  }
  return true;
}

void multiply(benchmark::State& state, DType type, bool round, std::size_t outputs,
              std::size_t inputs, std::size_t rows, std::size_t threads) {
  using Clock = std::chrono::steady_clock;
  static bench::BandwidthProbe probe;
  ThreadPool pool(threads);
  WeightStream& stream = stream_of(type);
  std::vector<float> x(rows * inputs), y(rows * outputs);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17) * 0.1F - 0.8F;
  cpu::ActivationBuffer activations(round);
  const auto run = [&](const WeightMatrix& weights) {
    cpu::prepare(activations, MatrixView<const float>(x.data(), rows, inputs), std::span(&type, 1),
                 pool);
    cpu::run_product(pool,
                     {weights, activations.view(), MatrixView<float>(y.data(), rows, outputs)});
  };
  const WeightMatrix first = stream.next(outputs, inputs);
  run(first);
  if (!plausible(first, x, y)) return state.SkipWithError("wrong product");

  double bandwidth = probe.measure(pool);
  const Clock::time_point start = Clock::now();
  for (auto _ : state) {
    run(stream.next(outputs, inputs));
    benchmark::DoNotOptimize(y.data());
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count() /
                         static_cast<double>(state.iterations());
  bandwidth = (bandwidth + probe.measure(pool)) / 2.0;
  const double bytes = static_cast<double>(first.bytes());
  state.counters["GB/s"] = bytes / seconds * 1e-9;
  state.counters["GFLOP/s"] = 2.0 * static_cast<double>(outputs * inputs * rows) / seconds * 1e-9;
  state.counters["probe_GB/s"] = bandwidth * 1e-9;
  state.counters["of_bandwidth"] = bytes / seconds / bandwidth;
}

std::string lower_name(DType type) {
  std::string name(layout_of(type).name);
  for (char& letter : name)
    letter = letter >= 'A' && letter <= 'Z' && letter != 'K' ? static_cast<char>(letter - 'A' + 'a')
                                                             : letter;
  return name;
}

void register_products(const std::string& storage, DType type, bool round) {
  constexpr std::array<std::array<std::size_t, 2>, 7> kShapes{
      {{576, 576}, {960, 576}, {3072, 576}, {576, 1536}, {49152, 576}, {8192, 2048}, {2048, 8192}}};
  for (auto [outputs, inputs] : kShapes) {
    // K-quants have blocks of 256 columns, and 576 is not a multiple.
    if (layout_of(type).block_elements == 256 && inputs == 576) inputs = 512;
    for (const std::size_t rows : {1U, 2U, 4U, 8U, 16U, 64U, 256U}) {
      for (const std::size_t threads : {1U, 2U}) {
        const std::string name = storage + "/" + std::to_string(outputs) + "x" +
                                 std::to_string(inputs) + "/rows:" + std::to_string(rows) +
                                 "/threads:" + std::to_string(threads);
        benchmark::RegisterBenchmark(name.c_str(),
                                     [=, n = outputs, k = inputs](benchmark::State& state) {
                                       multiply(state, type, round, n, k, rows, threads);
                                     })
            ->UseRealTime()
            ->MinTime(0.05);
      }
    }
  }
}

const bool registered = [] {
  for (const DType type : {DType::f32, DType::bf16, DType::f16, DType::q8_0, DType::q4_1,
                           DType::q4_0, DType::q5_0, DType::q4_k, DType::q5_k, DType::q6_k}) {
    register_products(lower_name(type), type, false);
    if (type == DType::bf16) register_products("bf16_rounded", type, true);
  }
  return true;
}();

}  // namespace
