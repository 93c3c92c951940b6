// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of gguf_config.hpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/architecture/architecture.hpp"
#include "tutti/architecture/layer_types.hpp"
#include "tutti/architecture/model_config.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/gguf/detail/arch_keys.hpp"
#include "tutti/formats/gguf/detail/end_of_generation.hpp"
#include "tutti/formats/gguf/gguf_config.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"

namespace tutti {

namespace detail {

/// Refuses values that no backend implements.
inline void require_plain(const GgufFile& gguf, const GgufArchKeys& keys,
                          const ModelConfig& config) {
  const auto experts = keys.get<std::uint64_t>("expert_count", 0);
  require<FormatError>(experts == 0, gguf.path(), ": ", in_quotes(keys.name("expert_count")),
                       " is ", experts, ", mixtures of experts are not supported");
  const auto value_length = keys.get<std::size_t>("attention.value_length", config.head_dim);
  require<FormatError>(value_length == config.head_dim, gguf.path(), ": ",
                       in_quotes(keys.name("attention.value_length")), " is ", value_length,
                       ", expected the key length ", config.head_dim);
  const auto rotated = keys.get<std::size_t>("rope.dimension_count", config.head_dim);
  require<FormatError>(rotated == config.head_dim || config.learned_positions, gguf.path(), ": ",
                       in_quotes(keys.name("rope.dimension_count")), " is ", rotated,
                       ", expected the head dimension ", config.head_dim,
                       "; partial rotation is not supported");
  for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping"}) {
    const auto cap = keys.get<double>(key, 0.0);
    require<FormatError>(cap == 0, gguf.path(), ": ", in_quotes(keys.name(key)), " is ", cap,
                         ", only 0 is supported");
  }
}

/// As llama.cpp reads it: the old name of the factor counts where the new one is absent, a factor
/// without a type is linear, and factor 0 means none.
inline void read_gguf_rope(const GgufFile& gguf, const GgufArchKeys& keys,
                           const Architecture& family, ModelConfig& config) {
  config.rope_theta = keys.get<float>("rope.freq_base", 10'000.0F);
  if (family.defaults.sliding_rope_theta != 0) {
    config.sliding_rope_theta = keys.get<float>("rope.freq_base_swa",
                                                family.defaults.sliding_rope_theta);
  }
  config.rope_factors_tensor = gguf.find("rope_freqs.weight") != nullptr;
  std::optional<float> factor = keys.find<float>("rope.scaling.factor");
  if (!factor) factor = keys.find<float>("rope.scale_linear");
  const auto type = keys.get<std::string_view>("rope.scaling.type", factor ? "linear" : "none");
  if (type == "none") return;
  require<FormatError>(type == "linear", gguf.path(), ": ",
                       in_quotes(keys.name("rope.scaling.type")), " is ", in_quotes(type),
                       "; supported are \"none\" and \"linear\"");
  RopeScaling scaling;
  scaling.factor = factor ? *factor : keys.get<float>("rope.scaling.factor");
  if (scaling.factor != 0) config.rope_scaling = scaling;
}

/// Arch llama with a window is a Mistral: all layers have it. For other families the format must be
/// able to say which layers have it.
inline void read_gguf_window(const GgufFile& gguf, const GgufArchKeys& keys,
                             const Architecture& family, ModelConfig& config) {
  const auto window = keys.get<std::size_t>("attention.sliding_window", 0);
  if (window == 0) return;
  config.sliding_window = window;
  if (family.name == "llama") return;
  require<FormatError>(
      family.window == WindowRule::pattern, gguf.path(), ": ",
      in_quotes(keys.name("attention.sliding_window")), " is ", window,
      ", but the format does not say which layers of this architecture have the window");
  constexpr std::string_view kPattern = "attention.sliding_window_pattern";
  if (keys.is_number_array(kPattern)) {
    config.sliding_layers = keys.get<std::vector<bool>>(kPattern);
    require<FormatError>(config.sliding_layers.size() == config.layers, gguf.path(), ": ",
                         in_quotes(keys.name(kPattern)), " has ", config.sliding_layers.size(),
                         " entries for ", config.layers, " layers");
    return;
  }
  const auto period = keys.get<std::size_t>(kPattern, 6);
  require_size(kPattern.data(), period, kMaxLayers, gguf.path());
  for (std::size_t l = 0; l < config.layers; ++l)
    config.sliding_layers.push_back((l + 1) % period != 0);
}

inline void read_gguf_biases(const GgufFile& gguf, const Architecture& family,
                             ModelConfig& config) {
  const auto decide = [&](BiasRule rule, std::string_view part) {
    return rule == BiasRule::always ||
           (rule == BiasRule::as_stated &&
            gguf.find(family.gguf.block_name(0, part) + ".bias") != nullptr);
  };
  config.attention_bias = decide(family.query_key_value_bias, family.gguf.block.query);
  config.attention_output_bias = decide(family.output_bias, family.gguf.block.output);
  config.mlp_bias = decide(family.mlp_bias, family.gguf.block.up);
}

inline void read_gguf_sizes(const GgufFile& gguf, const GgufArchKeys& keys, ModelConfig& config) {
  const TensorView* embedding = gguf.find("token_embd.weight");
  require<FormatError>(embedding != nullptr && embedding->shape.size() == 2, gguf.path(),
                       ": tensor \"token_embd.weight\" ",
                       embedding == nullptr ? "is missing" : "is no matrix");
  config.vocabulary_size = embedding->shape[0];
  const auto stated = keys.get<std::size_t>("vocab_size", config.vocabulary_size);
  require<FormatError>(stated == config.vocabulary_size, gguf.path(), ": ",
                       in_quotes(keys.name("vocab_size")), " is ", stated,
                       ", the embedding matrix has ", config.vocabulary_size, " rows");
  const auto required = [&](std::optional<std::size_t> size, std::string_view key) {
    return size ? *size : keys.get<std::size_t>(key);  // which says that it is missing
  };
  config.hidden_size = keys.get<std::size_t>("embedding_length");
  config.intermediate_size = required(keys.find_uniform("feed_forward_length"),
                                      "feed_forward_length");
  config.layers = keys.get<std::size_t>("block_count");
  require_size("number of layers", config.layers, kMaxLayers, gguf.path());
  config.heads = required(keys.find_uniform("attention.head_count"), "attention.head_count");
  config.kv_heads = keys.find_uniform("attention.head_count_kv").value_or(config.heads);
  const auto key_length = keys.find<std::size_t>("attention.key_length");
  require<FormatError>(key_length || (config.heads > 0 && config.hidden_size % config.heads == 0),
                       gguf.path(), ": hidden size ", config.hidden_size, " is no multiple of ",
                       config.heads, " heads and there is no ",
                       in_quotes(keys.name("attention.key_length")));
  config.head_dim = key_length ? *key_length : config.hidden_size / config.heads;
  config.context_length = keys.get<std::size_t>("context_length");
}

/// A special token; nothing when its id is outside the vocabulary, of which llama.cpp only warns.
[[nodiscard]] inline std::optional<Token> gguf_token(const GgufFile& gguf, std::string_view key,
                                                     std::size_t vocabulary_size) {
  const auto id = gguf.metadata().find<std::int64_t>(key);
  const bool is_reachable = id && *id >= 0 && static_cast<std::size_t>(*id) < vocabulary_size;
  return is_reachable ? std::optional(static_cast<Token>(*id)) : std::nullopt;
}

inline void read_gguf_tokens(const GgufFile& gguf, ModelConfig& config) {
  const GgufMetadata& metadata = gguf.metadata();
  const auto token = [&](std::string_view key) {
    return gguf_token(gguf, key, config.vocabulary_size);
  };
  config.bos_token = token("tokenizer.ggml.bos_token_id");
  config.pad_token = token("tokenizer.ggml.padding_token_id");
  const auto add_end = [&](Token end) {
    std::vector<Token>& ends = config.eos_tokens;
    if (std::find(ends.begin(), ends.end(), end) == ends.end()) ends.push_back(end);
  };
  // The keys of llama.cpp's end-of-generation set: end of text, of a turn, of a message, and the
  // separators of fill-in-the-middle.
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                          "tokenizer.ggml.eom_token_id", "tokenizer.ggml.fim_pad_token_id",
                          "tokenizer.ggml.fim_rep_token_id", "tokenizer.ggml.fim_sep_token_id"}) {
    if (const auto end = token(key)) add_end(*end);
  }
  if (!metadata.contains("tokenizer.ggml.tokens")) return;
  const auto tokens = metadata.get<std::vector<std::string_view>>("tokenizer.ggml.tokens");
  require<FormatError>(tokens.size() == config.vocabulary_size, gguf.path(), ": the tokenizer has ",
                       tokens.size(), " tokens, the embedding matrix ", config.vocabulary_size,
                       " rows");
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    if (is_end_of_generation(tokens[t])) add_end(static_cast<Token>(t));
  }
}

/// The sampling settings that a file may recommend.
inline void read_gguf_sampling(const GgufMetadata& metadata, GenerationDefaults& defaults) {
  defaults.temperature = metadata.find<float>("general.sampling.temp");
  if (const auto top_k = metadata.find<std::int64_t>("general.sampling.top_k"))
    defaults.top_k = static_cast<std::size_t>(std::max<std::int64_t>(*top_k, 0));
  defaults.top_p = metadata.find<float>("general.sampling.top_p");
  defaults.min_p = metadata.find<float>("general.sampling.min_p");
  defaults.repetition_penalty = metadata.find<float>("general.sampling.penalty_repeat");
}

/// Refuses files that are no whole model.
inline void require_whole_model(const GgufFile& gguf) {
  const GgufMetadata& metadata = gguf.metadata();
  const auto parts = metadata.get<std::uint64_t>("split.count", 1);
  require<FormatError>(parts <= 1, gguf.path(), ": is part ",
                       metadata.get<std::uint64_t>("split.no", 0) + 1, " of ", parts,
                       " of a split model; join them with llama.cpp's llama-gguf-split --merge");
  const auto type = metadata.get<std::string_view>("general.type", "model");
  require<FormatError>(type == "model", gguf.path(), ": \"general.type\" is ", in_quotes(type),
                       ", expected \"model\"");
  const auto version = metadata.get<std::uint64_t>("general.quantization_version", 2);
  require<FormatError>(version == 2, gguf.path(), ": \"general.quantization_version\" is ", version,
                       ", only 2 is supported: convert the model again");
}

}  // namespace detail

TUTTI_INLINE ModelConfig read_gguf_config(const GgufFile& gguf) {
  detail::require_whole_model(gguf);
  const auto name = gguf.metadata().get<std::string>("general.architecture");
  const Architecture* family = find_architecture(&Architecture::gguf_name, name);
  require<FormatError>(family != nullptr, gguf.path(), ": \"general.architecture\" is ",
                       in_quotes(name), "; supported are ",
                       supported_architectures(&Architecture::gguf_name));
  const detail::GgufArchKeys keys(gguf, *family);
  keys.refuse_unknown();

  ModelConfig config = model_config_of(*family);
  detail::read_gguf_sizes(gguf, keys, config);
  const bool is_rms = family->norm == NormKind::rms;
  config.norm_epsilon = keys.get<float>(is_rms ? "attention.layer_norm_rms_epsilon"
                                               : "attention.layer_norm_epsilon");
  config.activation = family->defaults.activation == "silu" ? Activation::silu
                                                            : Activation::gelu_tanh;
  if (family->scaled_embedding)
    config.embedding_scale = std::sqrt(static_cast<float>(config.hidden_size));
  // The format has no key for Gemma 3's query_pre_attn_scalar: it is head_dim, but in the model of
  // 62 layers hidden / heads.
  constexpr std::size_t kLayersOfGemma3With27B = 62;
  if (family->defaults.query_pre_attention_scalar != 0 && config.layers == kLayersOfGemma3With27B &&
      config.heads > 0) {
    config.query_pre_attention_scalar = static_cast<float>(config.hidden_size) /
                                        static_cast<float>(config.heads);
  }
  config.rope_pairing = family->gguf.pairing;
  config.tied_embeddings = gguf.find("output.weight") == nullptr;
  detail::read_gguf_biases(gguf, *family, config);
  detail::require_plain(gguf, keys, config);
  if (!config.learned_positions) detail::read_gguf_rope(gguf, keys, *family, config);
  detail::read_gguf_window(gguf, keys, *family, config);
  detail::read_gguf_tokens(gguf, config);
  detail::read_gguf_sampling(gguf.metadata(), config.generation_defaults);
  validate(config, gguf.path());
  return config;
}

}  // namespace tutti
