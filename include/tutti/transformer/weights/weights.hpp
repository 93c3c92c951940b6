// SPDX-License-Identifier: Apache-2.0
#pragma once
// The weights of one expert as they lie in host memory: matrices as views into the file they came
// from (or into a converted copy), vectors as float. A LoRA expert is the same views with low-rank
// deltas beside them.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/architecture/model_config.hpp"
#include "tutti/base/linear_weights.hpp"

namespace tutti {

/// One block. What its family does not have is empty.
struct LayerWeights {
  NormWeights attention_norm;        ///< [hidden]
  LinearWeights query;               ///< [heads * head_dim, hidden]
  LinearWeights key;                 ///< [kv_heads * head_dim, hidden]
  LinearWeights value;               ///< [kv_heads * head_dim, hidden]
  LinearWeights output;              ///< [hidden, heads * head_dim]
  NormWeights query_norm, key_norm;  ///< [head_dim], for each head
  NormWeights attention_post_norm;   ///< [hidden], of what attention adds
  NormWeights mlp_norm;              ///< [hidden]
  LinearWeights gate;                ///< [intermediate, hidden]
  LinearWeights up;                  ///< [intermediate, hidden]
  LinearWeights down;                ///< [hidden, intermediate]
  NormWeights mlp_post_norm;         ///< [hidden], of what the MLP adds

  using LinearMember = LinearWeights LayerWeights::*;
  using NormMember = NormWeights LayerWeights::*;
  /// All linear layers and all norms, in a fixed order.
  static constexpr LinearMember kLinears[] = {
      &LayerWeights::query, &LayerWeights::key, &LayerWeights::value, &LayerWeights::output,
      &LayerWeights::gate,  &LayerWeights::up,  &LayerWeights::down};
  static constexpr NormMember kNorms[] = {
      &LayerWeights::attention_norm,      &LayerWeights::query_norm, &LayerWeights::key_norm,
      &LayerWeights::attention_post_norm, &LayerWeights::mlp_norm,   &LayerWeights::mlp_post_norm};
};

/// A whole expert. Copies share the memory behind the views.
struct ModelWeights {
  ModelConfig config;
  std::string source;       ///< Where it came from, for messages.
  LinearWeights embedding;  ///< [vocabulary, hidden]
  LinearWeights positions;  ///< [context, hidden] where positions are learned.
  std::vector<LayerWeights> layers;
  NormWeights final_norm;  ///< [hidden]
  /// [vocabulary, hidden]; the embedding itself when tied, absent in reward models.
  std::optional<LinearWeights> head;
  /// `score.weight` [labels, hidden] of a reward model.
  std::optional<LinearWeights> value_head;
  /// Sets of [head_dim / 2], scaling applied: none where positions are learned; the second of
  /// layers with a window, if they have their own.
  std::vector<std::vector<float>> rope_inverse_frequencies;
  /// Keeps mapped files and converted copies alive.
  std::vector<std::shared_ptr<const void>> owners;
};

namespace detail {

/// @throws ModelError when the model's outputs are the values of a reward model.
inline void require_logits(const ModelWeights& model) {
  require<ModelError>(!model.value_head, model.source,
                      ": has a value head (score.weight), so it gives values and no logits: use it "
                      "in a ValueModel");
}

}  // namespace detail

/// The first thing in which two configurations differ, with both values; empty when experts of both
/// can run together. Token ids and the context length may differ.
[[nodiscard]] inline std::string first_difference(const ModelConfig& a, const ModelConfig& b) {
  std::ostringstream difference;
  const auto compare = [&](std::string_view name, const auto& left, const auto& right) {
    if (difference.str().empty() && left != right)
      difference << name << " is " << right << " instead of " << left;
  };
  compare("architecture", a.architecture, b.architecture);
  compare("vocabulary size", a.vocabulary_size, b.vocabulary_size);
  compare("hidden size", a.hidden_size, b.hidden_size);
  compare("intermediate size", a.intermediate_size, b.intermediate_size);
  compare("number of layers", a.layers, b.layers);
  compare("number of heads", a.heads, b.heads);
  compare("number of key/value heads", a.kv_heads, b.kv_heads);
  compare("head dimension", a.head_dim, b.head_dim);
  compare("norm epsilon", a.norm_epsilon, b.norm_epsilon);
  compare("activation (0: SiLU, 1: GELU)", static_cast<int>(a.activation),
          static_cast<int>(b.activation));
  compare("embedding scale", a.embedding_scale, b.embedding_scale);
  compare("query_pre_attn_scalar", a.query_pre_attention_scalar.value_or(0),
          b.query_pre_attention_scalar.value_or(0));
  compare("sliding window (0: none)", a.sliding_window.value_or(0), b.sliding_window.value_or(0));
  for (std::size_t l = 0; l < std::min(a.layers, b.layers); ++l) {
    compare("window of layer " + std::to_string(l) + " (0: none)", a.window_of(l), b.window_of(l));
  }
  compare("rope theta of sliding layers (0: as the others)", a.sliding_rope_theta.value_or(0),
          b.sliding_rope_theta.value_or(0));
  compare("rope theta", a.rope_theta, b.rope_theta);
  compare("rope pairing (0: halves, 1: interleaved)", static_cast<int>(a.rope_pairing),
          static_cast<int>(b.rope_pairing));
  compare("whether rope is scaled", a.rope_scaling.has_value(), b.rope_scaling.has_value());
  if (a.rope_scaling && b.rope_scaling)
    compare("rope scaling factor", a.rope_scaling->factor, b.rope_scaling->factor);
  return difference.str();
}

/// Whether everything that is a vector, norms and biases, is equal in two experts of equal
/// configurations.
[[nodiscard]] inline bool equal_vectors(const ModelWeights& a, const ModelWeights& b) {
  if (a.final_norm != b.final_norm || a.rope_inverse_frequencies != b.rope_inverse_frequencies)
    return false;
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    const LayerWeights& x = a.layers[l];
    const LayerWeights& y = b.layers[l];
    for (const auto norm : LayerWeights::kNorms) {
      if (x.*norm != y.*norm) return false;
    }
    for (const auto linear : LayerWeights::kLinears) {
      if ((x.*linear).bias != (y.*linear).bias) return false;
    }
  }
  return true;
}

}  // namespace tutti
