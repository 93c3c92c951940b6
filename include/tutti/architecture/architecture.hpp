// SPDX-License-Identifier: Apache-2.0
#pragma once
// The supported model families, one entry of traits each: what its blocks compute, the keys and
// defaults of its config.json, and how its tensors are stored. A new family is an entry here and a
// checkpoint in the tests.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tutti/architecture/checkpoint_layout.hpp"
#include "tutti/architecture/layer_types.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// Whether linear layers have biases. `as_stated`: config.json has a key for it; in GGUF the tensor
/// is present or not.
enum class BiasRule : std::uint8_t { never, as_stated, always };

/// Which blocks have a sliding window if config.json has no list "layer_types".
enum class WindowRule : std::uint8_t {
  none,         ///< The family has no windows.
  all_layers,   ///< All, if there is a window.
  last_layers,  ///< With "use_sliding_window", blocks from "max_window_layers" on.
  pattern,      ///< All except each n-th, n = "sliding_window_pattern".
};

/// config.json keys, for families that spell them differently.
struct ConfigKeys {
  std::string_view hidden_size = "hidden_size";
  std::string_view intermediate_size = "intermediate_size";
  std::string_view layers = "num_hidden_layers";
  std::string_view heads = "num_attention_heads";
  std::string_view context_length = "max_position_embeddings";
  std::string_view norm_epsilon = "rms_norm_eps";
  std::string_view activation = "hidden_act";
};

/// Values of absent config.json keys: the defaults of the family's configuration class in
/// transformers. 0 and -1: none.
struct ConfigDefaults {
  std::size_t intermediate_factor = 0;  ///< Intermediate size / hidden size.
  std::size_t kv_heads = 0;             ///< 0: the number of heads.
  std::size_t head_dim = 0;             ///< 0: hidden size / heads.
  std::size_t context_length = 2048;
  float norm_epsilon = 1e-6F;
  std::string_view activation = "silu";
  float rope_theta = 10'000.0F;
  float sliding_rope_theta = 0;  ///< For blocks with a window, if they have their own.
  std::size_t sliding_window = 0;
  float query_pre_attention_scalar = 0;  ///< 0: the family has no such key.
  bool tied_embeddings = false;
  Token bos = -1, eos = -1, pad = -1;
};

struct Architecture {
  std::string_view name;        ///< ModelConfig::architecture
  std::string_view model_type;  ///< In config.json.
  /// "general.architecture" in GGUF; empty where files use another family's.
  std::string_view gguf_name;

  NormKind norm = NormKind::rms;
  BiasRule query_key_value_bias = BiasRule::never;
  BiasRule output_bias = BiasRule::never;
  BiasRule mlp_bias = BiasRule::never;
  bool head_norms = false;  ///< RMSNorm of every query and key head before the rotary embedding.
  bool post_norms = false;  ///< Norms of the outputs of attention and MLP.
  bool gated_mlp = true;    ///< act(gate x) * (up x) rather than act(up x).
  bool learned_positions = false;  ///< Added to the embedding, instead of rotary embeddings.
  bool scaled_embedding = false;   ///< Embeddings are multiplied by sqrt(hidden size).
  WindowRule window = WindowRule::none;

  ConfigKeys keys{};
  ConfigDefaults defaults{};
  CheckpointLayout hugging_face = kHuggingFaceLayout;
  CheckpointLayout gguf = gguf_layout();
};

inline constexpr std::array<Architecture, 6> kArchitectures{{
    {.name = "llama",
     .model_type = "llama",
     .gguf_name = "llama",
     .query_key_value_bias = BiasRule::as_stated,
     .output_bias = BiasRule::as_stated,
     .mlp_bias = BiasRule::as_stated,
     .window = WindowRule::none,
     .defaults = {.bos = 1, .eos = 2},
     // llama.cpp permutes the rows of q and k of this arch so that rotary pairs are neighbors.
     .gguf = gguf_layout(RopePairing::interleaved)},
    {.name = "mistral",
     .model_type = "mistral",
     .gguf_name = "",  // converted to arch llama
     .window = WindowRule::all_layers,
     .defaults =
         {.kv_heads = 8, .context_length = 4096 * 32, .sliding_window = 4096, .bos = 1, .eos = 2}},
    {.name = "qwen2",
     .model_type = "qwen2",
     .gguf_name = "qwen2",
     .query_key_value_bias = BiasRule::always,
     .window = WindowRule::last_layers,
     .defaults = {.kv_heads = 32, .context_length = 32768, .sliding_window = 4096}},
    {.name = "qwen3",
     .model_type = "qwen3",
     .gguf_name = "qwen3",
     .query_key_value_bias = BiasRule::as_stated,
     .output_bias = BiasRule::as_stated,
     .head_norms = true,
     .window = WindowRule::last_layers,
     .defaults =
         {.kv_heads = 32, .head_dim = 128, .context_length = 32768, .sliding_window = 4096}},
    {.name = "gemma3",
     .model_type = "gemma3_text",
     .gguf_name = "gemma3",
     .query_key_value_bias = BiasRule::as_stated,
     .output_bias = BiasRule::as_stated,
     .head_norms = true,
     .post_norms = true,
     .scaled_embedding = true,
     .window = WindowRule::pattern,
     .keys = {.activation = "hidden_activation"},
     .defaults = {.kv_heads = 4,
                  .head_dim = 256,
                  .context_length = 131'072,
                  .activation = "gelu_pytorch_tanh",
                  .rope_theta = 1'000'000.0F,
                  .sliding_rope_theta = 10'000.0F,
                  .sliding_window = 4096,
                  .query_pre_attention_scalar = 256.0F,
                  .tied_embeddings = true,
                  .bos = 2,
                  .eos = 1,
                  .pad = 0},
     .hugging_face = gemma3_layout()},
    {.name = "gpt2",
     .model_type = "gpt2",
     .gguf_name = "gpt2",
     .norm = NormKind::layer,
     .query_key_value_bias = BiasRule::always,
     .output_bias = BiasRule::always,
     .mlp_bias = BiasRule::always,
     .gated_mlp = false,
     .learned_positions = true,
     .keys = {.hidden_size = "n_embd",
              .intermediate_size = "n_inner",
              .layers = "n_layer",
              .heads = "n_head",
              .context_length = "n_positions",
              .norm_epsilon = "layer_norm_epsilon",
              .activation = "activation_function"},
     .defaults = {.intermediate_factor = 4,
                  .context_length = 1024,
                  .norm_epsilon = 1e-5F,
                  .activation = "gelu_new",
                  .tied_embeddings = true,
                  .bos = 50256,
                  .eos = 50256},
     .hugging_face = kGpt2Layout},
}};

/// The entry whose `field` is `value`, or nullptr.
[[nodiscard]] constexpr const Architecture* find_architecture(std::string_view Architecture::*field,
                                                              std::string_view value) {
  for (const Architecture& architecture : kArchitectures) {
    if (!value.empty() && architecture.*field == value) return &architecture;
  }
  return nullptr;
}

/// All values of `field` in quotes, for messages.
[[nodiscard]] inline std::string supported_architectures(std::string_view Architecture::*field) {
  std::string list;
  for (const Architecture& architecture : kArchitectures) {
    if (!(architecture.*field).empty())
      list.append(list.empty() ? "\"" : ", \"").append(architecture.*field).append("\"");
  }
  return list;
}

}  // namespace tutti
