// SPDX-License-Identifier: Apache-2.0
#pragma once
// The description of a decoder-only transformer, in the same terms for every file format and
// family. The readers are in hf_config.hpp and gguf_config.hpp; both refuse what the forward pass
// could not compute faithfully.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tutti/architecture/architecture.hpp"
#include "tutti/architecture/layer_types.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// How rotary frequencies are scaled for contexts longer than those of the initial training.
struct RopeScaling {
  /// linear divides all frequencies by `factor`. llama3 divides those whose wavelength is above
  /// original_context_length / low_freq_factor, keeps those below original_context_length /
  /// high_freq_factor, and blends in between.
  enum class Kind : std::uint8_t { linear, llama3 };

  Kind kind = Kind::linear;
  float factor = 1.0F;
  float low_freq_factor = 1.0F;             ///< llama3 only
  float high_freq_factor = 4.0F;            ///< llama3 only
  std::size_t original_context_length = 0;  ///< llama3 only

  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;
};

/// Sampling settings that a model's authors recommend (generation_config.json). They describe the
/// model: nothing applies them unless the caller does.
struct GenerationDefaults {
  std::optional<bool> do_sample;  ///< False asks for greedy decoding.
  std::optional<float> temperature;
  std::optional<std::size_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> typical_p;
  std::optional<float> repetition_penalty;

  friend bool operator==(const GenerationDefaults&, const GenerationDefaults&) = default;
};

/// Plain description of one model. Sizes count elements, unless a name says otherwise.
struct ModelConfig {
  std::string architecture;  ///< Architecture::name, such as "llama".
  std::size_t vocabulary_size = 0;
  std::size_t hidden_size = 0;
  std::size_t intermediate_size = 0;
  std::size_t layers = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t context_length = 0;  ///< Maximum number of positions.

  NormKind norm = NormKind::rms;
  float norm_epsilon = 0;
  bool head_norms = false;  ///< RMSNorm of every query and key head before the rotary embedding.
  bool post_norms = false;  ///< Norms of the outputs of attention and MLP.
  Activation activation = Activation::silu;
  bool gated_mlp = true;  ///< act(gate x) * (up x) rather than act(up x).

  bool learned_positions = false;  ///< Added to the embedding, instead of rotary embeddings.
  float rope_theta = 0;
  RopePairing rope_pairing = RopePairing::halves;
  std::optional<RopeScaling> rope_scaling;
  /// GGUF's rope_freqs.weight [head_dim / 2] divides the frequencies.
  bool rope_factors_tensor = false;

  /// Window length in positions, including the current one.
  std::optional<std::size_t> sliding_window;
  std::vector<bool> sliding_layers;  ///< Which layers have the window; empty: all.
  /// Of the layers that have the window, unscaled; none: the same as the other layers.
  std::optional<float> sliding_rope_theta;

  float embedding_scale = 1.0F;
  /// Attention scores are divided by its square root; none: by that of head_dim.
  std::optional<float> query_pre_attention_scalar;
  bool tied_embeddings = false;  ///< The output matrix is the embedding matrix.
  bool attention_bias = false;   ///< q, k and v have biases.
  bool attention_output_bias = false;
  bool mlp_bias = false;  ///< gate, up and down have biases.

  std::optional<Token> bos_token;
  /// All tokens that end this model's text: those of its configuration, its generation
  /// configuration and, for GGUF, its vocabulary.
  std::vector<Token> eos_tokens;
  std::optional<Token> pad_token;

  GenerationDefaults generation_defaults;

  /// The window of a layer; 0: it attends to all positions.
  [[nodiscard]] std::size_t window_of(std::size_t layer) const {
    return sliding_window && (sliding_layers.empty() || sliding_layers[layer]) ? *sliding_window
                                                                               : 0;
  }

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

/// A configuration with what all models of a family have in common.
[[nodiscard]] ModelConfig model_config_of(const Architecture& family);

/// Checks that the sizes are plausible and fit each other; `source` is named in errors.
/// @throws FormatError
void validate(const ModelConfig& config, const std::string& source);

namespace detail {

inline constexpr std::size_t kMaxLayers = 1U << 12;

/// Requires `value` to be between 1 and `max`. The limits are far above any published model, so
/// that products of sizes fit 64 bits.
/// @throws FormatError
void require_size(const char* name, std::size_t value, std::size_t max, const std::string& source);

}  // namespace detail

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/architecture/model_config-inl.hpp"
#endif
