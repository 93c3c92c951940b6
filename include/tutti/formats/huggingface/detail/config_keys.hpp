// SPDX-License-Identifier: Apache-2.0
#pragma once
// Decides about the keys of config.json that the reader does not use: a key is refused if its name
// speaks of a part of the computation and its value switches something on (docs/model_keys.md).

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/architecture/architecture.hpp"
#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"

namespace tutti::detail {

template <std::size_t Count>
[[nodiscard]] constexpr bool is_one_of(std::string_view name,
                                       const std::array<std::string_view, Count>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <std::size_t Count>
[[nodiscard]] constexpr bool contains_one_of(std::string_view name,
                                             const std::array<std::string_view, Count>& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return name.find(word) != std::string_view::npos;
  });
}

/// Keys that change neither logits nor tokens, although their names contain one of kPartsOfModel.
inline constexpr std::array<std::string_view, 16> kHarmlessConfigKeys{
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "attn_implementation",
    "_sliding_window_pattern",    // layer_types stands beside it
    "attention_softmax_in_fp32",  // as here
    "chunk_size_feed_forward",    // how a product is split
    "initializer_range",
    "label2id",
    "logits_to_keep",
    "num_logits_to_keep",
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "reorder_and_upcast_attn",  // attention in 32 bits, as here
    "scale_attention_softmax_in_fp32"};

/// Parts of the names of keys that choose among implementations of the same computation, or that
/// only training uses.
inline constexpr std::array<std::string_view, 5> kHarmlessWords{"dropout", "pdrop", "flash",
                                                                "fused", "aux_loss_coef"};

/// Parts of the computation, as keys of transformers' configuration classes spell them.
inline constexpr std::array<std::string_view, 45> kPartsOfModel{
    "attn",   "attention",  "rope",          "rotary",      "rotate",       "scal",  "multiplier",
    "factor", "softcap",    "soft_cap",      "clip",        "clamp",        "moe",   "expert",
    "router", "norm",       "bias",          "window",      "alibi",        "mlp",   "ffn",
    "qk",     "kv",         "residual",      "position",    "logit",        "layer", "head",
    "embed",  "activation", "hidden_act",    "hidden_size", "mup",          "ssm",   "conv_",
    "_conv",  "causal",     "bidirectional", "mtp",         "parallel_res", "lora_", "quantiz",
    "gate_",  "gated",      "_rank"};

/// Whether a value leaves the part that `name` speaks of switched off.
[[nodiscard]] inline bool is_off(std::string_view name, const Json& value) {
  if (value.is_null() || value == false) return true;
  if (value.is_structured() || value.is_string())
    return value.is_string() ? value.get_ref<const std::string&>().empty() : value.empty();
  if (name == "is_causal" || name == "causal") return value == true;
  if (!value.is_number()) return false;
  const auto number = value.get<double>();
  constexpr std::array<std::string_view, 4> kFactors{"scal", "multiplier", "factor", "ratio"};
  return number == 0 || (number == 1 && contains_one_of(name, kFactors));
}

/// The keys that the reader of `family` uses or checks.
[[nodiscard]] inline std::vector<std::string_view> used_config_keys(const Architecture& family,
                                                                    bool windows_off) {
  std::vector<std::string_view> used{"vocab_size",
                                     "num_key_value_heads",
                                     "head_dim",
                                     "tie_word_embeddings",
                                     "layer_types",
                                     "scale_attn_weights",
                                     family.keys.hidden_size,
                                     family.keys.intermediate_size,
                                     family.keys.layers,
                                     family.keys.heads,
                                     family.keys.context_length,
                                     family.keys.norm_epsilon,
                                     family.keys.activation};
  const auto add = [&](bool is_used, std::string_view key) {
    if (is_used) used.push_back(key);
  };
  for (const char* key : {"rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor"})
    add(!family.learned_positions, key);
  add(family.defaults.sliding_rope_theta != 0, "rope_local_base_freq");
  add(family.window != WindowRule::none || windows_off, "sliding_window");
  add(family.window == WindowRule::last_layers || windows_off, "use_sliding_window");
  add(family.window == WindowRule::last_layers || windows_off, "max_window_layers");
  add(family.window == WindowRule::pattern, "sliding_window_pattern");
  add(family.query_key_value_bias == BiasRule::as_stated, "attention_bias");
  add(family.mlp_bias == BiasRule::as_stated, "mlp_bias");
  add(family.defaults.query_pre_attention_scalar != 0, "query_pre_attn_scalar");
  return used;
}

/// @throws FormatError naming a key of the computation that the reader does not know, with its
/// value.
inline void refuse_unknown_config_keys(const Json& config, const Architecture& family,
                                       const std::string& file) {
  const Json* use_window = json_find(config, "use_sliding_window");
  const bool windows_off = use_window != nullptr && *use_window == false;
  const std::vector<std::string_view> used = used_config_keys(family, windows_off);
  for (const auto& [key, value] : config.items()) {
    const std::string_view name = key;
    const Json* activation = json_find(config, family.keys.activation);
    const bool is_known = std::find(used.begin(), used.end(), name) != used.end() ||
                          is_one_of(name, kHarmlessConfigKeys) || name.starts_with("summary_") ||
                          contains_one_of(name, kHarmlessWords) ||
                          (name == "hidden_act" && activation != nullptr && *activation == value);
    require<FormatError>(
        is_known || !contains_one_of(name, kPartsOfModel) || is_off(name, value), file, ": ",
        in_quotes(name), " is ", found_text(value), ", which a ", family.name,
        " model does not have here; remove the key if the model was trained without it");
  }
}

}  // namespace tutti::detail
