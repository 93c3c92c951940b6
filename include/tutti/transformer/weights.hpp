// SPDX-License-Identifier: Apache-2.0
#pragma once
// The weights of one expert as they lie in host memory: matrices as views into the file they came from (or into a
// converted copy), vectors as float. A LoRA expert is the same views with low-rank deltas beside them.

#include <cstddef>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/core/linear_weights.hpp"
#include "tutti/formats/model_config.hpp"

namespace tutti {

/// One block of the Llama family.
struct LayerWeights {
  std::vector<float> attention_norm;  ///< [hidden]
  LinearWeights query;                ///< [heads * head_dim, hidden]
  LinearWeights key;                  ///< [kv_heads * head_dim, hidden]
  LinearWeights value;                ///< [kv_heads * head_dim, hidden]
  LinearWeights output;               ///< [hidden, heads * head_dim]
  std::vector<float> mlp_norm;        ///< [hidden]
  LinearWeights gate;                 ///< [intermediate, hidden]
  LinearWeights up;                   ///< [intermediate, hidden]
  LinearWeights down;                 ///< [hidden, intermediate]
};

/// A whole expert. Copies share the memory behind the views.
struct ModelWeights {
  ModelConfig config;
  std::string source;       ///< Where it came from, for messages.
  LinearWeights embedding;  ///< [vocabulary, hidden]
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;                    ///< [hidden]
  std::optional<LinearWeights> head;                ///< [vocabulary, hidden]; the embedding itself when tied, absent in reward models.
  std::optional<LinearWeights> value_head;          ///< `score.weight` [labels, hidden] of a reward model.
  std::vector<float> rope_inverse_frequencies;      ///< [head_dim / 2], scaling applied.
  std::vector<std::shared_ptr<const void>> owners;  ///< Keeps mapped files and converted copies alive.
};

/// The first thing in which two configurations differ, with both values; empty when experts of both can run together.
/// Token ids and the context length may differ.
[[nodiscard]] inline std::string first_difference(const ModelConfig& a, const ModelConfig& b) {
  std::ostringstream difference;
  const auto compare = [&](std::string_view name, const auto& left, const auto& right) {
    if (difference.str().empty() && left != right) difference << name << " is " << right << " instead of " << left;
  };
  compare("architecture", a.architecture, b.architecture);
  compare("vocabulary size", a.vocabulary_size, b.vocabulary_size);
  compare("hidden size", a.hidden_size, b.hidden_size);
  compare("intermediate size", a.intermediate_size, b.intermediate_size);
  compare("number of layers", a.layers, b.layers);
  compare("number of heads", a.heads, b.heads);
  compare("number of key/value heads", a.kv_heads, b.kv_heads);
  compare("head dimension", a.head_dim, b.head_dim);
  compare("RMS norm epsilon", a.rms_epsilon, b.rms_epsilon);
  compare("rope theta", a.rope_theta, b.rope_theta);
  compare("rope pairing (0: halves, 1: interleaved)", static_cast<int>(a.rope_pairing), static_cast<int>(b.rope_pairing));
  compare("whether rope is scaled", a.rope_scaling.has_value(), b.rope_scaling.has_value());
  if (a.rope_scaling && b.rope_scaling) compare("rope scaling factor", a.rope_scaling->factor, b.rope_scaling->factor);
  return difference.str();
}

/// Whether everything that is a vector, norms and biases, is equal in two experts of equal configurations.
[[nodiscard]] inline bool equal_vectors(const ModelWeights& a, const ModelWeights& b) {
  if (a.final_norm != b.final_norm || a.rope_inverse_frequencies != b.rope_inverse_frequencies) return false;
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    const LayerWeights& x = a.layers[l];
    const LayerWeights& y = b.layers[l];
    if (x.attention_norm != y.attention_norm || x.mlp_norm != y.mlp_norm) return false;
    for (const auto part : {&LayerWeights::query, &LayerWeights::key, &LayerWeights::value, &LayerWeights::output, &LayerWeights::gate,
                            &LayerWeights::up, &LayerWeights::down}) {
      if ((x.*part).bias != (y.*part).bias) return false;
    }
  }
  return true;
}

}  // namespace tutti
