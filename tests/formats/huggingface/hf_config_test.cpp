// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/huggingface/hf_config.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tutti/formats/json.hpp"

namespace tutti {
namespace {

using test::contains;
using test::TemporaryDirectory;

ModelConfig read_json(const Json& json) {
  const TemporaryDirectory directory;
  return read_hf_config(directory.write("config.json", json.dump()));
}

Json small_json() {
  return Json::parse(
      R"({"model_type": "llama", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48,
          "num_hidden_layers": 2,
                         "num_attention_heads": 4})");
}

/// The small configuration with `change` merged into it; null removes a key.
ModelConfig read_with(const char* change) {
  Json json = small_json();
  json.merge_patch(Json::parse(change));
  return read_json(json);
}

void check_change_refused(const char* change, const std::string& reason) {
  CAPTURE(change);
  CHECK_THROWS_WITH(read_with(change), contains(reason));
}

TEST_CASE("Absent keys take the defaults of LlamaConfig") {
  const ModelConfig config = read_json(small_json());
  CHECK(config.architecture == "llama");
  CHECK(config.vocabulary_size == 64);
  CHECK(config.hidden_size == 32);
  CHECK(config.intermediate_size == 48);
  CHECK(config.layers == 2);
  CHECK(config.heads == 4);
  CHECK(config.kv_heads == 4);
  CHECK(config.head_dim == 8);
  CHECK(config.context_length == 2048);
  CHECK(config.norm_epsilon == 1e-6F);
  CHECK(config.rope_theta == 10'000.0F);
  CHECK(config.rope_pairing == RopePairing::halves);
  CHECK_FALSE(config.rope_scaling.has_value());
  CHECK_FALSE(config.tied_embeddings);
  CHECK(config.norm == NormKind::rms);
  CHECK(config.activation == Activation::silu);
  CHECK(config.gated_mlp);
  CHECK_FALSE(config.head_norms);
  CHECK_FALSE(config.post_norms);
  CHECK_FALSE(config.learned_positions);
  CHECK_FALSE(config.sliding_window.has_value());
  CHECK_FALSE(config.sliding_rope_theta.has_value());
  CHECK_FALSE(config.query_pre_attention_scalar.has_value());
  CHECK(config.embedding_scale == 1.0F);
  CHECK_FALSE(config.attention_bias);
  CHECK_FALSE(config.attention_output_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK(config.bos_token == 1);
  CHECK(config.eos_tokens == std::vector<Token>{2});
  CHECK_FALSE(config.pad_token.has_value());
}

TEST_CASE("Given keys are taken") {
  const ModelConfig config = read_with(
      R"({"num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 99,
          "rms_norm_eps": 1e-5,
      "tie_word_embeddings": true, "attention_bias": true, "mlp_bias": true, "bos_token_id": 5,
      "eos_token_id": [6, 7], "pad_token_id": 0,
      "hidden_act": "silu", "torch_dtype": "bfloat16", "dtype": "float16"})");
  CHECK(config.kv_heads == 2);
  CHECK(config.head_dim == 16);
  CHECK(config.context_length == 99);
  CHECK(config.norm_epsilon == 1e-5F);
  CHECK(config.tied_embeddings);
  CHECK(config.attention_bias);
  CHECK(config.attention_output_bias);
  CHECK(config.mlp_bias);
  CHECK(config.bos_token == 5);
  CHECK(config.eos_tokens == std::vector<Token>{6, 7});
  CHECK(config.pad_token == 0);
}

TEST_CASE("A token id of null or -1 means that there is none") {
  Json json = small_json();
  json["bos_token_id"] = nullptr;
  json["eos_token_id"] = nullptr;
  json["pad_token_id"] = -1;
  const ModelConfig config = read_json(json);
  CHECK_FALSE(config.bos_token.has_value());
  CHECK(config.eos_tokens.empty());
  CHECK_FALSE(config.pad_token.has_value());
}

TEST_CASE("BOS and EOS ids beyond the vocabulary count as absent") {
  const ModelConfig config = read_with(R"({"bos_token_id": 64, "eos_token_id": [63, 64, 50256]})");
  CHECK_FALSE(config.bos_token.has_value());
  CHECK(config.eos_tokens == std::vector<Token>{63});
  CHECK(read_with(R"({"eos_token_id": 64})").eos_tokens.empty());
  // The defaults of the class: 50256.
  const ModelConfig gpt2 = read_json(Json::parse(
      R"({"model_type": "gpt2", "vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4})"));
  CHECK_FALSE(gpt2.bos_token.has_value());
  CHECK(gpt2.eos_tokens.empty());
  check_change_refused(R"({"bos_token_id": -2})",
                       "BOS token is -2, but the vocabulary has 64 tokens");
  check_change_refused(R"({"eos_token_id": [3, -1]})",
                       "EOS token is -1, but the vocabulary has 64 tokens");
  check_change_refused(R"({"pad_token_id": 64})", "is 64, but the vocabulary has 64 tokens");
}

TEST_CASE("RoPE is read in the old form and in that of transformers 5") {
  CHECK(read_with(R"({"rope_theta": 5e5})").rope_theta == 500'000.0F);
  CHECK(
      read_with(R"({"rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}})").rope_theta ==
      500'000.0F);

  const RopeScaling llama3{RopeScaling::Kind::llama3, 8.0F, 1.0F, 4.0F, 8192};
  const char* old_form =
      R"({"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
          "low_freq_factor": 1.0,
                             "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}})";
  const char* new_form =
      R"({"rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3", "factor": 8.0,
          "low_freq_factor": 1.0,
                             "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}})";
  CHECK(read_with(old_form) == read_with(new_form));
  CHECK(read_with(old_form).rope_scaling == llama3);

  const RopeScaling linear{RopeScaling::Kind::linear, 2.0F};
  CHECK(read_with(R"({"rope_scaling": {"type": "linear", "factor": 2.0}})").rope_scaling == linear);
}

TEST_CASE("RoPE settings stand in one of two objects, and an empty one is none") {
  const RopeScaling linear{RopeScaling::Kind::linear, 2.0F};
  const char* scaling_alone =
      R"({"rope_scaling": {"rope_type": "linear", "factor": 2.0}, "rope_parameters": {}})";
  const char* parameters_alone =
      R"({"rope_scaling": {}, "rope_parameters": {"rope_type": "linear", "factor": 2.0}})";
  const char* both_equal = R"({"rope_scaling": {"rope_type": "linear", "factor": 2.0},
                               "rope_parameters": {"rope_type": "linear", "factor": 2.0}})";
  for (const char* change : {scaling_alone, parameters_alone, both_equal}) {
    CAPTURE(change);
    CHECK(read_with(change).rope_scaling == linear);
  }
  Json with_null = small_json();
  with_null["rope_parameters"] = nullptr;
  with_null["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 2.0}};
  CHECK(read_json(with_null).rope_scaling == linear);
  CHECK_FALSE(read_with(R"({"rope_scaling": {}, "rope_parameters": {}})").rope_scaling.has_value());
  check_change_refused(
      R"({"rope_scaling": {"rope_type": "linear", "factor": 2.0},
          "rope_parameters": {"rope_theta": 5e5}})",
      "both \"rope_scaling\" and \"rope_parameters\" are given: keep one");
}

TEST_CASE("Unknown RoPE types and partial rotation are refused") {
  check_change_refused(R"({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}})",
                       "rope_scaling: \"rope_type\" is \"yarn\"; supported are");
  check_change_refused(R"({"rope_scaling": {"rope_type": "llama3", "factor": 2.0}})",
                       "\"low_freq_factor\" is missing");
  check_change_refused(R"({"rope_scaling": {"type": "linear"}})", "\"factor\" is missing");
  check_change_refused(R"({"rope_parameters": 3})",
                       "rope_parameters: expected an object, found the number 3");
  check_change_refused(R"({"partial_rotary_factor": 0.5})",
                       "\"partial_rotary_factor\" is 0.5, only 1 is supported");
}

TEST_CASE("Other families, activations and quantized checkpoints are refused by key and value") {
  check_change_refused(R"({"model_type": "mixtral"})",
                       "\"model_type\" is \"mixtral\"; supported are \"llama\", \"mistral\", "
                       "\"qwen2\", \"qwen3\", \"gemma3_text\", \"gpt2\"");
  check_change_refused(R"({"model_type": null})", "\"model_type\" is missing");
  check_change_refused(
      R"({"hidden_act": "gelu"})",
      "\"hidden_act\" is \"gelu\"; supported are \"silu\", \"gelu_new\" and \"gelu_pytorch_tanh\"");
  check_change_refused(R"({"quantization_config": {"bits": 4}})",
                       "\"quantization_config\" is present");
}

/// The sizes of a small model of another family, and `rest`.
ModelConfig read_family(const std::string& model_type, const char* rest = "{}") {
  Json json = small_json();
  json["model_type"] = model_type;
  json["num_key_value_heads"] = 2;
  json.merge_patch(Json::parse(rest));
  return read_json(json);
}

TEST_CASE("A Mistral has a window of 4096 positions in all layers unless it says otherwise") {
  const ModelConfig config = read_family("mistral");
  CHECK(config.architecture == "mistral");
  CHECK(config.sliding_window == 4096U);
  CHECK(config.window_of(0) == 4096);
  CHECK(config.window_of(1) == 4096);
  CHECK(config.context_length == 131'072);
  CHECK(read_family("mistral", R"({"sliding_window": 7})").window_of(1) == 7);
  // null in the file, which merging a patch cannot express
  Json json = small_json();
  json["model_type"] = "mistral";
  json["num_key_value_heads"] = 2;
  json["sliding_window"] = nullptr;
  CHECK_FALSE(read_json(json).sliding_window.has_value());
  CHECK_THROWS_WITH(
      read_family("mistral", R"({"layer_types": ["sliding_attention", "full_attention"]})"),
      contains("\"layer_types\" has \"full_attention\" for layer 1 of a mistral model"));
  CHECK_THROWS_WITH(read_family("mistral", R"({"num_key_value_heads": null})"),
                    contains("number of key/value heads is 8, expected 1 to 4"));
}

TEST_CASE(
    "Qwen2 has biases of query, key and value that no key mentions, and windows only if asked") {
  const ModelConfig config = read_family("qwen2",
                                         R"({"sliding_window": 16, "max_window_layers": 1})");
  CHECK(config.architecture == "qwen2");
  CHECK(config.attention_bias);
  CHECK_FALSE(config.attention_output_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK_FALSE(config.head_norms);
  CHECK_FALSE(config.sliding_window.has_value());
  CHECK_FALSE(config.bos_token.has_value());
  CHECK(config.eos_tokens.empty());
  const ModelConfig window = read_family(
      "qwen2", R"({"use_sliding_window": true, "sliding_window": 16, "max_window_layers": 1})");
  CHECK(window.window_of(0) == 0);
  CHECK(window.window_of(1) == 16);
  const ModelConfig listed = read_family(
      "qwen2",
      R"({"use_sliding_window": true, "sliding_window": 16, "layer_types": ["sliding_attention",
          "full_attention"]})");
  CHECK(listed.window_of(0) == 16);
  CHECK(listed.window_of(1) == 0);
}

TEST_CASE("Qwen3 has norms of heads, whose dimension is 128 unless given") {
  const ModelConfig config = read_family("qwen3");
  CHECK(config.head_norms);
  CHECK(config.head_dim == 128);
  CHECK_FALSE(config.attention_bias);
  CHECK(read_family("qwen3", R"({"head_dim": 16, "attention_bias": true})").head_dim == 16);
  CHECK(read_family("qwen3", R"({"attention_bias": true})").attention_output_bias);
}

TEST_CASE("Gemma 3 takes what its configuration leaves out from its class") {
  const ModelConfig config = read_family("gemma3_text", R"({"num_hidden_layers": 7})");
  CHECK(config.architecture == "gemma3");
  CHECK(config.head_norms);
  CHECK(config.post_norms);
  CHECK(config.activation == Activation::gelu_tanh);
  CHECK(config.head_dim == 256);
  CHECK(config.embedding_scale == std::sqrt(32.0F));
  CHECK(config.query_pre_attention_scalar == 256.0F);
  CHECK(config.tied_embeddings);
  CHECK(config.rope_theta == 1e6F);
  CHECK(config.sliding_rope_theta == 1e4F);
  CHECK(config.bos_token == 2);
  CHECK(config.eos_tokens == std::vector<Token>{1});
  CHECK(config.pad_token == 0);
  // Five layers with a window, then one without.
  for (const std::size_t layer : {0U, 1U, 2U, 3U, 4U, 6U}) CHECK(config.window_of(layer) == 4096);
  CHECK(config.window_of(5) == 0);
}

TEST_CASE("Gemma 3's rotary embeddings are read in the old form and in that of transformers 5") {
  const char* old_form =
      R"({"rope_theta": 5e5, "rope_local_base_freq": 2e4, "rope_scaling": {"rope_type": "linear",
          "factor": 8.0},
                             "sliding_window_pattern": 2, "sliding_window": 9,
                             "query_pre_attn_scalar": 24})";
  const char* new_form =
      R"({"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0,
          "rope_theta": 5e5},
                             "sliding_attention": {"rope_type": "default", "rope_theta": 2e4}},
                             "sliding_window": 9,
                             "layer_types": ["sliding_attention", "full_attention"],
                             "query_pre_attn_scalar": 24})";
  const ModelConfig config = read_family("gemma3_text", new_form);
  CHECK(config == read_family("gemma3_text", old_form));
  CHECK(config.rope_theta == 5e5F);
  CHECK(config.rope_scaling == RopeScaling{RopeScaling::Kind::linear, 8.0F});
  CHECK(config.sliding_rope_theta == 2e4F);
  CHECK(config.query_pre_attention_scalar == 24.0F);
  CHECK(config.window_of(0) == 9);
  CHECK(config.window_of(1) == 0);
}

TEST_CASE("GPT-2's own key names are read") {
  const char* keys =
      R"({"model_type": "gpt2", "vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4,
          "n_positions": 99,
                         "layer_norm_epsilon": 1e-3, "bos_token_id": 5, "eos_token_id": 6})";
  const ModelConfig config = read_json(Json::parse(keys));
  CHECK(config.architecture == "gpt2");
  CHECK(config.hidden_size == 32);
  CHECK(config.intermediate_size == 128);
  CHECK(config.layers == 2);
  CHECK(config.heads == 4);
  CHECK(config.kv_heads == 4);
  CHECK(config.head_dim == 8);
  CHECK(config.context_length == 99);
  CHECK(config.norm == NormKind::layer);
  CHECK(config.norm_epsilon == 1e-3F);
  CHECK(config.activation == Activation::gelu_tanh);
  CHECK_FALSE(config.gated_mlp);
  CHECK(config.learned_positions);
  CHECK(config.attention_bias);
  CHECK(config.attention_output_bias);
  CHECK(config.mlp_bias);
  CHECK(config.tied_embeddings);
  Json inner = Json::parse(keys);
  inner["n_inner"] = 48;
  CHECK(read_json(inner).intermediate_size == 48);
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention"}) {
    Json changed = Json::parse(keys);
    changed[key] = true;
    CHECK_THROWS_WITH(read_json(changed),
                      contains("\"" + std::string(key) + "\" is true, only false is supported"));
  }
  inner["scale_attn_weights"] = false;
  CHECK_THROWS_WITH(read_json(inner),
                    contains("\"scale_attn_weights\" is false, only true is supported"));
}

TEST_CASE(
    "What changes attention or logits in ways that are not computed is refused by key and value") {
  const auto refused = [](const char* rest, const char* reason) {
    CAPTURE(rest);
    CHECK_THROWS_WITH(read_family("gemma3_text", rest), contains(reason));
  };
  refused(R"({"attn_logit_softcapping": 50.0})",
          "\"attn_logit_softcapping\" is 50, only null is supported");
  refused(R"({"final_logit_softcapping": 30.0})",
          "\"final_logit_softcapping\" is 30, only null is supported");
  refused(R"({"use_bidirectional_attention": true})",
          "\"use_bidirectional_attention\" is true, only false is supported");
  refused(R"({"hidden_activation": "relu"})", "\"hidden_activation\" is \"relu\"; supported are");
  refused(R"({"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}})",
          "\"rope_type\" is \"dynamic\"; supported are");
  refused(R"({"rope_parameters": {"sliding_attention": {"rope_type": "linear", "factor": 2.0}}})",
          "of \"sliding_attention\" is not \"default\"");
  refused(R"({"rope_parameters": {"full_attention": {"rope_type": "longrope", "factor": 2.0}}})",
          "\"rope_type\" is \"longrope\"");
  refused(R"({"layer_types": ["full_attention", "chunked_attention"]})",
          "\"layer_types\" has \"chunked_attention\" for layer 1");
  refused(R"({"layer_types": ["full_attention"]})", "\"layer_types\" has 1 entries for 2 layers");
  refused(R"({"sliding_window_pattern": 0})", "sliding_window_pattern is 0, expected 1 to 4096");
  refused(R"({"sliding_window": 0})", "sliding window is 0");
  refused(R"({"query_pre_attn_scalar": 0})",
          "query_pre_attn_scalar is 0, expected a positive number");
  refused(R"({"num_hidden_layers": 1000000000000})",
          "number of layers is 1000000000000, expected 1 to 4096");
  CHECK_THROWS_WITH(read_family("gemma3"), contains("\"model_type\" is \"gemma3\"; supported are"));
}

TEST_CASE("Sizes that make no model are refused") {
  check_change_refused(R"({"vocab_size": null})", "\"vocab_size\" is missing");
  check_change_refused(R"({"hidden_size": -32})", "\"hidden_size\" is the number -32");
  check_change_refused(R"({"hidden_size": "32"})", "\"hidden_size\" is the string \"32\"");
  check_change_refused(R"({"hidden_size": 33})",
                       "hidden size 33 is no multiple of 4 heads and there is no \"head_dim\"");
  check_change_refused(R"({"num_attention_heads": 0})", "is no multiple of 0 heads");
  check_change_refused(R"({"num_key_value_heads": 3})", "4 heads cannot share 3");
  check_change_refused(R"({"num_hidden_layers": 0})", "number of layers is 0");
  check_change_refused(R"({"rms_norm_eps": "1e-5"})", "expected a finite number");
}

TEST_CASE("A config that is no object is refused") {
  CHECK_THROWS_WITH(read_json(Json::array()), contains("expected an object"));
}

/// Reads the small configuration with `generation` as generation_config.json beside it.
ModelConfig read_with_generation(const char* change, const char* generation) {
  const TemporaryDirectory directory;
  Json json = small_json();
  json.merge_patch(Json::parse(change));
  directory.write("generation_config.json", generation);
  return read_hf_config(directory.write("config.json", json.dump()));
}

void check_generation_refused(const char* generation, const std::string& reason) {
  CAPTURE(generation);
  CHECK_THROWS_WITH(read_with_generation("{}", generation), contains(reason));
}

TEST_CASE("End tokens of generation_config.json are added to those of config.json") {
  CHECK(read_with_generation(R"({"eos_token_id": 2})", R"({"eos_token_id": [2, 33]})").eos_tokens ==
        std::vector<Token>{2, 33});
  CHECK(read_with_generation(R"({"eos_token_id": [2, 5]})", R"({"eos_token_id": 7})").eos_tokens ==
        std::vector<Token>{2, 5, 7});
  // The 2 is LlamaConfig's default, not the model's.
  CHECK(read_with_generation("{}", R"({"eos_token_id": 7})").eos_tokens == std::vector<Token>{7});
  CHECK(read_with_generation("{}", "{}").eos_tokens == std::vector<Token>{2});
  CHECK(read_with_generation(R"({"eos_token_id": 2})", R"({"eos_token_id": [64]})").eos_tokens ==
        std::vector<Token>{2});
  const ModelConfig config = read_with_generation(R"({"bos_token_id": null})",
                                                  R"({"bos_token_id": 3, "pad_token_id": 100})");
  CHECK(config.bos_token == 3);
  CHECK_FALSE(config.pad_token.has_value());
}

TEST_CASE("Sampling settings of generation_config.json describe the model") {
  const GenerationDefaults defaults = read_with_generation("{}", R"({"do_sample": true,
      "temperature": 0.6, "top_k": 20, "top_p": 0.95, "min_p": 0, "repetition_penalty": 1.1,
      "max_new_tokens": 2048, "num_beams": 4, "transformers_version": "4.51.0",
      "cache_implementation": "hybrid", "suppress_tokens": null})")
                                          .generation_defaults;
  CHECK(defaults.do_sample == true);
  CHECK(defaults.temperature == 0.6F);
  CHECK(defaults.top_k == 20);
  CHECK(defaults.top_p == 0.95F);
  CHECK(defaults.min_p == 0.0F);
  CHECK(defaults.repetition_penalty == 1.1F);
  CHECK_FALSE(defaults.typical_p.has_value());
  CHECK(read_json(small_json()).generation_defaults == GenerationDefaults{});
  // Older models have the keys in config.json.
  CHECK(read_with(R"({"temperature": 0.5})").generation_defaults.temperature == 0.5F);
}

TEST_CASE("Constraints on the tokens of a generation are refused by name and value") {
  check_generation_refused(R"({"bad_words_ids": [[5]]})",
                           "generation_config.json: \"bad_words_ids\" is an array");
  check_generation_refused(R"({"suppress_tokens": [5]})", "\"suppress_tokens\" is an array");
  check_generation_refused(R"({"forced_bos_token_id": 5})",
                           "\"forced_bos_token_id\" is the number 5");
  check_generation_refused(R"({"guidance_scale": 1.5})",
                           "\"guidance_scale\" is 1.5, only 1 is supported");
  check_generation_refused(R"({"temperature": "hot"})",
                           "\"temperature\" is the string \"hot\", expected a finite number");
  check_generation_refused("[1]", "expected an object, found an array");
}

TEST_CASE(
    "Keys of config.json that change what is computed and are not supported are refused by name "
    "and value") {
  for (const char* key :
       {"attention_multiplier", "logits_scaling", "residual_multiplier", "embedding_multiplier",
        "logit_scale", "clip_qkv", "num_experts", "num_local_experts", "rotary_dim", "rotary_pct",
        "attention_chunk_size", "scale_emb", "mlp_ratio", "no_rope_layer_interval", "qk_clip",
        "num_nextn_predict_layers", "hidden_size_per_layer_input", "attn_scale_of_the_future"}) {
    CAPTURE(key);
    Json json = small_json();
    json[key] = 8;
    CHECK_THROWS_WITH(read_json(json),
                      contains('"' + std::string(key) + "\" is the number 8, which a llama model"));
    for (const Json& off : {Json(nullptr), Json(false), Json(0), Json::array()}) {
      json[key] = off;
      CHECK_NOTHROW(read_json(json));
    }
  }
  for (const char* key : {"use_qk_norm", "qkv_bias", "alibi", "parallel_residual",
                          "attention_k_eq_v", "moe", "layer_norm_before"}) {
    Json json = small_json();
    json[key] = true;
    CHECK_THROWS_WITH(read_json(json), contains('"' + std::string(key) + "\" is true"));
  }
  check_change_refused(R"({"no_rope_layers": [1, 0]})", "\"no_rope_layers\" is an array");
  check_change_refused(R"({"quantization": {"bits": 4}})", "\"quantization\" is present");
  check_change_refused(R"({"sliding_window": 9})", "\"sliding_window\" is the number 9");
  check_change_refused(R"({"layer_types": ["full_attention", "sliding_attention"]})",
                       "\"layer_types\" has \"sliding_attention\"");
  check_change_refused(R"({"model_type": "mistral", "attention_bias": true})",
                       "\"attention_bias\" is true, which a mistral model");
  check_change_refused(R"({"model_type": "qwen2", "mlp_bias": true})", "\"mlp_bias\" is true");
  check_change_refused(R"({"query_pre_attn_scalar": 64})", "\"query_pre_attn_scalar\" is");
}

TEST_CASE("Keys of RoPE that its type does not use are refused unless they are switched off") {
  for (const char* key : {"factor", "attention_factor", "beta_fast", "mrope_section",
                          "short_factor", "low_freq_factor"}) {
    Json json = small_json();
    json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 1e4}, {key, 8}};
    CHECK_THROWS_WITH(read_json(json), contains('"' + std::string(key) + "\" is the number 8"));
    json["rope_parameters"][key] = nullptr;
    CHECK_NOTHROW(read_json(json));
  }
  CHECK_NOTHROW(read_with(R"({"rope_scaling": {"type": "default", "factor": 1.0}})"));
}

TEST_CASE("Keys that change nothing, and those of other programs, are ignored") {
  CHECK_NOTHROW(read_with(R"({"model_type": "gemma3_text", "hidden_activation": "gelu_pytorch_tanh",
      "hidden_act": "gelu_pytorch_tanh", "head_dim": 8, "_sliding_window_pattern": 6,
      "cache_implementation": "hybrid", "use_bidirectional_attention": false})"));
  check_change_refused(R"({"model_type": "gemma3_text", "hidden_activation": "gelu_pytorch_tanh",
      "hidden_act": "silu", "head_dim": 8})",
                       "\"hidden_act\" is the string \"silu\"");
  CHECK_NOTHROW(read_with(R"({"_name_or_path": "x", "architectures": ["LlamaForCausalLM"],
      "attention_dropout": 0.1, "resid_pdrop": 0.1, "auto_map": {"AutoConfig": "x.Y"},
      "chunk_size_feed_forward": 0, "dtype": "bfloat16", "torch_dtype": "float16",
      "embd_pdrop": 0.1, "gradient_checkpointing": true, "hidden_dropout_prob": 0.1,
      "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}, "initializer_range": 0.02,
      "is_decoder": true, "is_causal": true, "max_length": 20, "output_attentions": true,
      "pretraining_tp": 2, "rope_interleaved": false, "sep_token_id": 5, "summary_type": "mean",
      "tokenizer_class": "LlamaTokenizer", "transformers_version": "4.40.0",
      "unsloth_version": "2025.1", "use_cache": true, "_flash_attn_2_enabled": true,
      "use_fused_rms_norm": true, "conversation_template": "vicuna", "num_logits_to_keep": 1,
      "transformers.js_config": {"kv_cache_dtype": "fp16"}, "is_llama_config": true,
      "use_sliding_window": false,
      "sliding_window": 4096, "max_window_layers": 21, "my_note": "trained twice",
      "layer_types": ["full_attention", "full_attention"], "embedding_scale": 1.0})"));
}

}  // namespace
}  // namespace tutti
