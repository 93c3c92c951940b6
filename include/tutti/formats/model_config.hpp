// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a decoder-only transformer looks like, in the same words whatever file it came from. The readers are in hf_config.hpp
// and gguf_config.hpp; both refuse what the forward pass could not compute faithfully.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tutti/core/error.hpp"
#include "tutti/core/types.hpp"

namespace tutti {

/// How rotary frequencies are stretched for contexts longer than the model was first trained on.
struct RopeScaling {
  /// linear divides all frequencies by `factor`. llama3 divides those whose wavelength is above original_context_length /
  /// low_freq_factor, keeps those below original_context_length / high_freq_factor, and blends in between.
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
  std::string architecture;  ///< "llama"
  std::size_t vocabulary_size = 0;
  std::size_t hidden_size = 0;
  std::size_t intermediate_size = 0;
  std::size_t layers = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t context_length = 0;  ///< Positions that the model was made for.
  float rms_epsilon = 0;

  float rope_theta = 0;
  RopePairing rope_pairing = RopePairing::halves;
  std::optional<RopeScaling> rope_scaling;
  bool rope_factors_tensor = false;  ///< GGUF's rope_freqs.weight [head_dim / 2] divides the frequencies.

  bool tied_embeddings = false;  ///< The output matrix is the embedding matrix.
  bool attention_bias = false;   ///< q, k, v and o have biases.
  bool mlp_bias = false;         ///< gate, up and down have biases.
  std::optional<std::size_t> sliding_window;

  std::optional<Token> bos_token;
  std::vector<Token> eos_tokens;  ///< Each of them ends a text.
  std::optional<Token> pad_token;

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

namespace detail {

/// Bounds far above any published model, so that products of sizes fit 64 bits wherever they are formed.
inline void require_size(const char* name, std::size_t value, std::size_t most, const std::string& source) {
  require<FormatError>(value >= 1 && value <= most, source, ": ", name, " is ", value, ", expected 1 to ", most);
}

inline void require_token(const char* name, std::optional<Token> token, std::size_t vocabulary_size, const std::string& source) {
  require<FormatError>(!token || (*token >= 0 && static_cast<std::size_t>(*token) < vocabulary_size), source, ": ", name, " is ",
                       token.value_or(0), ", but the vocabulary has ", vocabulary_size, " tokens");
}

inline void require_positive(const char* name, float value, const std::string& source) {
  require<FormatError>(std::isfinite(value) && value > 0, source, ": ", name, " is ", value, ", expected a positive number");
}

}  // namespace detail

/// Checks that the sizes belong together and are sane; `source` is named in errors.
/// @throws FormatError
inline void validate(const ModelConfig& config, const std::string& source) {
  using detail::require_positive;
  using detail::require_size;
  using detail::require_token;
  require_size("vocabulary size", config.vocabulary_size, 1U << 24, source);
  require_size("hidden size", config.hidden_size, 1U << 20, source);
  require_size("intermediate size", config.intermediate_size, 1U << 22, source);
  require_size("number of layers", config.layers, 1U << 12, source);
  require_size("number of heads", config.heads, 1U << 14, source);
  require_size("number of key/value heads", config.kv_heads, config.heads, source);
  require_size("head dimension", config.head_dim, 1U << 12, source);
  require_size("context length", config.context_length, 1U << 30, source);
  require<FormatError>(config.heads % config.kv_heads == 0, source, ": ", config.heads, " heads cannot share ", config.kv_heads,
                       " key/value heads evenly");
  require<FormatError>(config.head_dim % 2 == 0, source, ": head dimension ", config.head_dim,
                       " is odd; rotary embeddings turn pairs of elements");
  require_positive("RMS norm epsilon", config.rms_epsilon, source);
  require_positive("rope theta", config.rope_theta, source);
  if (const auto& scaling = config.rope_scaling) {
    require_positive("rope scaling factor", scaling->factor, source);
    if (scaling->kind == RopeScaling::Kind::llama3) {
      require_positive("rope low_freq_factor", scaling->low_freq_factor, source);
      require<FormatError>(std::isfinite(scaling->high_freq_factor) && scaling->high_freq_factor > scaling->low_freq_factor, source,
                           ": rope high_freq_factor ", scaling->high_freq_factor, " must be above low_freq_factor ",
                           scaling->low_freq_factor);
      require_size("rope original context", scaling->original_context_length, 1U << 30, source);
    }
  }
  if (config.sliding_window) require_size("sliding window", *config.sliding_window, 1U << 30, source);
  require_token("BOS token", config.bos_token, config.vocabulary_size, source);
  require_token("padding token", config.pad_token, config.vocabulary_size, source);
  for (const Token token : config.eos_tokens) require_token("EOS token", token, config.vocabulary_size, source);
}

}  // namespace tutti
