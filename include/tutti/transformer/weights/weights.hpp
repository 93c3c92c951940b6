// SPDX-License-Identifier: Apache-2.0
#pragma once
// The weights of one expert in host memory: matrices as views into the file they came from (or into
// a converted copy), vectors as float. A LoRA expert has the same views plus low-rank deltas.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tutti/architecture/model_config.hpp"
#include "tutti/base/linear_weights.hpp"

namespace tutti {

/// One block. Parts that its family does not have are empty.
struct LayerWeights {
  NormWeights attention_norm;        ///< [hidden]
  LinearWeights query;               ///< [heads * head_dim, hidden]
  LinearWeights key;                 ///< [kv_heads * head_dim, hidden]
  LinearWeights value;               ///< [kv_heads * head_dim, hidden]
  LinearWeights output;              ///< [hidden, heads * head_dim]
  NormWeights query_norm, key_norm;  ///< [head_dim], applied to each head
  NormWeights attention_post_norm;   ///< [hidden], of the attention's output
  NormWeights mlp_norm;              ///< [hidden]
  LinearWeights gate;                ///< [intermediate, hidden]
  LinearWeights up;                  ///< [intermediate, hidden]
  LinearWeights down;                ///< [hidden, intermediate]
  NormWeights mlp_post_norm;         ///< [hidden], of the MLP's output

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

/// All weights of one expert. Copies share the memory of the views.
struct ModelWeights {
  ModelConfig config;
  std::string source;       ///< Path it was loaded from, for messages.
  LinearWeights embedding;  ///< [vocabulary, hidden]
  LinearWeights positions;  ///< [context, hidden] where positions are learned.
  std::vector<LayerWeights> layers;
  NormWeights final_norm;  ///< [hidden]
  /// [vocabulary, hidden]; the embedding itself when tied, absent in reward models.
  std::optional<LinearWeights> head;
  /// `score.weight` [labels, hidden] of a reward model.
  std::optional<LinearWeights> value_head;
  /// Sets of [head_dim / 2] rotary frequencies, scaling applied. Empty where positions are learned;
  /// the second set, if there is one, is for layers with a sliding window.
  std::vector<std::vector<float>> rope_inverse_frequencies;
  /// Keeps mapped files and converted copies alive.
  std::vector<std::shared_ptr<const void>> owners;
};

namespace detail {

/// @throws ModelError when the model's outputs are the values of a reward model.
void require_logits(const ModelWeights& model);

}  // namespace detail

/// The first difference between two configurations, with both values; empty when experts of both
/// can run together. Token ids and the context length may differ.
[[nodiscard]] std::string first_difference(const ModelConfig& a, const ModelConfig& b);

/// The first tensor that `b` has in another shape than `a`, or that only one of them has, with
/// both; empty when there is none. The blocks' shapes follow from the configuration; heads do not.
[[nodiscard]] std::string first_tensor_difference(const ModelWeights& a, const ModelWeights& b);

/// Whether all vectors (norms, biases and rotary frequencies) are equal in two experts of equal
/// configurations.
[[nodiscard]] bool equal_vectors(const ModelWeights& a, const ModelWeights& b);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/transformer/weights/weights-inl.hpp"
#endif
