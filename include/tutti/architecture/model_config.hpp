// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a decoder-only transformer looks like, in the same words whatever file and family it came
// from. The readers are in hf_config.hpp and gguf_config.hpp; both refuse what the forward pass
// could not compute faithfully.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tutti/architecture/architecture.hpp"
#include "tutti/architecture/layer_types.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// How rotary frequencies are stretched for contexts longer than the model was first trained on.
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
  std::size_t context_length = 0;  ///< Positions that the model was made for.

  NormKind norm = NormKind::rms;
  float norm_epsilon = 0;
  bool head_norms = false;  ///< RMSNorm of every query and key head before the rotary embedding.
  bool post_norms = false;  ///< Norms of what attention and MLP add to the residual stream.
  Activation activation = Activation::silu;
  bool gated_mlp = true;  ///< act(gate x) * (up x) rather than act(up x).

  bool learned_positions = false;  ///< Added to the embedding; then there are no rotary ones.
  float rope_theta = 0;
  RopePairing rope_pairing = RopePairing::halves;
  std::optional<RopeScaling> rope_scaling;
  /// GGUF's rope_freqs.weight [head_dim / 2] divides the frequencies.
  bool rope_factors_tensor = false;

  /// A position sees itself and as many before it as make this.
  std::optional<std::size_t> sliding_window;
  std::vector<bool> sliding_layers;  ///< Which layers have the window; empty: all.
  /// Of the layers that have the window, unscaled; none: as the others.
  std::optional<float> sliding_rope_theta;

  float embedding_scale = 1.0F;
  /// Scores are divided by its root; none: by that of head_dim.
  std::optional<float> query_pre_attention_scalar;
  bool tied_embeddings = false;  ///< The output matrix is the embedding matrix.
  bool attention_bias = false;   ///< q, k and v have biases.
  bool attention_output_bias = false;
  bool mlp_bias = false;  ///< gate, up and down have biases.

  std::optional<Token> bos_token;
  std::vector<Token> eos_tokens;  ///< Each of them ends a text.
  std::optional<Token> pad_token;

  /// The window of a layer; 0: it sees all positions.
  [[nodiscard]] std::size_t window_of(std::size_t layer) const {
    return sliding_window && (sliding_layers.empty() || sliding_layers[layer]) ? *sliding_window
                                                                               : 0;
  }

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

/// A configuration with what all models of a family have in common.
[[nodiscard]] inline ModelConfig model_config_of(const Architecture& family) {
  ModelConfig config;
  config.architecture = family.name;
  config.norm = family.norm;
  config.head_norms = family.head_norms;
  config.post_norms = family.post_norms;
  config.gated_mlp = family.gated_mlp;
  config.learned_positions = family.learned_positions;
  return config;
}

namespace detail {

inline constexpr std::size_t kMaxLayers = 1U << 12;

/// Bounds far above any published model, so that products of sizes fit 64 bits wherever they are
/// formed.
inline void require_size(const char* name, std::size_t value, std::size_t most,
                         const std::string& source) {
  require<FormatError>(value >= 1 && value <= most, source, ": ", name, " is ", value,
                       ", expected 1 to ", most);
}

inline void require_token(const char* name, std::optional<Token> token, std::size_t vocabulary_size,
                          const std::string& source) {
  require<FormatError>(
      !token || (*token >= 0 && static_cast<std::size_t>(*token) < vocabulary_size), source, ": ",
      name, " is ", token.value_or(0), ", but the vocabulary has ", vocabulary_size, " tokens");
}

inline void require_positive(const char* name, float value, const std::string& source) {
  require<FormatError>(std::isfinite(value) && value > 0, source, ": ", name, " is ", value,
                       ", expected a positive number");
}

}  // namespace detail

/// Checks that the sizes belong together and are sane; `source` is named in errors.
/// @throws FormatError
inline void validate(const ModelConfig& config, const std::string& source) {
  using detail::kMaxLayers;
  using detail::require_positive;
  using detail::require_size;
  using detail::require_token;
  require_size("vocabulary size", config.vocabulary_size, 1U << 24, source);
  require_size("hidden size", config.hidden_size, 1U << 20, source);
  require_size("intermediate size", config.intermediate_size, 1U << 22, source);
  require_size("number of layers", config.layers, kMaxLayers, source);
  require_size("number of heads", config.heads, 1U << 14, source);
  require_size("number of key/value heads", config.kv_heads, config.heads, source);
  require_size("head dimension", config.head_dim, 1U << 12, source);
  require_size("context length", config.context_length, 1U << 30, source);
  require<FormatError>(config.heads % config.kv_heads == 0, source, ": ", config.heads,
                       " heads cannot share ", config.kv_heads, " key/value heads evenly");
  require_positive("norm epsilon", config.norm_epsilon, source);
  require_positive("query_pre_attn_scalar", config.query_pre_attention_scalar.value_or(1.0F),
                   source);
  if (!config.learned_positions) {
    require<FormatError>(config.head_dim % 2 == 0, source, ": head dimension ", config.head_dim,
                         " is odd; rotary embeddings turn pairs of elements");
    require_positive("rope theta", config.rope_theta, source);
    require_positive("rope theta of sliding layers", config.sliding_rope_theta.value_or(1.0F),
                     source);
  }
  if (const auto& scaling = config.rope_scaling) {
    require_positive("rope scaling factor", scaling->factor, source);
    if (scaling->kind == RopeScaling::Kind::llama3) {
      require_positive("rope low_freq_factor", scaling->low_freq_factor, source);
      require<FormatError>(std::isfinite(scaling->high_freq_factor) &&
                               scaling->high_freq_factor > scaling->low_freq_factor,
                           source, ": rope high_freq_factor ", scaling->high_freq_factor,
                           " must be above low_freq_factor ", scaling->low_freq_factor);
      require_size("rope original context", scaling->original_context_length, 1U << 30, source);
    }
  }
  if (config.sliding_window)
    require_size("sliding window", *config.sliding_window, 1U << 30, source);
  require<FormatError>(
      config.sliding_layers.empty() || config.sliding_layers.size() == config.layers, source, ": ",
      config.sliding_layers.size(), " layers are said to slide or not, but there are ",
      config.layers);
  require_token("BOS token", config.bos_token, config.vocabulary_size, source);
  require_token("padding token", config.pad_token, config.vocabulary_size, source);
  for (const Token token : config.eos_tokens)
    require_token("EOS token", token, config.vocabulary_size, source);
}

}  // namespace tutti
