// SPDX-License-Identifier: Apache-2.0
// Whole models on the Cuda backend: their greedy tokens are those of the Cpu backend, also when the
// device draws; launches and errors. Their logits and bits are checked by tests/transformer, which
// is compiled for both backends.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/backend/cuda/support.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/backend/cpu/cpu.hpp"
#include "tutti/backend/cuda/cuda.cuh"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/sampler/draw.hpp"
#include "tutti/transformer/transformer.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

const std::filesystem::path kData = std::filesystem::path(TUTTI_TEST_DATA) / "transformer";

const StackOptions kOptions{
    .kv_type = KvType::f32, .max_cache_bytes = 1 << 24, .rows_per_pass = 16, .context_length = 0};

/// `count` greedy tokens of each expert, all experts together.
template <class B>
std::vector<std::vector<Token>> greedy_tokens(const std::vector<ModelWeights>& experts,
                                              typename B::Options options, std::size_t count) {
  BatchedTransformer<B> stack(experts, options, kOptions);
  std::vector<Row> rows;
  std::vector<std::uint32_t> outputs;
  std::vector<SequenceId> sequences;
  constexpr Token kPrompt[] = {3, 14, 15, 92, 65};
  for (std::uint32_t e = 0; e < experts.size(); ++e) {
    const SequenceId prompt = stack.create();
    sequences.push_back(prompt);
    for (const Token token : kPrompt)
      rows.push_back(
          {e, prompt, static_cast<std::uint32_t>(rows.size() % std::size(kPrompt)), token});
    outputs.push_back(static_cast<std::uint32_t>(rows.size() - 1));
  }
  std::vector<std::vector<Token>> tokens(experts.size());
  for (std::size_t i = 0; i < count; ++i) {
    const MatrixView<const float> logits = stack.forward(rows, outputs);
    rows.clear();
    outputs.clear();
    for (std::uint32_t e = 0; e < experts.size(); ++e) {
      const auto* largest = std::max_element(logits.row(e), logits.row(e) + logits.cols);
      tokens[e].push_back(static_cast<Token>(largest - logits.row(e)));
      outputs.push_back(e);
      rows.push_back(
          {e, sequences[e], static_cast<std::uint32_t>(std::size(kPrompt) + i), tokens[e].back()});
    }
  }
  return tokens;
}

/// The same tokens as greedy_tokens<Cuda>, all but the first drawn on the device.
std::vector<std::vector<Token>> greedy_on_device(const std::vector<ModelWeights>& experts,
                                                 std::size_t count) {
  BatchedTransformer<Cuda> stack(experts, {0, 1, 4}, kOptions);
  const std::vector<Token> prompt = {3, 14, 15, 92, 65};
  std::vector<Row> rows;
  std::vector<std::uint32_t> outputs;
  for (std::uint32_t e = 0; e < experts.size(); ++e) {
    const SequenceId sequence = stack.create();
    for (const Token token : prompt)
      rows.push_back({e, sequence, static_cast<std::uint32_t>(rows.size() % prompt.size()), token});
    outputs.push_back(static_cast<std::uint32_t>(rows.size() - 1));
  }
  const MatrixView<const float> logits = stack.forward(rows, outputs);
  std::vector<Row> first;
  std::vector<std::vector<Token>> tokens(experts.size());
  for (std::uint32_t e = 0; e < experts.size(); ++e) {
    tokens[e].push_back(greedy({logits.row(e), logits.cols}));
    first.push_back(
        {e, rows[outputs[e]].sequence, static_cast<std::uint32_t>(prompt.size()), tokens[e][0]});
  }
  SamplingOptions sampling;
  sampling.temperature = 0.0F;
  const std::vector<DrawKey> keys(experts.size());
  const std::vector<std::span<const Token>> histories(experts.size(), prompt);
  stack.begin_decoding({first, keys, histories, sampling, {}, stack.vocabulary_size(), count - 1});
  const std::vector<std::uint8_t> running(experts.size(), 1);
  while (tokens[0].size() < count) {
    const std::span<const DrawnToken> drawn = stack.decode(running);
    for (std::size_t i = 0; i < drawn.size(); ++i)
      tokens[i % experts.size()].push_back(drawn[i].token);
  }
  return tokens;
}

/// The tokens of a row, with the log-probabilities before all filters of all but the first.
struct Generated {
  std::vector<Token> tokens;
  std::vector<float> log_probabilities;
};

std::vector<Token> cycling_tokens(std::size_t count) {
  std::vector<Token> tokens;
  for (std::size_t p = 0; p < count; ++p) tokens.push_back(static_cast<Token>((7 * p + 3) % 60));
  return tokens;
}

/// Forgets all sequences, prefills `prompt` in a new one, and adds the first greedy token.
SequenceId prefill(BatchedTransformer<Cuda>& stack, const std::vector<Token>& prompt,
                   Generated& generated) {
  stack.clear();
  const SequenceId sequence = stack.create();
  std::vector<Row> rows;
  append_rows(rows, 0, sequence, 0, prompt);
  const auto last = static_cast<std::uint32_t>(rows.size() - 1);
  const MatrixView<const float> logits = stack.forward(rows, std::span(&last, 1));
  generated.tokens.push_back(greedy({logits.row(0), logits.cols}));
  return sequence;
}

/// `count` greedy tokens of one expert, all drawn on the host.
Generated generate_on_host(BatchedTransformer<Cuda>& stack, const std::vector<Token>& prompt,
                           std::size_t count) {
  Generated generated;
  const SequenceId sequence = prefill(stack, prompt, generated);
  while (generated.tokens.size() < count) {
    const Row row{0, sequence,
                  static_cast<std::uint32_t>(prompt.size() + generated.tokens.size() - 1),
                  generated.tokens.back()};
    const std::uint32_t output = 0;
    const MatrixView<const float> logits = stack.forward({&row, 1}, {&output, 1});
    generated.tokens.push_back(greedy({logits.row(0), logits.cols}));
    generated.log_probabilities.push_back(
        log_probability_of({logits.row(0), logits.cols}, generated.tokens.back()));
  }
  return generated;
}

/// The same, all but the first drawn on the device, for `samples` equal rows at once.
Generated generate_on_device(BatchedTransformer<Cuda>& stack, const std::vector<Token>& prompt,
                             std::size_t count, std::size_t samples = 1) {
  Generated generated;
  const SequenceId sequence = prefill(stack, prompt, generated);
  std::vector<Row> first;
  for (std::size_t s = 0; s < samples; ++s)
    first.push_back({0, stack.fork(sequence, prompt.size()),
                     static_cast<std::uint32_t>(prompt.size()), generated.tokens[0]});
  SamplingOptions sampling;
  sampling.temperature = 0.0F;
  const std::vector<DrawKey> keys(samples);
  const std::vector<std::span<const Token>> histories(samples, prompt);
  stack.begin_decoding({first, keys, histories, sampling, {}, stack.vocabulary_size(), count - 1});
  const std::vector<std::uint8_t> running(samples, 1);
  while (generated.tokens.size() < count) {
    const std::span<const DrawnToken> drawn = stack.decode(running);
    for (std::size_t i = 0; i < drawn.size(); i += samples) {
      generated.tokens.push_back(drawn[i].token);
      generated.log_probabilities.push_back(drawn[i].log_probability);
    }
  }
  return generated;
}

/// The same tokens, from logits that differ by roundings at most.
void check_equal(const Generated& generated, const Generated& expected) {
  CHECK(generated.tokens == expected.tokens);
  REQUIRE(generated.log_probabilities.size() == expected.log_probabilities.size());
  for (std::size_t i = 0; i < generated.log_probabilities.size(); ++i) {
    CAPTURE(i);
    CHECK(generated.log_probabilities[i] == Approx(expected.log_probabilities[i]).margin(1e-6));
  }
}

}  // namespace

TEST_CASE("Windows move along on the device as on the host, across pages", "[cuda]") {
  const std::filesystem::path families = std::filesystem::path(TUTTI_TEST_DATA) / "families";
  // All have a window of 40, Gemma's on some layers only. Greedy tokens alone would hardly reveal a
  // window that is off by one; log-probabilities do.
  for (const std::string name : {"mistral.gguf", "gemma3"}) {
    INFO(name);
    const auto model = Transformer<Cpu>::load(families / name);
    BatchedTransformer<Cuda> host({&model.weights(), 1}, {0, 1}, kOptions);
    BatchedTransformer<Cuda> device({&model.weights(), 1}, {0, 1, 4}, kOptions);
    for (const std::size_t prompt : {30U, 55U}) {
      const std::vector<Token> tokens = cycling_tokens(prompt);
      check_equal(generate_on_device(device, tokens, 30), generate_on_host(host, tokens, 30));
    }
  }
}

TEST_CASE("Generations of any lengths, one after the other, draw what the host draws", "[cuda]") {
  const auto model = Transformer<Cpu>::load(kData / "llama");
  BatchedTransformer<Cuda> host({&model.weights(), 1}, {0, 1}, kOptions);
  BatchedTransformer<Cuda> device({&model.weights(), 1}, {0, 1, 4}, kOptions);
  // Two rows of the longest first, so that all arrays have their final size. From then on only the
  // attention plan distinguishes steps with few pages from steps with many.
  (void)generate_on_device(device, cycling_tokens(130), 9, 2);
  for (const std::size_t prompt : {20U, 130U, 70U, 20U}) {
    CAPTURE(prompt);
    const std::vector<Token> tokens = cycling_tokens(prompt);
    check_equal(generate_on_device(device, tokens, 9), generate_on_host(host, tokens, 9));
  }
  // Two rows that share one or two pages and have one page each of their own: equally many visits,
  // but different space for partial results.
  for (const std::size_t prompt : {60U, 100U}) {
    CAPTURE(prompt);
    const std::vector<Token> tokens = cycling_tokens(prompt);
    check_equal(generate_on_device(device, tokens, 9, 2), generate_on_host(host, tokens, 9));
  }
}

TEST_CASE("Longer batches between two generations do not change what the device draws", "[cuda]") {
  const auto model = Transformer<Cpu>::load(kData / "llama");
  StackOptions options = kOptions;
  options.rows_per_pass = 256;
  BatchedTransformer<Cuda> host({&model.weights(), 1}, {0, 1}, options);
  BatchedTransformer<Cuda> device({&model.weights(), 1}, {0, 1, 4}, options);
  const std::vector<Token> tokens = cycling_tokens(20);
  const Generated expected = generate_on_host(host, tokens, 9);
  for (const std::size_t between : {0U, 40U, 200U}) {
    CAPTURE(between);
    check_equal(generate_on_device(device, tokens, 9), expected);
    check_equal(generate_on_device(device, tokens, 9), expected);
    if (between == 0) continue;
    Generated ignored;
    (void)prefill(device, cycling_tokens(between), ignored);  // arrays grow and move
  }
}

TEST_CASE(
    "Every family on the Cuda backend gives the greedy tokens of the Cpu backend, drawn on the "
    "host or on the device",
    "[cuda]") {
  const std::filesystem::path families = std::filesystem::path(TUTTI_TEST_DATA) / "families";
  for (const std::string name : {"mistral", "qwen2", "qwen3", "gemma3", "gpt2"}) {
    INFO(name);
    // Mistral's checkpoint is another family's with a window; its GGUF file is whole.
    const auto model = Transformer<Cpu>::load(families /
                                              (name == "mistral" ? name + ".gguf" : name));
    const std::vector<std::vector<Token>> expected = greedy_tokens<Cpu>({model.weights()}, {1}, 7);
    CHECK(greedy_tokens<Cuda>({model.weights()}, {0, 1}, 7) == expected);
    CHECK(greedy_on_device({model.weights()}, 7) == expected);
  }
}

TEST_CASE(
    "Adapters of 16-bit floats on the Cuda backend give the logits of the same values in 32 bits, "
    "all of one type or not",
    "[cuda]") {
  const auto base = Transformer<Cpu>::load(kData / "llama");
  const ModelWeights wide = base.with_adapter(kData / "lora_all").weights();
  const ModelWeights narrow = with_adapter_type(wide, DType::bf16),
                     halves = with_adapter_type(wide, DType::f16);
  const ModelWeights same = with_adapter_type(narrow, DType::f32),
                     halves_same = with_adapter_type(halves, DType::f32);
  const auto logits_of = [](const std::vector<ModelWeights>& experts) {
    BatchedTransformer<Cuda> stack(experts, {0, 1}, kOptions);
    std::vector<Row> rows;
    std::vector<std::uint32_t> last;
    for (std::uint32_t e = 0; e < experts.size(); ++e) {
      append_rows(rows, e, stack.create(), 0, some_tokens(7));
      last.push_back(static_cast<std::uint32_t>(rows.size() - 1));
    }
    const MatrixView<const float> logits = stack.forward(rows, last);
    return std::vector<float>(logits.data, logits.data + logits.rows * logits.cols);
  };
  const std::vector<float> expected = logits_of({same, halves_same, base.weights()});
  const std::size_t width = expected.size() / 3;
  const auto check = [&](const std::vector<float>& logits, std::size_t first) {
    for (std::size_t i = 0; i < logits.size(); ++i)
      CHECK(std::abs(logits[i] - expected[first * width + i]) <= 1e-5F);
  };
  check(logits_of({narrow}), 0);
  check(logits_of({halves}), 1);
  check(logits_of({narrow, halves, base.weights()}), 0);
}

TEST_CASE("Experts that run together give the greedy tokens of the Cpu backend", "[cuda]") {
  const auto base = Transformer<Cpu>::load(kData / "llama");
  const std::vector<ModelWeights> experts = {
      base.weights(), Transformer<Cpu>::load(kData / "llama_second").weights(),
      base.with_adapter(kData / "lora_all").weights()};
  const std::vector<std::vector<Token>> expected = greedy_tokens<Cpu>(experts, {1}, 12);
  CHECK(greedy_tokens<Cuda>(experts, {0, 1}, 12) == expected);
  CHECK(greedy_on_device(experts, 12) == expected);
}

TEST_CASE(
    "Every family in bf16, and experts with an adapter in f16, give the greedy tokens of the Cpu "
    "backend",
    "[cuda]") {
  const std::filesystem::path families = std::filesystem::path(TUTTI_TEST_DATA) / "families";
  for (const std::string name : {"mistral.gguf", "qwen2", "qwen3", "gemma3", "gpt2"}) {
    INFO(name);
    const auto model = Transformer<Cpu>::load(families / name, {.storage = DType::bf16});
    const std::vector<std::vector<Token>> expected = greedy_tokens<Cpu>({model.weights()}, {1}, 7);
    CHECK(greedy_tokens<Cuda>({model.weights()}, {0, 1}, 7) == expected);
    CHECK(greedy_on_device({model.weights()}, 7) == expected);
  }
  const auto base = Transformer<Cpu>::load(kData / "llama", {.storage = DType::f16});
  const std::vector<ModelWeights> experts = {
      base.weights(),
      Transformer<Cpu>::load(kData / "llama_second", {.storage = DType::f16}).weights(),
      base.with_adapter(kData / "lora_all").weights()};
  const std::vector<std::vector<Token>> expected = greedy_tokens<Cpu>(experts, {1}, 12);
  CHECK(greedy_tokens<Cuda>(experts, {0, 1}, 12) == expected);
  CHECK(greedy_on_device(experts, 12) == expected);
}

TEST_CASE("A prompt in bf16 has the same bits in passes of 1, 16 and 64 rows", "[cuda]") {
  const auto model = Transformer<Cpu>::load(kData / "llama", {.storage = DType::bf16});
  std::vector<float> first;
  for (const std::size_t rows_per_pass : {1U, 16U, 64U}) {
    StackOptions options = kOptions;
    options.rows_per_pass = rows_per_pass;
    BatchedTransformer<Cuda> stack(std::span(&model.weights(), 1), {0, 1}, options);
    const SequenceId sequence = stack.create();
    std::vector<Row> rows;
    for (std::uint32_t p = 0; p < 70; ++p)
      rows.push_back({0, sequence, p, static_cast<Token>((7 * p + 3) % 64)});
    const std::uint32_t positions[] = {0, 40, 69};
    const MatrixView<const float> logits = stack.forward(rows, positions);
    std::vector<float> all;
    for (std::size_t i = 0; i < 3; ++i)
      all.insert(all.end(), logits.row(i), logits.row(i) + logits.cols);
    if (first.empty()) first = all;
    CHECK(same_bits(all, first));
  }
}

#if !defined(__CUDACC__)
TEST_CASE("A layer is five launches, nine where experts have adapters", "[cuda]") {
  const auto base = Transformer<Cpu>::load(kData / "llama");
  for (const bool adapted : {false, true}) {
    const std::vector<ModelWeights> experts = {
        base.weights(), adapted ? base.with_adapter(kData / "lora_all").weights() : base.weights()};
    BatchedTransformer<Cuda> stack(experts, {0, 1}, kOptions);
    const std::vector<Row> rows = {{0, stack.create(), 0, 3}, {1, stack.create(), 0, 4}};
    const std::uint64_t before = emulation::kernels_run();
    stack.log_probabilities(rows, {}, {});
    const std::size_t layers = base.weights().config.layers;
    CHECK(emulation::kernels_run() - before ==
          2 + layers * (adapted ? 9 : 5));  // and two before: angles, embedding
  }
}
#endif

TEST_CASE("A device that is not there is a typed error, and so are experts of different types",
          "[cuda]") {
  CHECK(cuda_available());
  CHECK_THROWS_WITH(Cuda({99, 1}), contains("no device 99"));
  const std::vector<ModelWeights> experts = {
      Transformer<Cpu>::load(kData / "gguf" / "f32.gguf").weights(),
      Transformer<Cpu>::load(kData / "gguf" / "f16.gguf").weights()};
  CHECK_THROWS_WITH(BatchedTransformer<Cuda>(experts, {0, 1}, kOptions),
                    contains("expert 1 keeps a layer in F16"));
}
