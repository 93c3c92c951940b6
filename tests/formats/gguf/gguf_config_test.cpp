// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/gguf/gguf_config.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"

namespace tutti {
namespace {

using test::contains;
using test::GgufIds;
using test::GgufWriter;
using test::TemporaryDirectory;

/// Metadata and embedding of a small model; tests that replace a key give its name as `without`.
GgufWriter small_model(const std::string& without = "") {
  GgufWriter writer;
  const auto add = [&](const std::string& key, auto value) {
    if (key != without) writer.add(key, value);
  };
  add("general.architecture", "llama");
  add("llama.embedding_length", std::uint32_t{4});
  add("llama.feed_forward_length", std::uint32_t{8});
  add("llama.block_count", std::uint32_t{2});
  add("llama.attention.head_count", std::uint32_t{2});
  add("llama.context_length", std::uint32_t{64});
  add("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  if (without != "token_embd.weight")
    writer.tensor_f32("token_embd.weight", {4, 3}, std::vector<float>(12));
  return writer;
}

ModelConfig read_config(const GgufWriter& writer) {
  const TemporaryDirectory directory;
  return read_gguf_config(GgufFile(directory.write("m.gguf", writer.bytes())));
}

void check_config_refused(const GgufWriter& writer, const std::string& reason) {
  CHECK_THROWS_WITH(read_config(writer), contains(reason));
}

TEST_CASE("Absent keys take the format's defaults") {
  const ModelConfig config = read_config(small_model());
  CHECK(config.architecture == "llama");
  CHECK(config.vocabulary_size == 3);
  CHECK(config.hidden_size == 4);
  CHECK(config.intermediate_size == 8);
  CHECK(config.layers == 2);
  CHECK(config.heads == 2);
  CHECK(config.kv_heads == 2);
  CHECK(config.head_dim == 2);
  CHECK(config.context_length == 64);
  CHECK(config.norm_epsilon == 1e-5F);
  CHECK(config.rope_theta == 10'000.0F);
  CHECK(config.rope_pairing == RopePairing::interleaved);
  CHECK_FALSE(config.rope_scaling.has_value());
  CHECK_FALSE(config.rope_factors_tensor);
  CHECK(config.tied_embeddings);
  CHECK_FALSE(config.attention_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK_FALSE(config.bos_token.has_value());
  CHECK(config.eos_tokens.empty());
}

TEST_CASE("Given keys and tensors are taken") {
  const ModelConfig config = read_config(
      small_model()
          .add("llama.attention.head_count_kv", std::uint32_t{1})
          .add("llama.attention.key_length", std::uint32_t{6})
          .add("llama.attention.value_length", std::uint32_t{6})
          .add("llama.rope.dimension_count", std::uint32_t{6})
          .add("llama.rope.freq_base", 5e5F)
          .add("llama.vocab_size", std::uint32_t{3})
          .add("llama.attention.sliding_window", std::uint32_t{16})
          .add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c"})
          .add("tokenizer.ggml.bos_token_id", std::uint32_t{0})
          .add("tokenizer.ggml.eos_token_id", std::uint32_t{1})
          .add("tokenizer.ggml.eot_token_id", std::uint32_t{2})
          .add("tokenizer.ggml.padding_token_id", std::uint32_t{2})
          .tensor_f32("output.weight", {4, 3}, std::vector<float>(12))
          .tensor_f32("rope_freqs.weight", {3}, {1, 1, 1})
          .tensor_f32("blk.0.attn_q.bias", {1}, {0})
          .tensor_f32("blk.0.ffn_up.bias", {1}, {0}));
  CHECK(config.kv_heads == 1);
  CHECK(config.head_dim == 6);
  CHECK(config.rope_theta == 5e5F);
  CHECK(config.rope_factors_tensor);
  CHECK(config.sliding_window == 16U);
  CHECK_FALSE(config.tied_embeddings);
  CHECK(config.attention_bias);
  CHECK(config.mlp_bias);
  CHECK(config.bos_token == 0);
  CHECK(config.eos_tokens == std::vector<Token>{1, 2});
  CHECK(config.pad_token == 2);
}

TEST_CASE("Linear RoPE scaling is read, other kinds are refused") {
  const RopeScaling linear{RopeScaling::Kind::linear, 4.0F};
  CHECK(read_config(small_model()
                        .add("llama.rope.scaling.type", "linear")
                        .add("llama.rope.scaling.factor", 4.0F))
            .rope_scaling == linear);
  CHECK(read_config(small_model().add("llama.rope.scale_linear", 4.0F)).rope_scaling == linear);
  CHECK_FALSE(
      read_config(small_model().add("llama.rope.scaling.type", "none")).rope_scaling.has_value());
  CHECK_FALSE(read_config(small_model()
                              .add("llama.rope.scaling.type", "none")
                              .add("llama.rope.scaling.factor", 4.0F))
                  .rope_scaling.has_value());
  check_config_refused(small_model().add("llama.rope.scaling.type", "yarn"),
                       "\"llama.rope.scaling.type\" is \"yarn\"");
  check_config_refused(small_model().add("llama.rope.scaling.type", "linear"),
                       "\"llama.rope.scaling.factor\" is missing");
}

TEST_CASE(
    "The factor of RoPE scaling is linear without a type, overrides its old name, and is none as "
    "0") {
  const RopeScaling linear{RopeScaling::Kind::linear, 4.0F};
  CHECK(read_config(small_model().add("llama.rope.scaling.factor", 4.0F)).rope_scaling == linear);
  CHECK(
      read_config(
          small_model().add("llama.rope.scaling.factor", 4.0F).add("llama.rope.scale_linear", 2.0F))
          .rope_scaling == linear);
  CHECK(read_config(small_model()
                        .add("llama.rope.scaling.type", "linear")
                        .add("llama.rope.scale_linear", 4.0F))
            .rope_scaling == linear);
  CHECK_FALSE(
      read_config(small_model().add("llama.rope.scaling.factor", 0.0F)).rope_scaling.has_value());
  CHECK_FALSE(
      read_config(
          small_model().add("llama.rope.scaling.factor", 0.0F).add("llama.rope.scale_linear", 2.0F))
          .rope_scaling.has_value());
  CHECK_FALSE(
      read_config(small_model().add("llama.rope.scale_linear", 0.0F)).rope_scaling.has_value());
  check_config_refused(small_model().add("llama.rope.scaling.factor", -4.0F),
                       "rope scaling factor is -4, expected a positive number");
}

TEST_CASE("Other architectures, and Llamas that are not plain, are refused") {
  check_config_refused(small_model("general.architecture").add("general.architecture", "qwen2moe"),
                       "\"general.architecture\" is \"qwen2moe\"; supported are \"llama\", "
                       "\"qwen2\", \"qwen3\", \"gemma3\", \"gpt2\"");
  check_config_refused(small_model("general.architecture"), "\"general.architecture\" is missing");
  check_config_refused(small_model().add("llama.expert_count", std::uint32_t{8}),
                       "\"llama.expert_count\" is 8");
  check_config_refused(small_model().add("llama.rope.dimension_count", std::uint32_t{1}),
                       "is 1, expected the head dimension 2");
  check_config_refused(small_model().add("llama.attention.value_length", std::uint32_t{4}),
                       "is 4, expected the key length 2");
}

/// The small model under the keys of another arch.
GgufWriter small_model_of(const std::string& arch, std::uint32_t layers = 2) {
  GgufWriter writer;
  const auto add = [&](const std::string& key, auto value) { writer.add(arch + "." + key, value); };
  writer.add("general.architecture", std::string_view(arch));
  add("embedding_length", std::uint32_t{4});
  add("feed_forward_length", std::uint32_t{8});
  add("block_count", layers);
  add("attention.head_count", std::uint32_t{2});
  add("context_length", std::uint32_t{64});
  add(arch == "gpt2" ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 1e-5F);
  writer.tensor_f32("token_embd.weight", {4, 3}, std::vector<float>(12));
  return writer;
}

TEST_CASE("Other families are read under their own keys, with rotary pairs in halves") {
  const ModelConfig qwen2 = read_config(small_model_of("qwen2").add("qwen2.rope.freq_base", 1e6F));
  CHECK(qwen2.architecture == "qwen2");
  CHECK(qwen2.rope_pairing == RopePairing::halves);
  CHECK(qwen2.rope_theta == 1e6F);
  CHECK(qwen2.attention_bias);
  CHECK_FALSE(qwen2.attention_output_bias);
  CHECK(read_config(small_model_of("qwen3")
                        .add("qwen3.attention.key_length", std::uint32_t{6})
                        .add("qwen3.attention.value_length", std::uint32_t{6}))
            .head_dim == 6);
  CHECK(read_config(small_model_of("qwen3")).head_norms);
  CHECK_FALSE(read_config(small_model_of("qwen3")).attention_bias);
  const ModelConfig gpt2 = read_config(small_model_of("gpt2"));
  CHECK(gpt2.norm == NormKind::layer);
  CHECK(gpt2.learned_positions);
  CHECK(gpt2.mlp_bias);
  CHECK(gpt2.activation == Activation::gelu_tanh);
}

TEST_CASE(
    "Gemma 3's windows come in a pattern of six layers, of a given number, or layer by layer") {
  const auto model = [](std::uint32_t layers) {
    return small_model_of("gemma3", layers)
        .add("gemma3.attention.sliding_window", std::uint32_t{9});
  };
  const ModelConfig six = read_config(model(7));
  for (const std::size_t layer : {0U, 4U, 6U}) CHECK(six.window_of(layer) == 9);
  CHECK(six.window_of(5) == 0);
  CHECK(six.sliding_rope_theta == 1e4F);
  CHECK(six.embedding_scale == 2.0F);
  CHECK_FALSE(six.query_pre_attention_scalar.has_value());
  const ModelConfig two = read_config(
      model(2).add("gemma3.attention.sliding_window_pattern", std::uint32_t{2}));
  CHECK(two.window_of(0) == 9);
  CHECK(two.window_of(1) == 0);
  const ModelConfig listed = read_config(
      model(2).add_array("gemma3.attention.sliding_window_pattern", GgufIds::value_bool, 2,
                         std::string_view("\0\1", 2)));
  CHECK(listed.window_of(0) == 0);
  CHECK(listed.window_of(1) == 9);
  CHECK(read_config(small_model_of("gemma3")).window_of(0) == 0);
  // The only model size whose queries are not scaled by head_dim: 4 / 2 heads.
  CHECK(read_config(model(62)).query_pre_attention_scalar == 2.0F);
  check_config_refused(model(2).add_array("gemma3.attention.sliding_window_pattern",
                                          GgufIds::value_bool, 1, std::string_view("\1", 1)),
                       "\"gemma3.attention.sliding_window_pattern\" has 1 entries for 2 layers");
  check_config_refused(model(2).add("gemma3.attention.sliding_window_pattern", std::uint32_t{0}),
                       "sliding_window_pattern is 0, expected 1 to 4096");
}

TEST_CASE("Windows of unknown layers and soft caps are refused") {
  check_config_refused(
      small_model_of("qwen2").add("qwen2.attention.sliding_window", std::uint32_t{9}),
      "\"qwen2.attention.sliding_window\" is 9, but the format does not say which layers");
  check_config_refused(small_model_of("gemma3").add("gemma3.final_logit_softcapping", 30.0F),
                       "\"gemma3.final_logit_softcapping\" is 30, only 0");
  check_config_refused(small_model_of("gemma3").add("gemma3.attn_logit_softcapping", 50.0F),
                       "\"gemma3.attn_logit_softcapping\" is 50, only 0");
}

TEST_CASE("Keys and tensors that are missing or contradict each other are refused") {
  check_config_refused(small_model("token_embd.weight"), "tensor \"token_embd.weight\" is missing");
  check_config_refused(small_model("token_embd.weight")
                           .tensor_f32("token_embd.weight", {12}, std::vector<float>(12)),
                       "is no matrix");
  for (const char* key : {"llama.embedding_length", "llama.feed_forward_length",
                          "llama.block_count", "llama.attention.head_count", "llama.context_length",
                          "llama.attention.layer_norm_rms_epsilon"}) {
    check_config_refused(small_model(key), "metadata key \"" + std::string(key) + "\" is missing");
  }
  check_config_refused(small_model().add("llama.vocab_size", std::uint32_t{4}),
                       "\"llama.vocab_size\" is 4, the embedding matrix has 3 rows");
  check_config_refused(small_model().add("tokenizer.ggml.tokens", std::vector<std::string>{"a"}),
                       "the tokenizer has 1 tokens, the embedding matrix 3 rows");
  check_config_refused(
      small_model("llama.attention.head_count").add("llama.attention.head_count", std::uint32_t{3}),
      "is no multiple of 3 heads");
  check_config_refused(small_model("llama.attention.head_count")
                           .add("llama.attention.head_count", std::vector<std::int32_t>{2, 1}),
                       "is an array of 2 i32; only one value for all layers");
  CHECK(read_config(small_model("llama.attention.head_count")
                        .add("llama.attention.head_count", std::vector<std::int32_t>{2, 2}))
            .heads == 2);
}

TEST_CASE("Special tokens outside the vocabulary count as absent, as for llama.cpp") {
  const ModelConfig config = read_config(
      small_model()
          .add("tokenizer.ggml.bos_token_id", std::uint32_t{3})
          .add("tokenizer.ggml.eos_token_id", std::uint32_t{2})
          .add("tokenizer.ggml.eom_token_id", std::uint32_t{9})
          .add("tokenizer.ggml.unknown_token_id", std::uint32_t{3})
          .add("tokenizer.ggml.padding_token_id", ~std::uint32_t{0}));
  CHECK_FALSE(config.bos_token.has_value());
  CHECK(config.eos_tokens == std::vector<Token>{2});
  CHECK_FALSE(config.pad_token.has_value());
}

TEST_CASE("All end-of-generation tokens of llama.cpp are end tokens") {
  const ModelConfig config = read_config(
      small_model()
          .add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "<|im_end|>", "<|eom_id|>"})
          .add("tokenizer.ggml.eos_token_id", std::uint32_t{2})
          .add("tokenizer.ggml.fim_pad_token_id", std::uint32_t{0}));
  CHECK(config.eos_tokens == std::vector<Token>{2, 0, 1});
}

TEST_CASE("Sampling settings of the file describe the model") {
  const GenerationDefaults defaults = read_config(
                                          small_model()
                                              .add("general.sampling.temp", 0.5F)
                                              .add("general.sampling.top_k", std::int32_t{20})
                                              .add("general.sampling.penalty_repeat", 1.5F))
                                          .generation_defaults;
  CHECK(defaults.temperature == 0.5F);
  CHECK(defaults.top_k == 20);
  CHECK(defaults.repetition_penalty == 1.5F);
  CHECK_FALSE(defaults.top_p.has_value());
}

TEST_CASE("A part of a split model is refused with the number of parts") {
  check_config_refused(
      small_model().add("split.no", std::uint16_t{0}).add("split.count", std::uint16_t{2}),
      "m.gguf: is part 1 of 2 of a split model; join them");
  CHECK_NOTHROW(read_config(small_model().add("split.count", std::uint16_t{1})));
  // Parts after the first have none of the keys that describe a model.
  check_config_refused(
      GgufWriter().add("split.no", std::uint16_t{1}).add("split.count", std::uint16_t{2}),
      "is part 2 of 2 of a split model");
}

TEST_CASE("Files that are no model are refused by their type") {
  check_config_refused(small_model().add("general.type", "adapter"),
                       "\"general.type\" is \"adapter\", expected \"model\"");
  check_config_refused(small_model().add("general.quantization_version", std::uint32_t{1}),
                       "\"general.quantization_version\" is 1, only 2 is supported");
}

TEST_CASE("Keys that change what is computed and are not supported are refused by name and value") {
  check_config_refused(small_model().add("llama.attention.scale", 0.3F),
                       "\"llama.attention.scale\" is the f32 0.300000, which is not supported");
  for (const char* key :
       {"attention.clamp_kqv", "attention.max_alibi_bias", "logit_scale", "residual_scale",
        "embedding_scale", "attention.output_scale", "attention.temperature_scale",
        "rope.scaling.attn_factor", "rope.scaling.yarn_ext_factor", "router_logit_softcapping"}) {
    check_config_refused(small_model().add(std::string("llama.") + key, 2.5F),
                         "\"llama." + std::string(key) + "\" is the f32 2.5");
    CHECK_NOTHROW(read_config(small_model().add(std::string("llama.") + key, 0.0F)));
  }
  for (const char* key :
       {"pooling_type", "expert_used_count", "nextn_predict_layers", "attention.shared_kv_layers",
        "attention.kv_lora_rank", "leading_dense_block_count", "a_key_of_the_future"}) {
    check_config_refused(small_model().add(std::string("llama.") + key, std::uint32_t{3}),
                         "\"llama." + std::string(key) + "\" is the u32 3");
    CHECK_NOTHROW(read_config(small_model().add(std::string("llama.") + key, std::uint32_t{0})));
  }
  check_config_refused(small_model().add("llama.attention.causal", false),
                       "\"llama.attention.causal\" is");
  CHECK_NOTHROW(read_config(small_model().add("llama.attention.causal", true)));
  CHECK_NOTHROW(read_config(small_model().add("llama.rope.scaling.attn_factor", 1.0F)));
  check_config_refused(
      small_model().add("llama.rope.dimension_sections", std::vector<std::int32_t>{1, 1}),
      "\"llama.rope.dimension_sections\" is an array of 2 i32");
}

}  // namespace
}  // namespace tutti
