// SPDX-License-Identifier: Apache-2.0
// Microseconds per decode step on a GPU: N experts with M samples each and random weights of four
// shapes, independent, as adapters of one base, and in 8 bits; the same work as N x M single
// inferences one after another, and as N models with M rows each; and the speed of prefill. Prints
// one JSON object, and each of its lines as it is measured to the standard error, with the device,
// its copy bandwidth and its bf16 product rate as measured in the same run.
//   decode_steps [shape ...]        shapes: 135M 360M 1B 8B; all of them by default

#include <cublas_v2.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/synthetic_model.hpp"
#include "tutti/backend/cuda/cuda.cuh"
#include "tutti/base/numeric/float16.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/transformer/batched_transformer.hpp"

namespace {

using namespace tutti;

constexpr std::size_t kNewTokens = 256, kRounds = 5;

double seconds_of(const auto& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Median, and half of the distance between the quartiles.
struct Timing {
  double median = 0, spread = 0;
};
Timing timing_of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const std::size_t n = seconds.size();
  return {seconds[n / 2], (seconds[n * 3 / 4] - seconds[n / 4]) / 2};
}

ModelConfig shape(std::size_t hidden, std::size_t intermediate, std::size_t layers,
                  std::size_t heads, std::size_t kv_heads, std::size_t head_dim,
                  std::size_t vocabulary) {
  ModelConfig config = bench::smollm2_shape();
  config.hidden_size = hidden;
  config.intermediate_size = intermediate;
  config.layers = layers;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.head_dim = head_dim;
  config.vocabulary_size = vocabulary;
  return config;
}

const std::map<std::string, ModelConfig> kShapes = {
    {"135M", bench::smollm2_shape()},
    {"360M", shape(960, 2560, 32, 15, 5, 64, 49152)},
    {"1B", shape(2048, 8192, 16, 32, 8, 64, 128256)},
    {"8B", shape(4096, 14336, 32, 32, 8, 128, 128256)},
};

/// The rows of one prompt per expert, in new sequences.
std::vector<Row> make_prompts(BatchedTransformer<Cuda>& stack, std::size_t length) {
  std::vector<Row> rows;
  for (std::uint32_t e = 0; e < stack.size(); ++e) {
    const SequenceId sequence = stack.create();
    for (std::uint32_t p = 0; p < length; ++p)
      rows.push_back({e, sequence, p, static_cast<Token>(7 * p + 11)});
  }
  return rows;
}

/// Time of a prefill up to the last tokens' logits on the host, and its operations.
struct Prefill {
  Timing seconds;
  double flops = 0;
};
Prefill prefill_of(const std::vector<ModelWeights>& experts, std::size_t length,
                   const CudaOptions& options) {
  BatchedTransformer<Cuda> stack(experts, options);
  Prefill result;
  std::vector<double> seconds;
  for (std::size_t round = 0; round < kRounds + 1; ++round) {
    const std::vector<Row> rows = make_prompts(stack, length);
    std::vector<std::uint32_t> last;
    for (std::size_t e = 1; e <= experts.size(); ++e)
      last.push_back(static_cast<std::uint32_t>(e * length - 1));
    const double before = stack.ledger().total().flops;
    const double taken = seconds_of([&] { stack.forward(rows, last); });
    result.flops = stack.ledger().total().flops - before;
    for (const std::uint32_t row : last) stack.release(rows[row].sequence);
    if (round > 0) seconds.push_back(taken);
  }
  result.seconds = timing_of(seconds);
  return result;
}

/// A stack that has read prompts and decodes on the device.
class Decoder {
 public:
  Decoder(const std::vector<ModelWeights>& experts, std::size_t samples, std::size_t prompt)
      : stack_(experts, CudaOptions{}) {
    const std::vector<Row> rows = make_prompts(stack_, prompt);
    for (std::uint32_t e = 0; e < experts.size(); ++e) {
      for (std::uint16_t s = 0; s < samples; ++s) {
        first_.push_back({e, rows[e * prompt].sequence, static_cast<std::uint32_t>(prompt), 5});
        keys_.push_back(
            {1, 0, static_cast<std::uint16_t>(e), s, static_cast<std::uint32_t>(prompt + 1)});
      }
    }
    stack_.forward(rows, {});
    stack_.ledger().steps = 0;
    for (Cost& cost : stack_.ledger().per_expert) cost = {};
    for (Row& row : first_) row.sequence = stack_.fork(row.sequence, prompt);
    const std::vector<Token> history(prompt + 1, 5);
    const std::vector<std::span<const Token>> all(first_.size(), history);
    stack_.begin_decoding(
        {first_, keys_, all, sampling_, {}, stack_.vocabulary_size(), kNewTokens});
    running_.assign(first_.size(), 1);
  }

  /// Seconds per step, from one poll of the host to the next, after a warm-up.
  Timing steps() {
    std::vector<double> seconds;
    while (true) {
      std::span<const DrawnToken> drawn;
      const double taken = seconds_of([&] { drawn = stack_.decode(running_); });
      if (drawn.empty()) break;
      for (std::size_t i = 0; i < drawn.size(); i += first_.size())
        first_tokens_.push_back(drawn[i].token);
      if (drawn.size() == kStepsPerPoll * first_.size())
        seconds.push_back(taken / kStepsPerPoll);  // without the first and the last polls
    }
    return timing_of(seconds);
  }

  /// The draws of the first row.
  [[nodiscard]] const std::vector<Token>& first_tokens() const { return first_tokens_; }
  [[nodiscard]] double bytes_per_step() {
    const Cost total = stack_.ledger().total();
    return total.weight_bytes / static_cast<double>(stack_.ledger().steps);
  }

 private:
  static constexpr std::size_t kStepsPerPoll = CudaOptions{}.steps_per_poll;

  BatchedTransformer<Cuda> stack_;
  SamplingOptions sampling_;
  std::vector<Row> first_;
  std::vector<DrawKey> keys_;
  std::vector<std::uint8_t> running_;
  std::vector<Token> first_tokens_;
};

std::vector<ModelWeights> make_experts(const ModelConfig& config, const std::string& kind,
                                       std::size_t count) {
  const DType type = kind == "q8_0" ? DType::q8_0 : DType::bf16;
  std::vector<ModelWeights> experts{bench::synthetic_model(config, type, 0)};
  for (std::uint32_t e = 1; e < count; ++e) {
    experts.push_back(kind == "lora_r16" ? experts.front()
                                         : bench::synthetic_model(config, type, e));
  }
  for (std::uint32_t e = 0; kind == "lora_r16" && e < count; ++e)
    experts[e] = bench::with_synthetic_adapter(experts[e], 16, e, DType::bf16);
  return experts;
}

/// Bytes per second that a copy within the device reads and writes.
double copy_bandwidth() {
  constexpr std::size_t kBytes = std::size_t{1} << 30;
  const cuda::Stream stream;
  cuda::DeviceArray<std::byte> from(kBytes, stream), to(kBytes, stream);
  from.set_zero(stream);
  std::vector<double> seconds;
  for (std::size_t i = 0; i < kRounds + 1; ++i) {
    const double taken = seconds_of([&] {
      for (int j = 0; j < 4; ++j) {
        cuda::check(
            cudaMemcpyAsync(to.data(), from.data(), kBytes, cudaMemcpyDeviceToDevice, stream.get()),
            "copying");
      }
      stream.wait();
    });
    if (i > 0) seconds.push_back(taken / 4);
  }
  return 2.0 * static_cast<double>(kBytes) / timing_of(seconds).median;
}

/// bfloat16 numbers between -1 and 1: a device that multiplies zeros draws less power, and may be
/// clocked higher.
std::vector<BFloat16> random_bfloat16(std::size_t count, std::uint32_t seed) {
  std::minstd_rand generator(seed);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  std::vector<BFloat16> values(count);
  for (BFloat16& value : values) value = to_bfloat16(uniform(generator));
  return values;
}

/// Floating-point operations per second of large products of bf16 matrices.
double product_rate() {
  constexpr int kSize = 8192, kProducts = 20;
  const cuda::Stream stream;
  const std::size_t count = std::size_t{kSize} * kSize;
  const auto a = cuda::upload(std::span<const BFloat16>(random_bfloat16(count, 1)), stream);
  const auto b = cuda::upload(std::span<const BFloat16>(random_bfloat16(count, 2)), stream);
  cuda::DeviceArray<BFloat16> c(count, stream);
  cublasHandle_t handle = nullptr;
  cuda::check(cublasCreate(&handle), "creating a handle");
  cuda::check(cublasSetStream(handle, stream.get()), "choosing a stream");
  const float one = 1.0F, zero = 0.0F;
  std::vector<double> seconds;
  for (std::size_t i = 0; i < kRounds + 1; ++i) {
    const double taken = seconds_of([&] {
      for (int j = 0; j < kProducts; ++j)
        cuda::check(
            cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, kSize, kSize, kSize, &one, a.data(),
                         CUDA_R_16BF, kSize, b.data(), CUDA_R_16BF, kSize, &zero, c.data(),
                         CUDA_R_16BF, kSize, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
            "multiplying");
      stream.wait();
    });
    if (i > 0) seconds.push_back(taken / kProducts);
  }
  cuda::check(cublasDestroy(handle), "destroying a handle");
  return 2.0 * kSize * kSize * static_cast<double>(kSize) / timing_of(seconds).median;
}

Json device_facts() {
  cudaDeviceProp properties{};
  int driver = 0, runtime = 0;
  cuda::check(cudaGetDeviceProperties(&properties, 0), "asking for the device");
  cuda::check(cudaDriverGetVersion(&driver), "asking for the driver");
  cuda::check(cudaRuntimeGetVersion(&runtime), "asking for the runtime");
  return {{"name", properties.name},
          {"compute_capability",
           std::to_string(properties.major) + "." + std::to_string(properties.minor)},
          {"memory_bytes", properties.totalGlobalMem},
          {"driver", driver},
          {"runtime", runtime},
          {"copy_bytes_per_second", copy_bandwidth()},
          {"bf16_flops_per_second", product_rate()}};
}

/// Bytes of the weights of `experts` models, on the device and on the host.
double weight_bytes(const ModelConfig& c, const std::string& kind, std::size_t experts) {
  const std::size_t attention = 2 * c.hidden_size * c.head_dim * (c.heads + c.kv_heads);
  const std::size_t values = c.vocabulary_size * c.hidden_size +
                             c.layers * (attention + 3 * c.hidden_size * c.intermediate_size);
  return static_cast<double>(values) * (kind == "q8_0" ? 1.0625 : 2.0) *
         static_cast<double>(kind == "lora_r16" ? 1 : experts);
}

/// @throws DeviceError when the device, or this machine's memory, has no room for the weights.
void check_room(double needed) {
  std::size_t free_bytes = 0, total_bytes = 0;
  cuda::check(cudaMemGetInfo(&free_bytes, &total_bytes), "asking for free memory");
  require<DeviceError>(needed < 0.9 * static_cast<double>(free_bytes), "the weights need ", needed,
                       " bytes, the device has ", free_bytes, " free");
  const double host_bytes = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                            static_cast<double>(sysconf(_SC_PAGESIZE));
  require<DeviceError>(needed < 0.8 * host_bytes, "the weights need ", needed,
                       " bytes, this machine has ", host_bytes);
}

/// The results of a decoder, whose memory has been freed.
struct Decoded {
  Timing step;
  std::vector<Token> first_tokens;
  double bytes_per_step = 0;
};
Decoded decode(const std::vector<ModelWeights>& experts, std::size_t samples, std::size_t prompt) {
  Decoder decoder(experts, samples, prompt);
  const Timing step = decoder.steps();
  return {step, decoder.first_tokens(), decoder.bytes_per_step()};
}

/// Adds the measurements of these experts to a line of results, or the reason for skipping them.
void measure(const std::vector<ModelWeights>& all, const std::string& kind, std::size_t samples,
             std::size_t prompt, const Json& device, Json& line) {
  const std::size_t experts = all.size();
  try {
    if (samples == 1) {  // the samples of an expert share its prompt
      for (const std::string by : {"prefill", "cublas_prefill"}) {
        if (by == "cublas_prefill" && kind == "q8_0") continue;  // cuBLAS takes floats only
        const Prefill prefill = prefill_of(all, prompt,
                                           {.cublas_rows = by == "prefill" ? 0U : 64U});
        line[by + "_seconds"] = prefill.seconds.median;
        line[by + "_tokens_per_second"] = static_cast<double>(experts * prompt) /
                                          prefill.seconds.median;
        line[by + "_flops_of_bf16_rate"] = prefill.flops / prefill.seconds.median /
                                           device["bf16_flops_per_second"].get<double>();
      }
    }
    const Decoded alone = decode({all.front()}, 1, prompt),
                  batched = decode({all.front()}, samples, prompt);
    const Decoded together = decode(all, samples, prompt);
    require<NumericError>(alone.first_tokens == together.first_tokens, "the first candidate of ",
                          experts, " x ", samples, " differs from the same one alone");
    const Timing step = together.step;
    const auto n = static_cast<double>(experts), m = static_cast<double>(samples);
    line["microseconds"] = step.median * 1e6;
    line["spread_microseconds"] = step.spread * 1e6;
    line["tokens_per_second"] = n * m / step.median;
    line["weight_bytes_of_copy_bandwidth"] = together.bytes_per_step / step.median /
                                             device["copy_bytes_per_second"].get<double>();
    line["single_inferences_over_this"] = n * m * alone.step.median / step.median;
    line["single_models_over_this"] = n * batched.step.median / step.median;
  } catch (const DeviceError& error) {
    line["skipped"] = error.what();
  } catch (const Error& error) {
    line["failed"] = error.what();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (!cuda_available()) {
    std::cout << "SKIPPED: no GPU can be used here\n";
    return 0;
  }
  std::vector<std::string> names(argv + 1, argv + argc);
  if (names.empty()) names = {"135M", "360M", "1B", "8B"};
  Json report = {
      {"device", device_facts()}, {"new_tokens", kNewTokens}, {"results", Json::array()}};
  bool failed = false;
  for (const std::string& name : names) {
    for (const std::string kind : {"independent", "lora_r16", "q8_0"}) {
      for (const std::size_t experts : {1U, 2U, 4U, 8U}) {
        std::vector<ModelWeights> all;
        std::string no_room;
        try {
          check_room(weight_bytes(kShapes.at(name), kind, experts));
          all = make_experts(kShapes.at(name), kind, experts);
        } catch (const DeviceError& error) {
          no_room = error.what();
        }
        for (const std::size_t samples : {1U, 2U, 4U}) {
          for (const std::size_t prompt : {128U, 1024U}) {
            Json line = {{"shape", name},
                         {"kind", kind},
                         {"experts", experts},
                         {"samples", samples},
                         {"prompt", prompt}};
            if (no_room.empty()) {
              measure(all, kind, samples, prompt, report["device"], line);
            } else {
              line["skipped"] = no_room;
            }
            failed = failed || line.contains("failed");
            std::cerr << line.dump() << std::endl;  // measured so far, in case the rest fails
            report["results"].push_back(std::move(line));
          }
        }
      }
    }
  }
  std::cout << report.dump(1) << '\n';
  return failed ? 1 : 0;
}
