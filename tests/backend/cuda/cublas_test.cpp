// SPDX-License-Identifier: Apache-2.0
// Products of many rows by cuBLAS: every epilogue, in whole models and against the library's own
// kernels.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "tests/backend/cuda/support.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/backend/cpu/cpu.hpp"
#include "tutti/backend/cuda/cuda.cuh"
#include "tutti/transformer/transformer.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

const std::filesystem::path kTestData = TUTTI_TEST_DATA;

/// Logits at every position of some tokens of each expert, and of the same number of tokens after
/// them.
std::vector<float> logits_of(const std::vector<ModelWeights>& experts, const CudaOptions& options) {
  const StackOptions stack_options{
      .kv_type = KvType::f32, .max_cache_bytes = 1 << 24, .rows_per_pass = 64, .context_length = 0};
  BatchedTransformer<Cuda> stack(experts, options, stack_options);
  std::vector<SequenceId> sequences;
  for (std::size_t e = 0; e < experts.size(); ++e) sequences.push_back(stack.create());
  std::vector<float> all;
  constexpr std::uint32_t kTokens = 14;
  for (const std::uint32_t begin : {0U, kTokens}) {
    std::vector<Row> rows;
    std::vector<std::uint32_t> outputs;
    for (std::uint32_t e = 0; e < experts.size(); ++e) {
      for (std::uint32_t p = begin; p < begin + kTokens - 3 * e;
           ++p) {  // each expert has a different number
        outputs.push_back(static_cast<std::uint32_t>(rows.size()));
        rows.push_back({e, sequences[e], p - (begin > 0 ? 3 * e : 0),
                        static_cast<Token>((7 * p + 3 * e + 1) % 64)});
      }
    }
    const MatrixView<const float> logits = stack.forward(rows, outputs);
    for (std::size_t r = 0; r < rows.size(); ++r)
      all.insert(all.end(), logits.row(r), logits.row(r) + logits.cols);
  }
  return all;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return largest;
}

}  // namespace

TEST_CASE("Every family, and experts with adapters, have the same logits with cuBLAS and without",
          "[cuda]") {
  std::vector<std::vector<ModelWeights>> stacks;
  for (const char* name : {"mistral.gguf", "qwen2", "qwen3", "gemma3", "gpt2"}) {
    stacks.push_back({Transformer<Cpu>::load(kTestData / "families" / name).weights()});
  }
  const auto base = Transformer<Cpu>::load(checkpoint("llama"));
  stacks.push_back({base.weights(), Transformer<Cpu>::load(checkpoint("llama_second")).weights(),
                    base.with_adapter(checkpoint("lora_all")).weights()});
  stacks.push_back({base.weights(), base.with_adapter(checkpoint("lora_all")).weights()});
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    CAPTURE(i);
    const std::vector<float> ours = logits_of(stacks[i], {0, 1});
    const std::vector<float> theirs = logits_of(stacks[i], {.host_threads = 1, .cublas_rows = 8});
    CHECK(largest_difference(theirs, ours) <= 1e-4);
    CHECK(theirs != ours);  // cuBLAS was used
  }
  CHECK(logits_of(stacks.back(), {.host_threads = 1, .cublas_rows = 1000}) ==
        logits_of(stacks.back(), {0, 1}));
}

TEST_CASE("16-bit weights meet activations of their own type in cuBLAS", "[cuda]") {
  // Rounding changes activations by at most 2^-9 or 2^-12, relatively.
  for (const auto& [type, tolerance] :
       {std::pair(DType::bf16, 0x1p-6), std::pair(DType::f16, 0x1p-9)}) {
    const std::vector<ModelWeights> experts = {
        Transformer<Cpu>::load(checkpoint("llama"), {.storage = type}).weights()};
    const std::vector<float> ours = logits_of(experts, {0, 1});
    const std::vector<float> theirs = logits_of(experts, {.host_threads = 1, .cublas_rows = 8});
    double largest = 0;
    for (const float logit : ours)
      largest = std::max(largest, std::fabs(static_cast<double>(logit)));
    CAPTURE(layout_of(type).name, largest);
    CHECK(largest_difference(theirs, ours) <= tolerance * largest);
    CHECK(largest_difference(theirs, ours) > 0);
  }
}

TEST_CASE("Quantized weights do without cuBLAS", "[cuda]") {
  const std::vector<ModelWeights> experts = {
      Transformer<Cpu>::load(kTestData / "transformer" / "gguf" / "q8_0.gguf").weights()};
  CHECK(largest_difference(logits_of(experts, {.host_threads = 1, .cublas_rows = 1}),
                           logits_of(experts, {0, 1})) <= 1e-4);
}

TEST_CASE("Rows are rounded to 16 bits as the host does it", "[cuda][kernel]") {
  std::vector<float> values = {0.0F,
                               -0.0F,
                               1.0F,
                               1.0F + 0x1p-8F,
                               1.0F + 0x3p-8F,
                               1.0F + 0x1p-8F + 0x1p-20F,
                               65504.0F,
                               65520.0F,
                               3.4028e38F,
                               0x1p-25F,
                               0x1p-140F,
                               -1.0F - 0x1p-11F,
                               std::numeric_limits<float>::infinity(),
                               -65536.0F,
                               -2.71828175F,
                               1e-40F};
  const cuda::Stream stream;
  const cuda::Rows rows = rows_of(values, values.size(), stream);
  cuda::DeviceArray<std::uint16_t> to(values.size(), stream);
  for (const DType type : {DType::bf16, DType::f16}) {
    CAPTURE(layout_of(type).name);
    auto* const kernel = type == DType::bf16 ? cuda::round_rows_kernel<DType::bf16, 128>
                                             : cuda::round_rows_kernel<DType::f16, 128>;
    cuda::launch({dim3(1), dim3(128)}, stream.get(), kernel, rows.view(), to.data());
    cuda::PinnedArray<std::uint16_t> host;
    host.download(to, values.size(), stream);
    stream.wait();
    for (std::size_t i = 0; i < values.size(); ++i) {
      CAPTURE(i);
      CHECK(host.data()[i] ==
            (type == DType::bf16 ? to_bfloat16(values[i]).bits : to_float16(values[i]).bits));
    }
  }
}
