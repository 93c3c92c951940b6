// SPDX-License-Identifier: Apache-2.0
// The forward pass against logits that `transformers` and `peft` computed (tests/data/transformer/generate.py).
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/backend/cpu/cpu.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/transformer/transformer.hpp"

using namespace tutti;

namespace {

const std::filesystem::path kData = std::filesystem::path(TUTTI_TEST_DATA) / "transformer";

struct Expected {
  std::vector<Token> tokens;
  std::vector<std::uint32_t> positions;
  std::vector<std::vector<float>> logits;
};

Expected read_expected(const std::filesystem::path& path) {
  const Json json = read_json_file(path);
  return {json.at("tokens"), json.at("positions"), json.at("logits")};
}

/// Largest |difference| of the logits of one model from the expected ones, with the cache in float.
double largest_difference(const Transformer<Cpu>& model, const Expected& expected, std::size_t rows_per_pass = 256,
                          CpuOptions options = {.threads = 2}) {
  BatchedTransformer<Cpu> stack(std::span(&model.weights(), 1), options,
                                {.kv_type = KvType::f32, .max_cache_bytes = 1 << 24, .rows_per_pass = rows_per_pass, .context_length = 0});
  const SequenceId sequence = stack.create();
  std::vector<Row> rows;
  for (const Token token : expected.tokens) rows.push_back({0, sequence, static_cast<std::uint32_t>(rows.size()), token});
  const MatrixView<const float> logits = stack.forward(rows, expected.positions);
  double largest = 0;
  for (std::size_t i = 0; i < expected.positions.size(); ++i) {
    for (std::size_t t = 0; t < logits.cols; ++t) {
      largest = std::max(largest, std::abs(static_cast<double>(logits.row(i)[t]) - static_cast<double>(expected.logits[i][t])));
    }
  }
  return largest;
}

}  // namespace

TEST_CASE("Logits of Llama checkpoints equal those of transformers", "[transformer]") {
  for (const std::string name : {"llama", "llama_second", "llama_tied", "llama_bias", "llama_sharded", "llama_head_dim", "llama3_rope"}) {
    INFO(name);
    CHECK(largest_difference(Transformer<Cpu>::load(kData / name), read_expected(kData / name / "expected.json")) <= 1e-4);
  }
}

TEST_CASE("A LoRA beside its base gives the logits of peft's merged model", "[transformer]") {
  const auto base = Transformer<Cpu>::load(kData / "llama");
  for (const std::string name : {"lora_all", "lora_rs", "lora_pattern"}) {
    INFO(name);
    CHECK(largest_difference(base.with_adapter(kData / name), read_expected(kData / name / "expected.json")) <= 1e-4);
  }
}

TEST_CASE("Logits of unquantised GGUF files equal those of transformers on the same weights", "[transformer]") {
  for (const std::string name : {"f32", "f16", "bf16"}) {
    INFO(name);
    CHECK(largest_difference(Transformer<Cpu>::load(kData / "gguf" / (name + ".gguf")), read_expected(kData / "gguf" / (name + ".json"))) <=
          1e-4);
  }
}

TEST_CASE("Activations rounded to bfloat16 change logits by about that rounding, and only where the processor has the instruction",
          "[transformer]") {
  // A rounding is wrong by at most 2^-9 of a value; the logits here reach about 30.
  const double difference = largest_difference(Transformer<Cpu>::load(kData / "gguf" / "bf16.gguf"),
                                               read_expected(kData / "gguf" / "bf16.json"), 256, {.threads = 2, .round_to_bfloat16 = true});
  CHECK(difference <= 0.25);
  CHECK((difference > 1e-4) == cpu::kMultipliesBFloat16);
}

TEST_CASE("Converted to float, quantised GGUF files give the logits of transformers on the expanded weights", "[transformer]") {
  for (const std::string name : {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k_m"}) {
    INFO(name);
    const auto model = Transformer<Cpu>::load(kData / "gguf" / (name + ".gguf"), {.storage = DType::f32});
    CHECK(largest_difference(model, read_expected(kData / "gguf" / (name + ".json"))) <= 1e-4);
  }
}

TEST_CASE("Quantised in place, only the rounding of the activations to 8 bits is added", "[transformer]") {
  // One rounding of a block of 32 activations is wrong by at most 1/254 of the largest; the logits here reach about 30.
  for (const std::string name : {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k_m"}) {
    INFO(name);
    const double difference =
        largest_difference(Transformer<Cpu>::load(kData / "gguf" / (name + ".gguf")), read_expected(kData / "gguf" / (name + ".json")));
    CHECK(difference <= 0.5);
    CHECK(difference > 0);
  }
}
