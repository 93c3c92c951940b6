// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/hf_config.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tutti {
namespace {

using test::contains;
using test::TemporaryDirectory;

ModelConfig read(const Json& json) {
  const TemporaryDirectory directory;
  return read_hf_config(directory.write("config.json", json.dump()));
}

Json small_config() {
  return Json::parse(R"({"model_type": "llama", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
                         "num_attention_heads": 4})");
}

/// The small configuration with `change` merged into it; null takes a key away.
ModelConfig read_with(const char* change) {
  Json json = small_config();
  json.merge_patch(Json::parse(change));
  return read(json);
}

void check_refused(const char* change, const std::string& reason) {
  CAPTURE(change);
  CHECK_THROWS_WITH(read_with(change), contains(reason));
}

TEST_CASE("Absent keys take the defaults of LlamaConfig") {
  const ModelConfig config = read(small_config());
  CHECK(config.architecture == "llama");
  CHECK(config.vocabulary_size == 64);
  CHECK(config.hidden_size == 32);
  CHECK(config.intermediate_size == 48);
  CHECK(config.layers == 2);
  CHECK(config.heads == 4);
  CHECK(config.kv_heads == 4);
  CHECK(config.head_dim == 8);
  CHECK(config.context_length == 2048);
  CHECK(config.rms_epsilon == 1e-6F);
  CHECK(config.rope_theta == 10'000.0F);
  CHECK(config.rope_pairing == RopePairing::halves);
  CHECK_FALSE(config.rope_scaling.has_value());
  CHECK_FALSE(config.tied_embeddings);
  CHECK_FALSE(config.attention_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK(config.bos_token == 1);
  CHECK(config.eos_tokens == std::vector<Token>{2});
  CHECK_FALSE(config.pad_token.has_value());
}

TEST_CASE("Given keys are taken") {
  const ModelConfig config = read_with(R"({"num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 99, "rms_norm_eps": 1e-5,
      "tie_word_embeddings": true, "attention_bias": true, "mlp_bias": true, "bos_token_id": 5, "eos_token_id": [6, 7], "pad_token_id": 0,
      "hidden_act": "silu", "torch_dtype": "bfloat16", "dtype": "float16"})");
  CHECK(config.kv_heads == 2);
  CHECK(config.head_dim == 16);
  CHECK(config.context_length == 99);
  CHECK(config.rms_epsilon == 1e-5F);
  CHECK(config.tied_embeddings);
  CHECK(config.attention_bias);
  CHECK(config.mlp_bias);
  CHECK(config.bos_token == 5);
  CHECK(config.eos_tokens == std::vector<Token>{6, 7});
  CHECK(config.pad_token == 0);
}

TEST_CASE("A token id of null or -1 means that there is none") {
  Json json = small_config();
  json["bos_token_id"] = nullptr;
  json["eos_token_id"] = nullptr;
  json["pad_token_id"] = -1;
  const ModelConfig config = read(json);
  CHECK_FALSE(config.bos_token.has_value());
  CHECK(config.eos_tokens.empty());
  CHECK_FALSE(config.pad_token.has_value());
}

TEST_CASE("RoPE is read in the old form and in that of transformers 5") {
  CHECK(read_with(R"({"rope_theta": 5e5})").rope_theta == 500'000.0F);
  CHECK(read_with(R"({"rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}})").rope_theta == 500'000.0F);

  const RopeScaling llama3{RopeScaling::Kind::llama3, 8.0F, 1.0F, 4.0F, 8192};
  const char* old_form = R"({"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                             "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}})";
  const char* new_form = R"({"rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                             "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}})";
  CHECK(read_with(old_form) == read_with(new_form));
  CHECK(read_with(old_form).rope_scaling == llama3);

  const RopeScaling linear{RopeScaling::Kind::linear, 2.0F};
  CHECK(read_with(R"({"rope_scaling": {"type": "linear", "factor": 2.0}})").rope_scaling == linear);
}

TEST_CASE("Unknown RoPE types and partial rotation are refused") {
  check_refused(R"({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}})", "rope_scaling: \"rope_type\" is \"yarn\"; supported are");
  check_refused(R"({"rope_scaling": {"rope_type": "llama3", "factor": 2.0}})", "\"low_freq_factor\" is missing");
  check_refused(R"({"rope_scaling": {"type": "linear"}})", "\"factor\" is missing");
  check_refused(R"({"rope_parameters": 3})", "rope_parameters: expected an object, found the number 3");
  check_refused(R"({"partial_rotary_factor": 0.5})", "\"partial_rotary_factor\" is 0.5, only 1 is supported");
}

TEST_CASE("Other families, activations and quantised checkpoints are refused by key and value") {
  check_refused(R"({"model_type": "qwen2"})", "\"model_type\" is \"qwen2\", only \"llama\" is supported");
  check_refused(R"({"model_type": null})", "\"model_type\" is missing");
  check_refused(R"({"hidden_act": "gelu"})", "\"hidden_act\" is \"gelu\", only \"silu\" is supported");
  check_refused(R"({"quantization_config": {"bits": 4}})", "\"quantization_config\" is present");
}

TEST_CASE("Sizes that make no model are refused") {
  check_refused(R"({"vocab_size": null})", "\"vocab_size\" is missing");
  check_refused(R"({"hidden_size": -32})", "\"hidden_size\" is the number -32");
  check_refused(R"({"hidden_size": "32"})", "\"hidden_size\" is the string \"32\"");
  check_refused(R"({"hidden_size": 33})", "hidden size 33 is no multiple of 4 heads and there is no \"head_dim\"");
  check_refused(R"({"num_attention_heads": 0})", "is no multiple of 0 heads");
  check_refused(R"({"num_key_value_heads": 3})", "4 heads cannot share 3");
  check_refused(R"({"num_hidden_layers": 0})", "number of layers is 0");
  check_refused(R"({"eos_token_id": 64})", "EOS token is 64, but the vocabulary has 64 tokens");
  check_refused(R"({"rms_norm_eps": "1e-5"})", "expected a finite number");
}

TEST_CASE("A config that is no object is refused") { CHECK_THROWS_WITH(read(Json::array()), contains("expected an object")); }

}  // namespace
}  // namespace tutti
