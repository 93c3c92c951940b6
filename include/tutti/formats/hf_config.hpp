// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of Hugging Face's config.json for the Llama family. Absent keys take the defaults of transformers' LlamaConfig.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tutti/core/error.hpp"
#include "tutti/core/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/formats/model_config.hpp"

namespace tutti {

namespace detail {

/// A token id; null, absent and the -1 of old files mean that there is none.
[[nodiscard]] inline std::optional<Token> hf_token(const Json& config, const std::string& key, std::optional<Token> fallback,
                                                   const std::string& file) {
  if (!config.contains(key)) return fallback;
  const std::optional<Token> token = json_optional<Token>(config, key, file);
  return token == -1 ? std::nullopt : token;
}

[[nodiscard]] inline std::vector<Token> hf_eos_tokens(const Json& config, const std::string& file) {
  if (const Json* value = json_find(config, "eos_token_id"); value != nullptr && value->is_array()) {
    return json_get<std::vector<Token>>(config, "eos_token_id", file);
  }
  const std::optional<Token> token = hf_token(config, "eos_token_id", 2, file);
  return token ? std::vector<Token>{*token} : std::vector<Token>{};
}

/// transformers 5 keeps everything about RoPE in `rope_parameters`; before, `rope_theta` stood alone beside `rope_scaling`.
inline void read_hf_rope(const Json& config, const std::string& file, ModelConfig& result) {
  const bool is_new = json_find(config, "rope_parameters") != nullptr;
  const std::string section = is_new ? "rope_parameters" : "rope_scaling";
  const Json* rope = json_find(config, section);
  const std::string where = file + ": " + section;
  const Json empty = Json::object();
  if (rope == nullptr) rope = &empty;
  require<FormatError>(rope->is_object(), where, ": expected an object, found ", found_text(*rope));

  const float outer_theta = json_get<float>(config, "rope_theta", file, 10'000.0F);
  result.rope_theta = json_get<float>(*rope, "rope_theta", where, outer_theta);
  for (const Json* place : {&config, rope}) {
    const double rotated = json_get<double>(*place, "partial_rotary_factor", file, 1.0);
    require<FormatError>(rotated == 1.0, file, ": \"partial_rotary_factor\" is ", rotated, ", only 1 is supported");
  }

  const std::string legacy_type = json_get<std::string>(*rope, "type", where, "default");
  const std::string type = json_get<std::string>(*rope, "rope_type", where, legacy_type);
  if (type == "default") return;
  RopeScaling scaling;
  scaling.factor = json_get<float>(*rope, "factor", where);
  if (type == "llama3") {
    scaling.kind = RopeScaling::Kind::llama3;
    scaling.low_freq_factor = json_get<float>(*rope, "low_freq_factor", where);
    scaling.high_freq_factor = json_get<float>(*rope, "high_freq_factor", where);
    scaling.original_context_length = json_get<std::size_t>(*rope, "original_max_position_embeddings", where);
  } else {
    require<FormatError>(type == "linear", where, ": \"rope_type\" is ", in_quotes(type),
                         "; supported are \"default\", \"linear\" and \"llama3\"");
  }
  result.rope_scaling = scaling;
}

}  // namespace detail

/// Reads the config.json at `path`.
/// @throws FormatError when it is malformed or describes a model that is not of the Llama family.
[[nodiscard]] inline ModelConfig read_hf_config(const std::filesystem::path& path) {
  const std::string file = path.string();
  const Json json = read_json_file(path);
  const auto model_type = json_get<std::string>(json, "model_type", file);
  require<FormatError>(model_type == "llama", file, ": \"model_type\" is ", in_quotes(model_type), ", only \"llama\" is supported");
  const auto activation = json_get<std::string>(json, "hidden_act", file, "silu");
  require<FormatError>(activation == "silu", file, ": \"hidden_act\" is ", in_quotes(activation), ", only \"silu\" is supported");
  require<FormatError>(json_find(json, "quantization_config") == nullptr, file,
                       ": \"quantization_config\" is present; convert the checkpoint to F32, F16 or BF16, or use GGUF");

  ModelConfig config;
  config.architecture = model_type;
  config.vocabulary_size = json_get<std::size_t>(json, "vocab_size", file);
  config.hidden_size = json_get<std::size_t>(json, "hidden_size", file);
  config.intermediate_size = json_get<std::size_t>(json, "intermediate_size", file);
  config.layers = json_get<std::size_t>(json, "num_hidden_layers", file);
  config.heads = json_get<std::size_t>(json, "num_attention_heads", file);
  config.kv_heads = json_get<std::size_t>(json, "num_key_value_heads", file, config.heads);
  const auto head_dim = json_optional<std::size_t>(json, "head_dim", file);
  require<FormatError>(head_dim || (config.heads > 0 && config.hidden_size % config.heads == 0), file, ": hidden size ", config.hidden_size,
                       " is no multiple of ", config.heads, " heads and there is no \"head_dim\"");
  config.head_dim = head_dim ? *head_dim : config.hidden_size / config.heads;
  config.context_length = json_get<std::size_t>(json, "max_position_embeddings", file, 2048);
  config.rms_epsilon = json_get<float>(json, "rms_norm_eps", file, 1e-6F);
  detail::read_hf_rope(json, file, config);
  config.rope_pairing = RopePairing::halves;
  config.tied_embeddings = json_get<bool>(json, "tie_word_embeddings", file, false);
  config.attention_bias = json_get<bool>(json, "attention_bias", file, false);
  config.mlp_bias = json_get<bool>(json, "mlp_bias", file, false);
  config.bos_token = detail::hf_token(json, "bos_token_id", 1, file);
  config.eos_tokens = detail::hf_eos_tokens(json, file);
  config.pad_token = detail::hf_token(json, "pad_token_id", std::nullopt, file);
  validate(config, file);
  return config;
}

}  // namespace tutti
