// SPDX-License-Identifier: Apache-2.0
// Every family against what `transformers` computed (tests/data/families/generate.py), from
// safetensors and from GGUF.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/formats/quantized/dequantize.hpp"
#include "tutti/formats/safetensors/safetensors.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

const std::filesystem::path kFamilies = std::filesystem::path(TUTTI_TEST_DATA) / "families";
const std::vector<std::string> kNames{"llama3",       "llama_linear", "mistral", "qwen2",
                                      "qwen2_window", "qwen3",        "gemma3",  "gpt2"};
const std::vector<std::string> kWithWindow{"mistral", "qwen2_window", "gemma3"};

/// The model of a folder. If its tensors are stored with another model, both are combined first.
TestModel load_family(const std::string& name) {
  const Json expected = read_json_file(kFamilies / name / "expected.json");
  if (!expected.contains("weights")) return TestModel::load(kFamilies / name);
  const TemporaryDirectory directory;
  std::filesystem::copy_file(kFamilies / name / "config.json", directory.path() / "config.json");
  const std::string weights = expected.at("weights");
  std::filesystem::copy_file(kFamilies / weights / "model.safetensors",
                             directory.path() / "model.safetensors");
  return TestModel::load(directory.path());
}

void check_greedy(const TestModel& model, const Json& expected) {
  BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1), on_threads(2),
                                        exact_cache());
  const std::vector<Token> prompt = expected.at("tokens");
  const std::vector<Token> reference = expected.at("greedy");
  REQUIRE(reference.size() == 64);
  const SequenceId sequence = stack.create();
  std::vector<Row> rows;
  append_rows(rows, 0, sequence, 0, prompt);
  std::vector<Token> greedy;
  while (greedy.size() < reference.size()) {
    const auto last = static_cast<std::uint32_t>(rows.size() - 1);
    const MatrixView<const float> logits = stack.forward(rows, std::span(&last, 1));
    greedy.push_back(static_cast<Token>(
        std::max_element(logits.row(0), logits.row(0) + logits.cols) - logits.row(0)));
    rows.clear();
    append_rows(rows, 0, sequence, prompt.size() + greedy.size() - 1, std::span(greedy).last(1));
  }
  CHECK(greedy == reference);
}

}  // namespace

TEST_CASE("Every family gives the logits of transformers, however the prompt is cut into passes",
          "[families]") {
  for (const std::string& name : kNames) {
    INFO(name);
    const TestModel model = load_family(name);
    for (const std::size_t rows_per_pass : {256U, 7U}) {
      CHECK(largest_difference(model, read_json_file(kFamilies / name / "expected.json"),
                               exact_cache(rows_per_pass)) <= 1e-4);
    }
  }
}

TEST_CASE("Every family continues with the 64 greedy tokens of transformers", "[families]") {
  for (const std::string& name : kNames) {
    INFO(name);
    check_greedy(load_family(name), read_json_file(kFamilies / name / "expected.json"));
  }
}

TEST_CASE("The same models as GGUF give the same logits and greedy tokens", "[families]") {
  for (const std::string name : {"llama3", "mistral", "qwen2", "qwen3", "gemma3", "gpt2"}) {
    INFO(name);
    const TestModel model = TestModel::load(kFamilies / (name + ".gguf"));
    const Json expected = read_json_file(name == "gemma3" ? kFamilies / "gemma3.json"
                                                          : kFamilies / name / "expected.json");
    CHECK(largest_difference(model, expected) <= 1e-4);
    check_greedy(model, expected);
  }
}

TEST_CASE("A row of a model with windows has the same bits alone and among others", "[families]") {
  const std::vector<Token> prompt = some_tokens(150);
  for (const std::string& name : kWithWindow) {
    INFO(name);
    const TestModel model = load_family(name);
    const std::vector<float> alone = logits_alone(model, prompt, exact_cache());
    for (const std::size_t rows_per_pass : {1U, 50U, 64U}) {
      CHECK(same_bits(logits_alone(model, prompt, exact_cache(rows_per_pass), 3), alone));
    }
    BatchedTransformer<TestBackend> stack(std::vector<ModelWeights>(2, model.weights()),
                                          on_threads(2), exact_cache(100));
    std::vector<Row> rows;
    append_rows(rows, 0, stack.create(), 0, std::span(prompt).first(9));
    append_rows(rows, 0, stack.create(), 0, prompt);
    append_rows(rows, 1, stack.create(), 0, std::span(prompt).first(70));
    append_rows(rows, 1, stack.create(), 0, prompt);
    const std::vector<std::uint32_t> outputs{8, 158, 228, 378};
    const MatrixView<const float> logits = stack.forward(rows, outputs);
    CHECK(same_bits(logits.row_span(0),
                    logits_alone(model, std::span(prompt).first(9), exact_cache())));
    CHECK(same_bits(logits.row_span(1), alone));
    CHECK(same_bits(logits.row_span(2),
                    logits_alone(model, std::span(prompt).first(70), exact_cache())));
    CHECK(same_bits(logits.row_span(3), alone));
  }
}

TEST_CASE("Samples with a window attend to the part of their shared prompt within it",
          "[families]") {
  const std::vector<Token> prompt = some_tokens(110);
  const std::vector<Token> first = some_tokens(55, 2);
  const std::vector<Token> second = some_tokens(20, 3);
  std::vector<Token> whole = prompt;
  whole.insert(whole.end(), first.begin(), first.end());
  for (const std::string& name : kWithWindow) {
    INFO(name);
    const TestModel model = load_family(name);
    const auto run = [&](bool with_second) {
      BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1), on_threads(2),
                                            exact_cache());
      const SequenceId shared = stack.create();
      std::vector<Row> rows;
      append_rows(rows, 0, shared, 0, prompt);
      stack.forward(rows, {});
      rows.clear();
      append_rows(rows, 0, stack.fork(shared, prompt.size()), prompt.size(), first);
      if (with_second)
        append_rows(rows, 0, stack.fork(shared, prompt.size()), prompt.size(), second);
      const std::vector<std::uint32_t> outputs{19, 54};
      const MatrixView<const float> logits = stack.forward(rows, outputs);
      return std::vector<float>(logits.row(0), logits.row(0) + 2 * logits.cols);
    };
    const std::vector<float> among_others = run(true);
    CHECK(same_bits(among_others, run(false)));
    // Alone, page boundaries differ, so sums are formed in another order: equal up to rounding.
    const std::vector<float> early = logits_alone(model, std::span(whole).first(130),
                                                  exact_cache());
    const std::vector<float> late = logits_alone(model, whole, exact_cache());
    for (std::size_t t = 0; t < early.size(); ++t) {
      CHECK(among_others[t] == Approx(early[t]).margin(1e-4));
      CHECK(among_others[early.size() + t] == Approx(late[t]).margin(1e-4));
    }
  }
}

TEST_CASE("A GPT-2 checkpoint of the base model, with masks among its tensors, is the same model",
          "[families]") {
  const TemporaryDirectory directory;
  std::filesystem::copy_file(kFamilies / "gpt2" / "config.json", directory.path() / "config.json");
  const SafetensorsModel file(kFamilies / "gpt2");
  SafetensorsWriter writer;
  for (const TensorView& tensor : file.tensors()) {
    const std::string prefix = "transformer.";
    REQUIRE(tensor.name.starts_with(prefix));
    writer.add(tensor.name.substr(prefix.size()), "F32", tensor.shape,
               {reinterpret_cast<const char*>(tensor.data), tensor.bytes});
  }
  writer.add("h.0.attn.bias", "F32", {1, 1, 1, 1}, std::string(4, '\0'));
  writer.write(directory.path() / "model.safetensors");
  const std::vector<Token> tokens = some_tokens(12);
  CHECK(same_bits(logits_alone(TestModel::load(directory.path()), tokens),
                  logits_alone(load_family("gpt2"), tokens)));
}

TEST_CASE("An adapter of GPT-2's fused query, key and value is split like their rows",
          "[families]") {
  const Json expected = read_json_file(kFamilies / "gpt2_lora" / "expected.json");
  CHECK(largest_difference(load_family("gpt2").with_adapter(kFamilies / "gpt2_lora"), expected) <=
        1e-4);
  CHECK(largest_difference(
            TestModel::load(kFamilies / "gpt2.gguf").with_adapter(kFamilies / "gpt2_lora"),
            expected) <= 1e-4);
}

TEST_CASE("Transposed weights are converted as others are", "[families]") {
  const ModelWeights exact = load_weights(kFamilies / "gpt2");
  const ModelWeights model = load_weights(kFamilies / "gpt2", {.storage = DType::bf16});
  CHECK(model.layers[1].key.weight.type == DType::bf16);
  std::vector<float> row(32), reference(32);
  dequantize_row(DType::bf16, model.layers[1].key.weight.row(5), 32, row.data());
  dequantize_row(DType::f32, exact.layers[1].key.weight.row(5), 32, reference.data());
  for (std::size_t i = 0; i < 32; ++i) CHECK(row[i] == Approx(reference[i]).epsilon(0.004));
}

TEST_CASE(
    "Gemma's embedding scale is rounded to the element type of a checkpoint, but not of a GGUF "
    "file",
    "[families]") {
  CHECK(load_family("gemma3").config().embedding_scale == std::sqrt(32.0F));
  CHECK(TestModel::load(kFamilies / "gemma3.gguf").config().embedding_scale == std::sqrt(32.0F));
  // The square root of 640 is 25.298: 25.25 in bfloat16, 25.296875 in float16.
  CHECK(embedding_scale_as_stored(std::sqrt(640.0F), DType::bf16) == 25.25F);
  CHECK(embedding_scale_as_stored(std::sqrt(640.0F), DType::f16) == 25.296875F);
}

TEST_CASE("Experts with different windows do not fit", "[families]") {
  std::vector<ModelWeights> experts{load_family("mistral").weights(),
                                    load_family("mistral").weights()};
  CHECK_NOTHROW(check_experts_fit(experts));
  experts[1].config.sliding_window = 41;
  CHECK_THROWS_WITH(check_experts_fit(experts),
                    contains("sliding window (0: none) is 41 instead of 40"));
}

TEST_CASE("The ledger counts the positions within a window", "[families]") {
  const TestModel model = load_family("gemma3");
  BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1), on_threads(1),
                                        exact_cache());
  const SequenceId sequence = stack.create();
  std::vector<Row> rows;
  append_rows(rows, 0, sequence, 0, some_tokens(149));
  stack.forward(rows, {});
  const Cost before = stack.ledger().total();
  rows.clear();
  append_rows(rows, 0, sequence, 149, some_tokens(1));
  stack.forward(rows, {});
  // One layer attends to all 150 positions, two to 40; keys and values of 1 head of 16 in float32.
  CHECK(stack.ledger().total().kv_bytes - before.kv_bytes == Approx(2.0 * 16 * 4 * (150 + 2 * 40)));
}

TEST_CASE(
    "A fork at any position, a truncated sequence and cached pages have the bits of a "
    "sequence computed in one go",
    "[families]") {
  for (const char* name : {"llama3", "mistral", "gemma3", "gpt2"}) {
    INFO(name);
    const auto model = load_family(name);
    const std::vector<Token> text = some_tokens(140), other = some_tokens(40, 9);
    for (const std::size_t at : {1U, 17U, 63U, 64U, 65U, 100U, 128U, 139U}) {
      INFO("at " << at);
      std::vector<Token> branched(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at));
      branched.insert(branched.end(), other.begin(), other.end());
      const std::vector<float> expected = logits_alone(model, branched);

      BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1), on_threads(2));
      const auto finish = [&](SequenceId sequence) {
        std::vector<Row> rows;
        const std::size_t length = stack.length(sequence);
        append_rows(rows, 0, sequence, length, std::span(branched).subspan(length));
        const auto last = static_cast<std::uint32_t>(rows.size() - 1);
        const MatrixView<const float> logits = stack.forward(rows, std::span(&last, 1));
        return std::vector<float>(logits.row(0), logits.row(0) + logits.cols);
      };
      const SequenceId first = stack.open(0, text);
      std::vector<Row> rows;
      append_rows(rows, 0, first, 0, text);
      (void)stack.forward(rows, {});
      CHECK(same_bits(finish(stack.fork(first, at)), expected));
      const SequenceId opened = stack.open(0, branched);
      CHECK(stack.length(opened) == (branched.size() - 1) / 64 * 64);
      CHECK(same_bits(finish(opened), expected));
      stack.truncate(first, at);
      CHECK(same_bits(finish(first), expected));
    }
  }
}
