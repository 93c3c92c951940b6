// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of model_config.hpp.

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>

#include "tutti/architecture/model_config.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"

namespace tutti {

TUTTI_INLINE ModelConfig model_config_of(const Architecture& family) {
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

TUTTI_INLINE void require_size(const char* name, std::size_t value, std::size_t max,
                               const std::string& source) {
  require<FormatError>(value >= 1 && value <= max, source, ": ", name, " is ", value,
                       ", expected 1 to ", max);
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

TUTTI_INLINE void validate(const ModelConfig& config, const std::string& source) {
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
                         " is odd; rotary embeddings rotate pairs of elements");
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
      "sliding windows are given for ", config.sliding_layers.size(), " layers, but there are ",
      config.layers);
  require_token("BOS token", config.bos_token, config.vocabulary_size, source);
  require_token("padding token", config.pad_token, config.vocabulary_size, source);
  for (const Token token : config.eos_tokens)
    require_token("EOS token", token, config.vocabulary_size, source);
}

}  // namespace tutti
