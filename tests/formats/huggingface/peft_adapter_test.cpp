// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/huggingface/peft_adapter.hpp"

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tutti {
namespace {

using test::contains;
using test::SafetensorsWriter;
using test::TemporaryDirectory;

const std::string kQuery = "model.layers.0.self_attn.q_proj";
const std::string kValue = "model.layers.0.self_attn.v_proj";

/// A [rank, 3] and B [2, rank] of one module.
void add_module(SafetensorsWriter& writer, const std::string& name, std::size_t rank) {
  writer.add_f32("base_model.model." + name + ".lora_A.weight", {rank, 3},
                 std::vector<float>(rank * 3, 1.0F));
  writer.add_f32("base_model.model." + name + ".lora_B.weight", {2, rank},
                 std::vector<float>(2 * rank, 2.0F));
}

/// Rank 2 for q and v of layer 0.
SafetensorsWriter two_modules() {
  SafetensorsWriter writer;
  add_module(writer, kQuery, 2);
  add_module(writer, kValue, 2);
  return writer;
}

Json plain_config() {
  return Json::parse(
      R"({"peft_type": "LORA", "r": 2, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"],
          "bias": "none",
      "base_model_name_or_path": "a/base", "use_dora": false, "alora_invocation_tokens": null,
      "rank_pattern": {}, "alpha_pattern": {},
      "modules_to_save": null, "fan_in_fan_out": false, "init_lora_weights": true,
      "loftq_config": {}})");
}

/// The plain configuration with `change` merged into it; null removes a key.
PeftAdapter read_adapter(const SafetensorsWriter& tensors, const char* change = "{}") {
  const TemporaryDirectory directory;
  Json config = plain_config();
  config.merge_patch(Json::parse(change));
  directory.write("adapter_config.json", config.dump());
  tensors.write(directory.path() / "adapter_model.safetensors");
  return PeftAdapter(directory.path());
}

void check_adapter_refused(const SafetensorsWriter& tensors, const char* change,
                           const std::string& reason) {
  CAPTURE(change);
  CHECK_THROWS_WITH(read_adapter(tensors, change), contains(reason));
}

TEST_CASE("A module has A, B and the scale alpha / r under the name of the base's module") {
  const PeftAdapter adapter = read_adapter(two_modules());
  CHECK(adapter.modules().size() == 2);
  CHECK(adapter.base_model() == "a/base");
  CHECK(adapter.value_head() == nullptr);
  const LoraModule* query = adapter.find("model.layers.0.self_attn.q_proj");
  REQUIRE(query != nullptr);
  CHECK(query->a.shape == std::vector<std::size_t>{2, 3});
  CHECK(query->b.shape == std::vector<std::size_t>{2, 2});
  CHECK(query->scale == 4.0F);
  float first = 0;
  std::memcpy(&first, query->b.data, sizeof(first));
  CHECK(first == 2.0F);
  CHECK(adapter.find("model.layers.0.self_attn.k_proj") == nullptr);
}

TEST_CASE("Rank-stabilized LoRA divides alpha by the root of r") {
  SafetensorsWriter writer;
  add_module(writer, kQuery, 4);
  CHECK(read_adapter(writer, R"({"r": 4, "use_rslora": true})").find(kQuery)->scale ==
        4.0F);  // 8 / sqrt(4)
  CHECK(read_adapter(writer, R"({"r": 4, "lora_alpha": 2.5})").find(kQuery)->scale == 0.625F);
}

TEST_CASE("Patterns give modules a rank and an alpha of their own") {
  SafetensorsWriter writer;
  add_module(writer, kQuery, 2);
  add_module(writer, kValue, 1);
  const auto scales = [&](const char* change) {
    const PeftAdapter adapter = read_adapter(writer, change);
    return std::pair(adapter.find(kQuery)->scale, adapter.find(kValue)->scale);
  };
  CHECK(scales(R"({"rank_pattern": {"v_proj": 1}})") == std::pair(4.0F, 8.0F));
  CHECK(scales(
            R"({"rank_pattern": {".*v_proj": 1},
              "alpha_pattern": {"^model.layers.0.self_attn.v_proj": 3}})") ==
        std::pair(4.0F, 3.0F));
  CHECK(scales(
            R"({"rank_pattern": {"layers\\.\\d+\\.self_attn\\.[vo]_proj": 1},
              "alpha_pattern": {"q_proj": 1}})") == std::pair(0.5F, 8.0F));
  // A pattern must match up to the end of the name, from its beginning or from after a dot.
  CHECK(
      scales(R"({"rank_pattern": {"v_proj": 1, "self_attn": 7, "_proj": 7, "attn.q_proj": 7}})") ==
      std::pair(4.0F, 8.0F));
  check_adapter_refused(writer, R"({"rank_pattern": {"v_proj": 1, "self_attn.v_proj": 2}})",
                        "matches \"self_attn.v_proj\" and \"v_proj\", whose values differ");
  check_adapter_refused(writer, R"({"rank_pattern": {"v_proj": 1, "(?=q)q_proj": 2}})",
                        "pattern \"(?=q)q_proj\" is not supported");
  check_adapter_refused(writer, R"({"rank_pattern": {"v_proj": "1"}})",
                        "rank_pattern: \"v_proj\" is the string \"1\"");
}

TEST_CASE("The rank must be that of the configuration") {
  check_adapter_refused(two_modules(), R"({"r": 3})",
                        "module \"" + kQuery + "\": A has rank 2, adapter_config.json says 3");
}

TEST_CASE("Modules must be among the targets") {
  CHECK_NOTHROW(read_adapter(two_modules(), R"({"target_modules": "all-linear"})"));
  CHECK_NOTHROW(read_adapter(two_modules(), R"({"target_modules": ".*\\.(q|v)_proj"})"));
  CHECK_NOTHROW(read_adapter(
      two_modules(),
      R"({"target_modules": "(?!x).*proj"})"));  // look-ahead is not read: the tensors decide
  check_adapter_refused(two_modules(), R"({"target_modules": ["q_proj"]})",
                        "module \"" + kValue + "\" is not among the \"target_modules\"");
  check_adapter_refused(two_modules(), R"({"target_modules": ["q_proj", "proj"]})", "is not among");
  check_adapter_refused(two_modules(), R"({"target_modules": ".*q_proj"})", "is not among");
  check_adapter_refused(two_modules(), R"({"target_modules": null})",
                        "\"target_modules\" is missing");
  check_adapter_refused(two_modules(), R"({"target_modules": 3})",
                        "\"target_modules\" is the number 3, expected a string");
}

TEST_CASE("A value head that was saved with the adapter is read") {
  SafetensorsWriter writer = two_modules();
  writer.add_f32("base_model.model.score.weight", {1, 3}, {1, 2, 3});
  const PeftAdapter adapter = read_adapter(writer,
                                           R"({"modules_to_save": ["classifier", "score"]})");
  REQUIRE(adapter.value_head() != nullptr);
  CHECK(adapter.value_head()->shape == std::vector<std::size_t>{1, 3});
  check_adapter_refused(
      writer, "{}", "tensor \"base_model.model.score.weight\" is not of a kind that is supported");
  check_adapter_refused(two_modules(), R"({"modules_to_save": ["score"]})",
                        "there is no tensor \"base_model.model.score.weight\"");
  check_adapter_refused(two_modules(), R"({"modules_to_save": ["lm_head"]})",
                        "\"modules_to_save\" contains \"lm_head\"");
}

TEST_CASE("Everything that is not plain LoRA is refused by name") {
  check_adapter_refused(two_modules(), R"({"peft_type": "LOHA"})",
                        "\"peft_type\" is \"LOHA\", only \"LORA\" is supported");
  check_adapter_refused(two_modules(), R"({"use_dora": true})",
                        "\"use_dora\" is set, but DoRA is not supported");
  check_adapter_refused(two_modules(), R"({"use_qalora": true})", "QALoRA");
  check_adapter_refused(two_modules(), R"({"alora_invocation_tokens": [1, 2]})", "aLoRA");
  check_adapter_refused(two_modules(), R"({"lora_bias": true})", "\"lora_bias\" is set");
  check_adapter_refused(two_modules(), R"({"layer_replication": [[0, 4], [2, 5]]})",
                        "\"layer_replication\" is set");
  check_adapter_refused(two_modules(), R"({"target_parameters": ["experts.weight"]})",
                        "\"target_parameters\" is set");
  check_adapter_refused(two_modules(), R"({"trainable_token_indices": [3]})",
                        "\"trainable_token_indices\" is set");
  check_adapter_refused(two_modules(), R"({"bias": "all"})",
                        "\"bias\" is \"all\", only \"none\" is supported");
  check_adapter_refused(two_modules(), R"({"init_lora_weights": "pissa_niter_4"})",
                        "\"init_lora_weights\" is \"pissa_niter_4\"");
  CHECK_NOTHROW(read_adapter(
      two_modules(),
      R"({"init_lora_weights": "gaussian", "target_parameters": [], "fan_in_fan_out": true})"));
}

TEST_CASE("Tensors of unknown kinds are refused") {
  for (const char* name : {"base_model.model.model.embed_tokens.lora_embedding_A",
                           "base_model.model.model.norm.weight",
                           "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight",
                           "q_proj.lora_A.weight", "base_model.model.x.lora_magnitude_vector",
                           "base_model.model.x.lora_A.bias"}) {
    SafetensorsWriter writer = two_modules();
    writer.add_f32(name, {1, 1}, {1});
    check_adapter_refused(
        writer, "{}", "tensor \"" + std::string(name) + "\" is not of a kind that is supported");
  }
  SafetensorsWriter integers = two_modules();
  integers.add("steps", "I64", {1}, "12345678");
  check_adapter_refused(integers, "{}", "tensor \"steps\" is not of a kind");
}

TEST_CASE("Weights of embedding and output layers that PEFT saved with an adapter are read") {
  SafetensorsWriter writer = two_modules();
  writer.add_f32("base_model.model.lm_head.base_layer.weight", {2, 3}, {1, 2, 3, 4, 5, 6});
  writer.add_f32("base_model.model.model.embed_tokens.weight", {2, 3}, {1, 2, 3, 4, 5, 6});
  const PeftAdapter adapter = read_adapter(writer);
  CHECK(adapter.modules().size() == 2);
  REQUIRE(adapter.saved_layers().size() == 2);
  CHECK(adapter.saved_layers().at("lm_head").shape == std::vector<std::size_t>{2, 3});
  CHECK(adapter.saved_layers().contains("model.embed_tokens"));
  writer.add_f32("base_model.model.lm_head.weight", {2, 3}, {1, 2, 3, 4, 5, 6});
  check_adapter_refused(writer, "{}", "has 2 weights of the layer \"lm_head\"");
}

TEST_CASE("A and B must come together and fit each other") {
  const std::string prefix = "base_model.model." + kQuery;
  check_adapter_refused(
      SafetensorsWriter().add_f32(prefix + ".lora_A.weight", {2, 3}, std::vector<float>(6)), "{}",
      "has no lora_B.weight");
  check_adapter_refused(
      SafetensorsWriter().add_f32(prefix + ".lora_B.weight", {2, 2}, std::vector<float>(4)), "{}",
      "has no lora_A.weight");
  check_adapter_refused(SafetensorsWriter()
                            .add_f32(prefix + ".lora_A.weight", {2, 3}, std::vector<float>(6))
                            .add_f32(prefix + ".lora_B.weight", {2, 3}, std::vector<float>(6)),
                        "{}", "A [2, 3] and B [2, 3] have no rank in common");
  check_adapter_refused(
      SafetensorsWriter().add_f32(prefix + ".lora_A.weight", {6}, std::vector<float>(6)), "{}",
      "is not of a kind");
  check_adapter_refused(SafetensorsWriter(), "{}", "has no LoRA tensors");
}

TEST_CASE("An empty rank or an infinite scale is refused") {
  SafetensorsWriter writer;
  add_module(writer, kQuery, 0);
  check_adapter_refused(writer, R"({"r": 0})", "have no rank in common");
  check_adapter_refused(two_modules(), R"({"lora_alpha": 1e300})", "the scale inf is not finite");
  check_adapter_refused(two_modules(), R"({"r": null})", "\"r\" is missing");
  check_adapter_refused(two_modules(), R"({"r": -2})", "\"r\" is the number -2");
}

TEST_CASE("Regular expressions and names are limited in number and length") {
  Json patterns = Json::object();
  for (int i = 0; i < 64; ++i) patterns["x*" + std::to_string(i)] = 2;
  CHECK_NOTHROW(read_adapter(two_modules(), Json{{"rank_pattern", patterns}}.dump().c_str()));
  patterns["x*64"] = 2;
  check_adapter_refused(two_modules(), Json{{"rank_pattern", patterns}}.dump().c_str(),
                        "is one regular expression too many");
  check_adapter_refused(two_modules(),
                        Json{{"rank_pattern", {{std::string(257, '*'), 2}}}}.dump().c_str(),
                        "is not supported as a regular");
  SafetensorsWriter writer = two_modules();
  add_module(writer, std::string(250, 'n') + ".q_proj", 2);
  check_adapter_refused(writer, "{}", "is not of a kind that is supported");
}

TEST_CASE("An adapter in memory is read as one on disk, under the name given") {
  const std::string config = plain_config().dump();
  const std::string tensors = two_modules().bytes();
  const std::span<const std::byte> bytes = std::as_bytes(std::span(tensors));
  const PeftAdapter adapter(config, bytes, "here");
  REQUIRE(adapter.find(kQuery) != nullptr);
  CHECK(adapter.find(kQuery)->scale == 4.0F);
  CHECK_THROWS_WITH(PeftAdapter("{", bytes, "here"),
                    contains("here/adapter_config.json: invalid JSON"));
  CHECK_THROWS_WITH(PeftAdapter(config, bytes.first(7), "here"),
                    contains("here/adapter_model.safetensors: the header length"));
}

TEST_CASE("A missing file is named") {
  const TemporaryDirectory directory;
  CHECK_THROWS_WITH(PeftAdapter(directory.path()), contains("adapter_config.json: cannot open"));
  directory.write("adapter_config.json", plain_config().dump());
  CHECK_THROWS_WITH(PeftAdapter(directory.path()),
                    contains("adapter_model.safetensors: cannot open"));
}

}  // namespace
}  // namespace tutti
