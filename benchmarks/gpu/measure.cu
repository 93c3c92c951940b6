// SPDX-License-Identifier: Apache-2.0
// Times of the kernels and of whole steps of the Cuda backend on this GPU. Each stage prints one
// JSON object per line as soon as it is measured, so that a run that is cut short loses nothing.
//   tutti_gpu_measure STAGE [shape ...]
// Stages: device, kernels, draws, steps, prefill. Shapes: 135M, 1B, 8B, by default those that fit
// the stage's time limit in run.sh; "tiny" tries a stage without a GPU.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "benchmarks/gpu/random_weights.hpp"
#include "benchmarks/gpu/timing.cuh"
#include "tutti/backend/cuda/cuda.cuh"
#include "tutti/formats/json.hpp"
#include "tutti/transformer/batched_transformer.hpp"

namespace {

using namespace tutti;
using bench::median_seconds;
using bench::Shape;

void print(const Json& line) { std::cout << line.dump() << std::endl; }

double bytes_of_matrix(DType type, std::size_t rows, std::size_t cols) {
  return static_cast<double>(rows * row_bytes(type, cols));
}

/// `experts` experts with `samples` rows each.
struct Load {
  std::string name;
  std::size_t experts, samples;
  bool shared;  ///< One set of weights for all of them.
};

void measure_device() {
  cudaDeviceProp properties{};
  int driver = 0, runtime = 0;
  cuda::check(cudaGetDeviceProperties(&properties, 0), "asking for the device");
  cuda::check(cudaDriverGetVersion(&driver), "asking for the driver");
  cuda::check(cudaRuntimeGetVersion(&runtime), "asking for the runtime");
  const std::size_t bytes = std::min<std::size_t>(properties.totalGlobalMem / 16,
                                                  std::size_t{1} << 30);
  const cuda::Stream stream;
  cuda::DeviceArray<std::byte> from(bytes, stream), to(bytes, stream);
  from.set_zero(stream);
  const double seconds = median_seconds(stream, 4, [&] {
    cuda::check(
        cudaMemcpyAsync(to.data(), from.data(), bytes, cudaMemcpyDeviceToDevice, stream.get()),
        "copying");
  });
  print({{"stage", "device"},
         {"name", properties.name},
         {"compute_capability",
          std::to_string(properties.major) + "." + std::to_string(properties.minor)},
         {"multiprocessors", properties.multiProcessorCount},
         {"memory_bytes", properties.totalGlobalMem},
         {"driver", driver},
         {"runtime", runtime},
         {"copy_bytes_per_second", 2.0 * static_cast<double>(bytes) / seconds}});
}

/// One layer of `load.experts` experts, with the matrices of all of them on the device.
class Layer {
 public:
  Layer(const Shape& shape, const Load& load, DType type, bench::RandomMatrices& matrices,
        cuda::Products& products, const cuda::Stream& stream, ThreadPool& threads) {
    const std::size_t q = shape.heads * shape.head_dim, kv = shape.kv_heads * shape.head_dim;
    const auto make = [&](std::size_t rows, std::size_t cols) {
      std::vector<LinearWeights> experts;
      std::vector<const LinearWeights*> pointers;
      for (std::size_t e = 0; e < load.experts; ++e) {
        experts.push_back(e > 0 && load.shared ? experts.front()
                                               : matrices.of_type(type, rows, cols));
        bytes_ += e > 0 && load.shared ? 0.0 : bytes_of_matrix(type, rows, cols);
      }
      for (LinearWeights& expert : experts) {
        if (load.shared && load.experts > 1) expert.delta = matrices.adapter(16, expert.weight);
        pointers.push_back(&expert);
      }
      return products.make(pointers, stream, &threads);
    };
    query = make(q, shape.hidden), key = make(kv, shape.hidden), value = make(kv, shape.hidden);
    qkv_bytes = std::exchange(bytes_, 0.0);
    output = make(shape.hidden, q);
    output_bytes = std::exchange(bytes_, 0.0);
    gate = make(shape.intermediate, shape.hidden), up = make(shape.intermediate, shape.hidden);
    gate_up_bytes = std::exchange(bytes_, 0.0);
    down = make(shape.hidden, shape.intermediate);
    down_bytes = std::exchange(bytes_, 0.0);
  }

  cuda::Linear query, key, value, output, gate, up, down;
  double qkv_bytes = 0, output_bytes = 0, gate_up_bytes = 0, down_bytes = 0;  ///< Each read once.

 private:
  double bytes_ = 0;
};

/// The rows of one decode step at a context, with the cache that they read.
struct DecodeBatch {
  KvPageTable table;
  cuda::KvStorage pages;
  std::vector<Row> rows;
  Batch batch;
  double cache_bytes = 0;  ///< Keys and values of one layer, each page read once.

  DecodeBatch(const Shape& shape, const Load& load, std::size_t context, const cuda::Stream& stream)
      : table(~std::size_t{0}), pages({1, shape.kv_heads, shape.head_dim, KvType::f16}) {
    for (std::uint32_t e = 0; e < load.experts; ++e) {
      const SequenceId prompt = table.create();
      for (std::size_t p = 0; p < context; ++p) (void)table.append(prompt);
      for (std::size_t s = 0; s < load.samples; ++s)
        rows.push_back({e, table.fork(prompt, context), static_cast<std::uint32_t>(context), 5});
    }
    batch = plan_batch(rows, table);
    pages.reserve(table.pages_needed(), stream);
    cache_bytes = static_cast<double>(load.experts * context * shape.kv_heads * shape.head_dim * 4);
  }
};

/// Times of all kernels of a layer and of what follows it, by CUDA events around graphs of them.
void measure_kernels(const Shape& shape, const Load& load, DType type,
                     const std::vector<std::size_t>& contexts, bench::RandomMatrices& matrices) {
  const cuda::Stream stream;
  ThreadPool threads;
  cuda::Products products;
  // Enough layers to exceed the L2 cache, up to four.
  std::vector<Layer> layers;
  double bytes = 0;
  while (layers.empty() || (layers.size() < 4 && bytes < 256e6)) {
    const Layer& made = layers.emplace_back(shape, load, type, matrices, products, stream, threads);
    bytes += made.qkv_bytes + made.output_bytes + made.gate_up_bytes + made.down_bytes;
  }
  const std::size_t row_count = load.experts * load.samples;
  const auto rows_of = [&](std::size_t width) { return cuda::Rows(row_count, width, stream); };
  cuda::Rows x = rows_of(shape.hidden), q = rows_of(shape.heads * shape.head_dim),
             attended = rows_of(shape.heads * shape.head_dim), inner = rows_of(shape.intermediate);
  const auto norm_weights = cuda::upload(
      std::span<const float>(std::vector<float>(load.experts * shape.hidden, 1.0F)), stream);
  const cuda::DeviceNorm norm{norm_weights.data(), nullptr,
                              static_cast<std::uint32_t>(shape.hidden), 1e-5F, false};
  const cuda::DeviceAttention attention_shape{
      .layer = 0,
      .heads = static_cast<std::uint32_t>(shape.heads),
      .kv_heads = static_cast<std::uint32_t>(shape.kv_heads),
      .head_dim = static_cast<std::uint32_t>(shape.head_dim),
      .scale = 0.1F};
  const std::vector<std::vector<float>> frequencies = {
      std::vector<float>(shape.head_dim / 2, 0.01F)};
  cuda::BatchAttention attention;
  const auto report = [&](const std::string& kernel, std::size_t context, double read,
                          std::size_t repetitions, const std::function<void()>& body) {
    const double seconds = median_seconds(stream, 5, body) / static_cast<double>(repetitions);
    Json line = {{"stage", "kernels"}, {"shape", shape.name},
                 {"load", load.name},  {"type", layout_of(type).name},
                 {"kernel", kernel},   {"microseconds", seconds * 1e6}};
    if (context > 0) line["context"] = context;
    if (read > 0) line["bytes"] = read, line["bytes_per_second"] = read / seconds;
    print(line);
  };
  for (const std::size_t context : contexts) {
    DecodeBatch decode(shape, load, context, stream);
    products.begin(decode.batch.groups, stream);
    attention.begin(decode.batch, frequencies, stream);
    const auto attend = [&] {
      attention.attend(attention_shape, 0, decode.batch, decode.pages, q, attended, stream);
    };
    report("attention", context, decode.cache_bytes, 1, attend);
    attention.begin_moving(decode.batch, frequencies, stream);
    attention.move(decode.batch, 8, stream);
    cuda::DecodeState state;
    attention.share(state);
    products.share_groups(state, stream);
    const std::vector<std::uint32_t> ones(row_count, 1);
    auto running = cuda::upload(std::span(ones), stream);
    const auto wanted = cuda::upload(std::span(ones), stream);
    state.row_count = static_cast<std::uint32_t>(row_count);
    state.rows = const_cast<Row*>(attention.rows());
    state.running = running.data();
    state.wanted = wanted.data();
    report("advance", context, 0, 1, [&] {
      cuda::launch({dim3(1), dim3(cuda::kRowThreads)}, stream.get(),
                   cuda::advance_kernel<cuda::kRowThreads>, state, false);
    });
    if (context != contexts.front()) continue;
    report("rotary angles", 0, 0, 1, [&] { attention.compute_angles(row_count, stream); });
    report("norm", 0, 0, 1, [&] {
      cuda::launch({dim3(static_cast<unsigned>(row_count)), dim3(cuda::kRowThreads)}, stream.get(),
                   cuda::norm_kernel<cuda::kRowThreads>, norm, attention.rows(), nullptr, x.view(),
                   x.view(), false);
    });
    const auto every_layer = [&](const auto& run) {
      return [&layers, run] {
        for (const Layer& layer : layers) run(layer);
      };
    };
    using End = cuda::ProductEnd;
    const cuda::ProductInput with_norm{x, norm, attention.rows(), row_count,
                                       attention.entry(attention_shape, 0, decode.pages)};
    const cuda::ProductInput plain_q{attended, {}, attention.rows(), row_count};
    const cuda::ProductInput plain_inner{inner, {}, attention.rows(), row_count};
    report("norm, query, key, value", 0, layers[0].qkv_bytes, layers.size(),
           every_layer([&](const Layer& layer) {
             const cuda::Product parts[] = {{layer.query, q.view(), End::query},
                                            {layer.key, {}, End::key},
                                            {layer.value, {}, End::value}};
             products.run(with_norm, parts, stream);
           }));
    report("output", 0, layers[0].output_bytes, layers.size(), every_layer([&](const Layer& layer) {
             const cuda::Product part{layer.output, x.view(), End::store};
             products.run(plain_q, {&part, 1}, stream);
           }));
    report("norm, gate, up", 0, layers[0].gate_up_bytes, layers.size(),
           every_layer([&](const Layer& layer) {
             const cuda::Product part{layer.gate, inner.view(), End::gate, &layer.up};
             products.run(with_norm, {&part, 1}, stream);
           }));
    report("down", 0, layers[0].down_bytes, layers.size(), every_layer([&](const Layer& layer) {
             const cuda::Product part{layer.down, x.view(), End::store};
             products.run(plain_inner, {&part, 1}, stream);
           }));
  }
}

/// Draws of 16 rows with every kind of options.
void measure_draws(const Shape& shape) {
  const cuda::Stream stream;
  constexpr std::size_t kRows = 16;
  cuda::Rows logits(kRows, shape.vocabulary, stream);
  const std::vector<float> values = test::random_floats(shape.vocabulary, 1);
  for (std::size_t r = 0; r < kRows; ++r)
    stream.upload(logits.view(r).data, values.data(), values.size() * sizeof(float));
  std::vector<DrawKey> keys(kRows);
  for (std::size_t r = 0; r < kRows; ++r) keys[r].sample = static_cast<std::uint16_t>(r);
  const auto device_keys = cuda::upload(std::span<const DrawKey>(keys), stream);
  cuda::DeviceArray<std::uint32_t> said(kRows * shape.vocabulary, stream);
  said.set_zero(stream);
  cuda::DeviceArray<DrawnToken> drawn(kRows, stream);
  std::vector<std::pair<std::string, SamplingOptions>> kinds(5);
  kinds[0].first = "greedy", kinds[0].second.temperature = 0.0F;
  kinds[1].first = "temperature 1";
  kinds[2].first = "top-p 0.95", kinds[2].second.top_p = 0.95F;
  kinds[3].first = "top-k 64, top-p 0.95", kinds[3].second.top_k = 64;
  kinds[3].second.top_p = 0.95F;
  kinds[4].first = "repetition penalty 1.1", kinds[4].second.repetition_penalty = 1.1F;
  for (const auto& [name, options] : kinds) {
    cuda::DeviceSampler sampler;
    sampler.set(options, stream);
    const double seconds = median_seconds(stream, 5, [&] {
      sampler.draw(kRows, logits, nullptr, device_keys.data(),
                   sampler.penalizes() ? said.data() : nullptr, drawn.data(), stream);
    });
    print({{"stage", "draws"},
           {"shape", shape.name},
           {"rows", kRows},
           {"vocabulary", shape.vocabulary},
           {"options", name},
           {"microseconds", seconds * 1e6}});
  }
}

std::vector<ModelWeights> models(const Shape& shape, const Load& load, std::size_t context,
                                 bench::RandomMatrices& matrices) {
  std::vector<ModelWeights> experts{bench::random_model(shape, context, matrices)};
  while (experts.size() < load.experts)
    experts.push_back(load.shared ? experts.front()
                                  : bench::random_model(shape, context, matrices));
  if (load.shared && load.experts > 1) {
    for (ModelWeights& expert : experts) expert = bench::with_random_adapter(expert, 16, matrices);
  }
  return experts;
}

/// The rows of one prompt per expert, in new sequences.
std::vector<Row> prompts(BatchedTransformer<Cuda>& stack, std::size_t length) {
  std::vector<Row> rows;
  for (std::uint32_t e = 0; e < stack.size(); ++e) {
    const SequenceId sequence = stack.create();
    for (std::uint32_t p = 0; p < length; ++p)
      rows.push_back({e, sequence, p, static_cast<Token>((7 * p + 11) % stack.vocabulary_size())});
  }
  return rows;
}

/// Decode steps, as the host sees them from one poll to the next.
void measure_steps(const Shape& shape, const Load& load, std::size_t context,
                   bench::RandomMatrices& matrices) {
  constexpr std::size_t kSteps = 96;
  const CudaOptions options;
  BatchedTransformer<Cuda> stack(models(shape, load, context + kSteps + 64, matrices), options);
  const std::vector<Row> rows = prompts(stack, context);
  stack.forward(rows, {});
  std::vector<Row> first;
  std::vector<DrawKey> keys;
  for (std::uint32_t e = 0; e < load.experts; ++e) {
    for (std::uint16_t s = 0; s < load.samples; ++s) {
      first.push_back({e, stack.fork(rows[e * context].sequence, context),
                       static_cast<std::uint32_t>(context), 5});
      keys.push_back(
          {1, 0, static_cast<std::uint16_t>(e), s, static_cast<std::uint32_t>(context + 1)});
    }
  }
  const SamplingOptions sampling;
  const std::vector<Token> history(context + 1, 5);
  const std::vector<std::span<const Token>> histories(first.size(), history);
  stack.ledger().steps = 0;
  for (Cost& cost : stack.ledger().per_expert) cost = {};
  stack.begin_decoding({first, keys, histories, sampling, {}, stack.vocabulary_size(), kSteps});
  const std::vector<std::uint8_t> running(first.size(), 1);
  std::vector<double> seconds;
  for (;;) {
    std::span<const DrawnToken> drawn;
    const double taken = bench::seconds_of([&] { drawn = stack.decode(running); });
    if (drawn.empty()) break;
    if (drawn.size() == options.steps_per_poll * first.size())  // neither first nor last poll
      seconds.push_back(taken / static_cast<double>(options.steps_per_poll));
  }
  const bench::Timing step = bench::timing_of(seconds);
  const double bytes = stack.ledger().total().weight_bytes /
                       static_cast<double>(std::max<std::size_t>(stack.ledger().steps, 1));
  print({{"stage", "steps"},
         {"shape", shape.name},
         {"load", load.name},
         {"context", context},
         {"microseconds", step.median * 1e6},
         {"spread_microseconds", step.spread * 1e6},
         {"weight_bytes", bytes},
         {"weight_bytes_per_second", bytes / step.median},
         {"tokens_per_second", static_cast<double>(first.size()) / step.median}});
}

void measure_prefill(const Shape& shape, const Load& load, std::size_t length,
                     bench::RandomMatrices& matrices) {
  BatchedTransformer<Cuda> stack(models(shape, load, length, matrices));
  std::vector<double> seconds;
  double flops = 0;
  for (int round = 0; round < 4; ++round) {
    const std::vector<Row> rows = prompts(stack, length);
    std::vector<std::uint32_t> last;
    for (std::size_t e = 1; e <= load.experts; ++e)
      last.push_back(static_cast<std::uint32_t>(e * length - 1));
    const double before = stack.ledger().total().flops;
    const double taken = bench::seconds_of([&] { stack.forward(rows, last); });
    flops = stack.ledger().total().flops - before;
    stack.clear();
    if (round > 0) seconds.push_back(taken);
  }
  const bench::Timing timing = bench::timing_of(seconds);
  print({{"stage", "prefill"},
         {"shape", shape.name},
         {"load", load.name},
         {"length", length},
         {"milliseconds", timing.median * 1e3},
         {"tokens_per_second", static_cast<double>(load.experts * length) / timing.median},
         {"flops_per_second", flops / timing.median}});
}

const Load kSingle{"1 x 1", 1, 1, false}, kIndependent{"8 x 2", 8, 2, false},
    kAdapters{"8 x 2, shared base", 8, 2, true};

void run(const std::string& stage, const Shape& shape) {
  bench::RandomMatrices matrices(std::max(shape.vocabulary, shape.intermediate) * shape.hidden);
  const bool tiny = shape.name == "tiny", large = shape.name == "8B";
  const std::vector<std::size_t> contexts = tiny ? std::vector<std::size_t>{20, 130}
                                                 : std::vector<std::size_t>{128, 4096, 32768};
  if (stage == "kernels") {
    for (const Load& load : {kIndependent, kSingle, kAdapters})
      measure_kernels(shape, load, DType::bf16, contexts, matrices);
    for (const DType type : {DType::q8_0, DType::q4_k}) {
      if (shape.hidden % 256 != 0) continue;
      for (const Load& load : {kIndependent, kAdapters})
        measure_kernels(shape, load, type, {contexts[0]}, matrices);
    }
  } else if (stage == "draws") {
    measure_draws(shape);
  } else if (stage == "steps") {
    // Eight independent models of 8B are 128 GB: they leave no room for anything else on the
    // device.
    if (!large) measure_steps(shape, kIndependent, contexts[0], matrices);
    measure_steps(shape, kSingle, contexts[0], matrices);
    measure_steps(shape, kAdapters, contexts[0], matrices);
    if (!large) measure_steps(shape, kIndependent, contexts[1], matrices);
  } else if (stage == "prefill") {
    measure_prefill(shape, large ? kSingle : kIndependent, tiny ? 40 : 512, matrices);
  } else {
    fail<OptionError>("there is no stage ", stage, ": device, kernels, draws, steps or prefill");
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    require<OptionError>(argc > 1, "0 arguments: name a stage (device, kernels, draws, steps, ",
                         "prefill), and shapes");
    const std::string stage = argv[1];
    (void)cuda::select_device(0);
    if (stage == "device") {
      measure_device();
      return 0;
    }
    std::vector<std::string> names(argv + 2, argv + argc);
    if (names.empty()) names = {"135M", "1B", "8B"};
    int failures = 0;
    for (const std::string& name : names) {
      const auto shape = std::find_if(bench::shapes().begin(), bench::shapes().end(),
                                      [&](const Shape& known) { return known.name == name; });
      require<OptionError>(shape != bench::shapes().end(), "there is no shape ", name,
                           ": tiny, 135M, 1B or 8B");
      try {
        run(stage, *shape);
      } catch (const Error& error) {  // other shapes may fit
        print({{"stage", stage}, {"shape", name}, {"error", error.what()}});
        ++failures;
      }
    }
    return failures == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
