// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of hf_config.hpp.

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "tutti/architecture/architecture.hpp"
#include "tutti/architecture/layer_types.hpp"
#include "tutti/architecture/model_config.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/huggingface/detail/config_keys.hpp"
#include "tutti/formats/huggingface/detail/generation_config.hpp"
#include "tutti/formats/huggingface/detail/hf_rope.hpp"
#include "tutti/formats/huggingface/hf_config.hpp"
#include "tutti/formats/json.hpp"

namespace tutti {

namespace detail {

/// Removes BOS and EOS ids outside the vocabulary. Small models trained from scratch keep those of
/// their class, as GPT2Config(vocab_size=100) writes 50256; transformers only warns. No such token
/// can be read or drawn.
inline void drop_unreachable_tokens(ModelConfig& config) {
  const auto is_unreachable = [&](Token token) {
    return token >= 0 && static_cast<std::size_t>(token) >= config.vocabulary_size;
  };
  if (config.bos_token && is_unreachable(*config.bos_token)) config.bos_token.reset();
  std::erase_if(config.eos_tokens, is_unreachable);
}

/// Refuses keys that change the computation in a way that no backend implements, in any family.
inline void refuse_unsupported(const Json& config, const std::string& file) {
  for (const char* key : {"quantization_config", "quantization", "compression_config"}) {
    require<FormatError>(json_find(config, key) == nullptr, file, ": ", in_quotes(key),
                         " is present; convert the checkpoint to F32, F16 or BF16, or use GGUF");
  }
  for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping"}) {
    const auto cap = json_optional<double>(config, key, file);
    require<FormatError>(!cap, file, ": ", in_quotes(key), " is ", cap.value_or(0),
                         ", only null is supported");
  }
  const auto require_flag = [&](const char* key, bool supported) {
    const bool value = json_get<bool>(config, key, file, supported);
    require<FormatError>(value == supported, file, ": ", in_quotes(key), " is ",
                         value ? "true" : "false", ", only ", supported ? "true" : "false",
                         " is supported");
  };
  require_flag("scale_attn_weights", true);
  require_flag("scale_attn_by_inverse_layer_idx", false);
  require_flag("add_cross_attention", false);
  require_flag("use_bidirectional_attention", false);
}

[[nodiscard]] inline Activation hf_activation(const Json& config, const Architecture& family,
                                              const std::string& file) {
  const std::string key(family.keys.activation);
  const auto name = json_get<std::string>(config, key, file,
                                          std::string(family.defaults.activation));
  if (name == "silu" || name == "swish") return Activation::silu;
  require<FormatError>(name == "gelu_new" || name == "gelu_pytorch_tanh", file, ": ",
                       in_quotes(key), " is ", in_quotes(name),
                       "; supported are \"silu\", \"gelu_new\" and \"gelu_pytorch_tanh\"");
  return Activation::gelu_tanh;
}

inline void read_hf_sizes(const Json& json, const Architecture& family, const std::string& file,
                          ModelConfig& config) {
  const ConfigDefaults& defaults = family.defaults;
  const auto size = [&](std::string_view key) {
    return json_get<std::size_t>(json, std::string(key), file);
  };
  config.vocabulary_size = size("vocab_size");
  config.hidden_size = size(family.keys.hidden_size);
  const auto intermediate = json_optional<std::size_t>(
      json, std::string(family.keys.intermediate_size), file);
  config.intermediate_size = intermediate || defaults.intermediate_factor == 0
                                 ? size(family.keys.intermediate_size)
                                 : defaults.intermediate_factor * config.hidden_size;
  config.layers = size(family.keys.layers);
  require_size("number of layers", config.layers, kMaxLayers, file);
  config.heads = size(family.keys.heads);
  const bool default_kv_heads = defaults.kv_heads != 0 && !json.contains("num_key_value_heads");
  config.kv_heads = default_kv_heads
                        ? defaults.kv_heads
                        : json_get<std::size_t>(json, "num_key_value_heads", file, config.heads);
  auto head_dim = json_optional<std::size_t>(json, "head_dim", file);
  if (!head_dim && defaults.head_dim != 0) head_dim = defaults.head_dim;
  require<FormatError>(head_dim || (config.heads > 0 && config.hidden_size % config.heads == 0),
                       file, ": hidden size ", config.hidden_size, " is no multiple of ",
                       config.heads, " heads and there is no \"head_dim\"");
  config.head_dim = head_dim ? *head_dim : config.hidden_size / config.heads;
  config.context_length = json_get<std::size_t>(json, std::string(family.keys.context_length), file,
                                                defaults.context_length);
}

/// For each layer whether it attends to a window.
[[nodiscard]] inline std::vector<bool> hf_sliding_layers(const Json& json,
                                                         const Architecture& family,
                                                         std::size_t layers,
                                                         const std::string& file) {
  std::vector<bool> sliding(layers, family.window == WindowRule::all_layers);
  if (json_find(json, "layer_types") != nullptr) {
    const auto types = json_get<std::vector<std::string>>(json, "layer_types", file);
    require<FormatError>(types.size() == layers, file, ": \"layer_types\" has ", types.size(),
                         " entries for ", layers, " layers");
    for (std::size_t l = 0; l < layers; ++l) {
      const bool slides = types[l] == "sliding_attention";
      // transformers does not read the list of a Mistral; one that says something else was meant
      // for another class.
      require<FormatError>((slides || types[l] == "full_attention") &&
                               (slides || family.window != WindowRule::all_layers),
                           file, ": \"layer_types\" has ", in_quotes(types[l]), " for layer ", l,
                           " of a ", family.name, " model; supported are ",
                           family.window == WindowRule::all_layers ? "" : "\"full_attention\" and ",
                           "\"sliding_attention\"");
      sliding[l] = slides;
    }
  } else if (family.window == WindowRule::last_layers) {
    const auto first = json_get<std::size_t>(json, "max_window_layers", file, 28);
    for (std::size_t l = first; l < layers; ++l) sliding[l] = true;
  } else if (family.window == WindowRule::pattern) {
    const auto period = json_get<std::size_t>(json, "sliding_window_pattern", file, 6);
    require_size("sliding_window_pattern", period, kMaxLayers, file);
    for (std::size_t l = 0; l < layers; ++l) sliding[l] = (l + 1) % period != 0;
  }
  return sliding;
}

inline void read_hf_window(const Json& json, const Architecture& family, const std::string& file,
                           ModelConfig& config) {
  if (family.window == WindowRule::none) {
    // The list may be there, but transformers does not read it.
    for (const auto& type : json_get<std::vector<std::string>>(json, "layer_types", file, {})) {
      require<FormatError>(type == "full_attention", file, ": \"layer_types\" has ",
                           in_quotes(type), ", a ", family.name,
                           " model has \"full_attention\" only");
    }
    return;
  }
  if (family.window == WindowRule::last_layers &&
      !json_get<bool>(json, "use_sliding_window", file, false))
    return;
  const std::optional<std::size_t> window = json.contains("sliding_window")
                                                ? json_optional<std::size_t>(json, "sliding_window",
                                                                             file)
                                                : std::optional(family.defaults.sliding_window);
  if (!window) return;
  config.sliding_window = window;
  config.sliding_layers = hf_sliding_layers(json, family, config.layers, file);
}

inline void read_hf_biases(const Json& json, const Architecture& family, const std::string& file,
                           ModelConfig& config) {
  const auto decide = [&](BiasRule rule, const char* key) {
    return rule == BiasRule::always ||
           (rule == BiasRule::as_stated && json_get<bool>(json, key, file, false));
  };
  config.attention_bias = decide(family.query_key_value_bias, "attention_bias");
  config.attention_output_bias = decide(family.output_bias, "attention_bias");
  config.mlp_bias = decide(family.mlp_bias, "mlp_bias");
}

}  // namespace detail

TUTTI_INLINE ModelConfig read_hf_config(const std::filesystem::path& path) {
  const std::string file = path.string();
  const Json json = read_python_json_file(path);
  const auto model_type = json_get<std::string>(json, "model_type", file);
  const Architecture* family = find_architecture(&Architecture::model_type, model_type);
  require<FormatError>(family != nullptr, file, ": \"model_type\" is ", in_quotes(model_type),
                       "; supported are ", supported_architectures(&Architecture::model_type));
  detail::refuse_unsupported(json, file);
  detail::refuse_unknown_config_keys(json, *family, file);

  ModelConfig config = model_config_of(*family);
  detail::read_hf_sizes(json, *family, file, config);
  config.norm_epsilon = json_get<float>(json, std::string(family->keys.norm_epsilon), file,
                                        family->defaults.norm_epsilon);
  config.activation = detail::hf_activation(json, *family, file);
  config.rope_pairing = family->hugging_face.pairing;
  if (!config.learned_positions) detail::read_hf_rope(json, *family, file, config);
  detail::read_hf_window(json, *family, file, config);
  detail::read_hf_biases(json, *family, file, config);
  if (family->scaled_embedding)
    config.embedding_scale = std::sqrt(static_cast<float>(config.hidden_size));
  if (const float scalar = family->defaults.query_pre_attention_scalar; scalar != 0) {
    config.query_pre_attention_scalar = json_get<float>(json, "query_pre_attn_scalar", file,
                                                        scalar);
  }
  config.tied_embeddings = json_get<bool>(json, "tie_word_embeddings", file,
                                          family->defaults.tied_embeddings);
  config.bos_token = detail::hf_token(json, "bos_token_id", family->defaults.bos, file);
  config.eos_tokens = detail::hf_eos_tokens(json, family->defaults.eos, file);
  config.pad_token = detail::hf_token(json, "pad_token_id", family->defaults.pad, file);
  detail::read_generation_keys(json, file, config);
  const std::filesystem::path generation = path.parent_path() / "generation_config.json";
  if (std::error_code ignored; std::filesystem::exists(generation, ignored))
    detail::read_generation_config(read_python_json_file(generation), generation.string(), json,
                                   config);
  detail::drop_unreachable_tokens(config);
  validate(config, file);
  return config;
}

}  // namespace tutti
