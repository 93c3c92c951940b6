// SPDX-License-Identifier: Apache-2.0
// Steps of a whole model of the shape of SmolLM2-135M: prefill of a prompt, and decoding of one
// row, sixteen rows of one shared base, eight LoRA experts on a shared base (adapters in f32 and in
// bf16), and eight independent experts of two samples. Counters: tokens per second, bytes of
// weights per second as a fraction of a plain read of memory in the same run, and the time relative
// to a step of one row measured immediately before.
//   generation_benchmark --benchmark_filter='decode/bf16/'

#include <benchmark/benchmark.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/bandwidth_probe.hpp"
#include "benchmarks/synthetic_model.hpp"
#include "tutti/backend/cpu/cpu.hpp"
#include "tutti/transformer/batched_transformer.hpp"

namespace {

using namespace tutti;

enum class Experts { one, shared, lora, lora_bf16, independent };

/// The type of the weights, and how they are multiplied.
struct Storage {
  DType type;
  CpuOptions options;
};

constexpr std::size_t kPrompt = 128;

std::vector<ModelWeights> make_experts(DType type, Experts kind) {
  const ModelWeights base = bench::synthetic_model(bench::smollm2_shape(), type, 0);
  std::vector<ModelWeights> experts{base};
  for (std::uint32_t e = 1; kind != Experts::one && e < 8; ++e) {
    experts.push_back(kind == Experts::independent
                          ? bench::synthetic_model(bench::smollm2_shape(), type, e)
                          : base);
  }
  if (kind != Experts::lora && kind != Experts::lora_bf16) return experts;
  const DType adapters = kind == Experts::lora ? DType::f32 : DType::bf16;
  for (std::uint32_t e = 0; e < 8; ++e)
    experts[e] = bench::with_synthetic_adapter(experts[e], 16, e, adapters);
  return experts;
}

/// A stack after prefill of a prompt, ready to decode `samples` rows of each expert.
class Decoder {
 public:
  Decoder(const std::vector<ModelWeights>& experts, std::size_t samples, CpuOptions options)
      : stack_(experts, options) {
    std::vector<Row> prompt;
    std::vector<SequenceId> sequences;
    for (std::uint32_t e = 0; e < experts.size(); ++e) {
      // As in an ensemble, a prompt is computed once for all experts that are equal.
      const bool first = stack_.representative(e) == e;
      sequences.push_back(first ? stack_.create() : sequences[stack_.representative(e)]);
      for (std::uint32_t p = 0; first && p < kPrompt; ++p)
        prompt.push_back({e, sequences[e], p, static_cast<Token>(7 * p + 11)});
      for (std::size_t s = 0; s < samples; ++s) rows_.push_back({e, sequences[e], kPrompt, 5});
    }
    stack_.forward(prompt, {});
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      rows_[r].sequence = stack_.fork(rows_[r].sequence, kPrompt);
      outputs_.push_back(static_cast<std::uint32_t>(r));
    }
  }

  void step() {
    benchmark::DoNotOptimize(stack_.forward(rows_, outputs_).data);
    for (Row& row : rows_) row.token = (row.token * 5 + static_cast<Token>(++row.position)) % 49152;
  }

  /// Median seconds of some steps.
  double median_step(std::size_t steps) {
    std::vector<double> seconds;
    for (std::size_t i = 0; i < steps; ++i) {
      const auto start = std::chrono::steady_clock::now();
      step();
      seconds.push_back(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(steps / 2),
                     seconds.end());
    return seconds[steps / 2];
  }

  [[nodiscard]] std::size_t rows() const { return rows_.size(); }
  [[nodiscard]] double weight_bytes() { return stack_.ledger().total().weight_bytes; }

 private:
  BatchedTransformer<Cpu> stack_;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> outputs_;
};

void decode(benchmark::State& state, const Storage& storage, Experts kind, std::size_t samples) {
  static bench::BandwidthProbe probe;
  ThreadPool pool(storage.options.threads);
  const std::vector<ModelWeights> experts = make_experts(storage.type, kind);
  Decoder decoder(experts, samples, storage.options);
  Decoder one(make_experts(storage.type, Experts::one), 1, storage.options);
  decoder.median_step(3);
  one.median_step(3);
  double bandwidth = 0;
  double ratio = 0;
  double rounds = 0;
  const double bytes_before = decoder.weight_bytes();
  double steps = 0;
  for (auto _ : state) {
    // Bandwidth probe, one row and the batch alternate: the machine's speed drifts, the ratios much
    // less.
    bandwidth += probe.measure(pool);
    const double single = one.median_step(5);
    const double batch = decoder.median_step(5);
    state.SetIterationTime(batch);
    ratio += batch / single;
    rounds += 1;
    steps += 5;
  }
  const double bytes_per_step = (decoder.weight_bytes() - bytes_before) / steps;
  using benchmark::Counter;
  state.counters["tokens/s"] = Counter(static_cast<double>(decoder.rows()),
                                       Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(bytes_per_step * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["of_bandwidth"] = Counter(bytes_per_step / (bandwidth / rounds),
                                           Counter::kIsIterationInvariantRate);
  state.counters["probe_GB/s"] = bandwidth / rounds * 1e-9;
  state.counters["times_one_row"] = ratio / rounds;
}

void prefill(benchmark::State& state, const Storage& storage, std::size_t tokens) {
  const std::vector<ModelWeights> experts = make_experts(storage.type, Experts::one);
  BatchedTransformer<Cpu> stack(experts, storage.options);
  const auto last = static_cast<std::uint32_t>(tokens - 1);
  for (auto _ : state) {
    stack.clear();
    const SequenceId sequence = stack.create();
    std::vector<Row> rows;
    for (std::uint32_t p = 0; p < tokens; ++p)
      rows.push_back({0, sequence, p, static_cast<Token>(7 * p + 11)});
    benchmark::DoNotOptimize(stack.forward(rows, std::span(&last, 1)).data);
  }
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(tokens),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}

const bool registered = [] {
  // bf16_rounded: activations rounded to bfloat16 too, which is faster where the processor has
  // instructions for it.
  const std::map<std::string, Storage> storages{
      {"f32", {DType::f32, {}}},
      {"bf16", {DType::bf16, {}}},
      {"bf16_rounded", {DType::bf16, {.round_to_bfloat16 = true}}},
      {"q8_0", {DType::q8_0, {}}}};
  const std::map<std::string, Experts> kinds{{"shared_base", Experts::shared},
                                             {"lora_r16", Experts::lora},
                                             {"lora_r16_bf16", Experts::lora_bf16},
                                             {"independent", Experts::independent}};
  for (const auto& entry : storages) {
    const std::string& name = entry.first;
    for (const std::size_t threads : {1U, 2U}) {
      Storage storage = entry.second;
      storage.options.threads = threads;
      const std::string suffix = "/threads:" + std::to_string(threads);
      benchmark::RegisterBenchmark(
          ("prefill/" + name + "/tokens:256" + suffix).c_str(),
          [s = storage](benchmark::State& state) { prefill(state, s, 256); })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
      const auto register_decode = [&, s = storage](const std::string& experts, Experts kind,
                                                    std::size_t samples) {
        benchmark::RegisterBenchmark(
            ("decode/" + name + "/" + experts + suffix).c_str(),
            [s, kind, samples](benchmark::State& state) { decode(state, s, kind, samples); })
            ->UseManualTime()
            ->Iterations(8)
            ->Unit(benchmark::kMillisecond);
      };
      register_decode("one/1x1", Experts::one, 1);
      for (const auto& [kind_name, kind] : kinds) register_decode(kind_name + "/8x2", kind, 2);
    }
  }
  return true;
}();

}  // namespace
