// SPDX-License-Identifier: Apache-2.0
// The forward pass against logits that `transformers` and `peft` computed
// (tests/data/transformer/generate.py).
#include <string>
#include <type_traits>

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// The expected values for a folder, or for a GGUF file of this name.
Json expected_of(const std::string& folder) {
  return read_json_file(checkpoint(folder) / "expected.json");
}
Json expected_of_gguf(const std::string& name) {
  return read_json_file(checkpoint("gguf") / (name + ".json"));
}
std::filesystem::path gguf(const std::string& name) {
  return checkpoint("gguf") / (name + ".gguf");
}

}  // namespace

TEST_CASE("Logits of Llama checkpoints equal those of transformers", "[transformer]") {
  for (const std::string name : {"llama", "llama_second", "llama_tied", "llama_bias",
                                 "llama_sharded", "llama_head_dim", "llama3_rope"}) {
    INFO(name);
    CHECK(largest_difference(TestModel::load(checkpoint(name)), expected_of(name)) <= 1e-4);
  }
}

TEST_CASE("An unmerged LoRA gives the logits of peft's merged model", "[transformer]") {
  const auto base = TestModel::load(checkpoint("llama"));
  for (const std::string name : {"lora_all", "lora_rs", "lora_pattern"}) {
    INFO(name);
    CHECK(largest_difference(base.with_adapter(checkpoint(name)), expected_of(name)) <= 1e-4);
  }
}

TEST_CASE("A LoRA of the head gives peft's logits, with the head that was saved beside it",
          "[transformer]") {
  for (const std::string name : {"lora_head", "lora_other_head", "lora_tied_head"}) {
    INFO(name);
    const auto base = TestModel::load(
        checkpoint(name == "lora_tied_head" ? "llama_tied" : "llama"));
    CHECK(largest_difference(base.with_adapter(checkpoint(name)), expected_of(name)) <= 1e-4);
  }
}

TEST_CASE("Logits of unquantized GGUF files equal those of transformers on the same weights",
          "[transformer]") {
  for (const std::string name : {"f32", "f16", "bf16"}) {
    INFO(name);
    CHECK(largest_difference(TestModel::load(gguf(name)), expected_of_gguf(name)) <= 1e-4);
  }
}

TEST_CASE(
    "Converted to float, quantized GGUF files give the logits of transformers on the expanded "
    "weights",
    "[transformer]") {
  for (const std::string name : {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k_m"}) {
    INFO(name);
    CHECK(largest_difference(TestModel::load(gguf(name), {.storage = DType::f32}),
                             expected_of_gguf(name)) <= 1e-4);
  }
}

TEST_CASE(
    "Quantized in place, only the rounding of the activations is added, where the backend rounds "
    "them",
    "[transformer]") {
  // Cpu rounds activations to 8 bits: in a block of 32, each changes by at most 1/254 of the
  // largest; the logits here reach about 30.
  const double bound = std::is_same_v<TestBackend, Cpu> ? 0.5 : 1e-4;
  for (const std::string name : {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k_m"}) {
    INFO(name);
    const double difference = largest_difference(TestModel::load(gguf(name)),
                                                 expected_of_gguf(name));
    CHECK(difference <= bound);
    CHECK(difference > 0);
  }
}
