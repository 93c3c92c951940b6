// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one forward pass of the library, written once over a Backend: N experts of one architecture,
// any ragged batch of rows. Decoding, prefill and teacher-forced scoring are the same code with
// different rows.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

/// The weights of N experts, stacked layer by layer, in a backend's memory.
template <Backend B>
struct StackedWeights {
  struct Layer {
    typename B::Norm attention_norm;
    typename B::Linear query, key, value;
    typename B::Norm query_norm, key_norm;
    typename B::Linear output;
    typename B::Norm attention_post_norm, mlp_norm;
    typename B::Linear gate, up, down;
    typename B::Norm mlp_post_norm;
  };

  typename B::Linear embedding, positions;
  std::vector<Layer> layers;
  typename B::Norm final_norm;
  typename B::Linear head;

  /// @param experts have equal configurations; each has `head_of(expert)`.
  template <class HeadOf>
  StackedWeights(B& backend, std::span<const ModelWeights* const> experts, HeadOf head_of)
      : embedding(stack(backend, experts, [](const ModelWeights& m) { return &m.embedding; })),
        positions(stack(backend, experts, [](const ModelWeights& m) { return &m.positions; })),
        final_norm(
            stack_norm(backend, experts, [](const ModelWeights& m) { return &m.final_norm; })),
        head(stack(backend, experts, head_of)) {
    layers.reserve(experts.front()->layers.size());
    for (std::size_t l = 0; l < experts.front()->layers.size(); ++l) {
      const auto linear = [&](LinearWeights LayerWeights::*part) {
        return stack(backend, experts, [&](const ModelWeights& m) { return &(m.layers[l].*part); });
      };
      const auto norm = [&](NormWeights LayerWeights::*part) {
        return stack_norm(backend, experts,
                          [&](const ModelWeights& m) { return &(m.layers[l].*part); });
      };
      layers.push_back(Layer{
          norm(&LayerWeights::attention_norm), linear(&LayerWeights::query),
          linear(&LayerWeights::key), linear(&LayerWeights::value), norm(&LayerWeights::query_norm),
          norm(&LayerWeights::key_norm), linear(&LayerWeights::output),
          norm(&LayerWeights::attention_post_norm), norm(&LayerWeights::mlp_norm),
          linear(&LayerWeights::gate), linear(&LayerWeights::up), linear(&LayerWeights::down),
          norm(&LayerWeights::mlp_post_norm)});
    }
  }

 private:
  template <class Part>
  static typename B::Linear stack(B& backend, std::span<const ModelWeights* const> experts,
                                  Part part) {
    std::vector<const LinearWeights*> parts;
    for (const ModelWeights* expert : experts) parts.push_back(part(*expert));
    return backend.make_linear(parts);
  }

  template <class Part>
  static typename B::Norm stack_norm(B& backend, std::span<const ModelWeights* const> experts,
                                     Part part) {
    std::vector<const NormWeights*> parts;
    for (const ModelWeights* expert : experts) parts.push_back(part(*expert));
    return backend.make_norm(parts);
  }
};

/// Activations of up to `capacity` rows, allocated once.
template <Backend B>
struct ForwardBuffers {
  typename B::Rows hidden;     ///< The residual stream, [rows, hidden].
  typename B::Rows query;      ///< [rows, heads * head_dim]
  typename B::Rows attended;   ///< [rows, heads * head_dim]
  typename B::Rows activated;  ///< [rows, intermediate]
  /// Final hidden states of the requested rows, [outputs, hidden].
  typename B::Rows chosen;

  ForwardBuffers(B& backend, const ModelConfig& config, std::size_t capacity)
      : hidden(backend.make_rows(capacity, config.hidden_size)),
        query(backend.make_rows(capacity, config.heads * config.head_dim)),
        attended(backend.make_rows(capacity, config.heads * config.head_dim)),
        activated(backend.make_rows(capacity, config.intermediate_size)),
        chosen(backend.make_rows(capacity, config.hidden_size)) {}
};

[[nodiscard]] inline AttentionShape attention_shape(const ModelConfig& config, std::size_t layer) {
  AttentionShape shape;
  shape.heads = config.heads;
  shape.kv_heads = config.kv_heads;
  shape.head_dim = config.head_dim;
  shape.pairing = config.rope_pairing;
  shape.scale = 1.0F / std::sqrt(config.query_pre_attention_scalar.value_or(
                           static_cast<float>(config.head_dim)));
  shape.window = config.window_of(layer);
  shape.rope_set.reset();
  if (!config.learned_positions)
    shape.rope_set = config.sliding_rope_theta && shape.window != 0 ? 1 : 0;
  return shape;
}

/// The norm phase of `weight`, or nothing if the family has no such norm.
template <class Norm>
[[nodiscard]] std::optional<NormPhase<Norm>> optional_norm(bool exists, const Norm& weight,
                                                           const ModelConfig& config) {
  if (!exists) return std::nullopt;
  return NormPhase<Norm>{weight, config.norm_epsilon, config.norm};
}

/// Embeds `batch`, for which the backend's `begin` has been called, and runs it through all layers.
/// Keys and values go to `pages`; the final hidden states (before the last norm) stay in
/// `buffers.hidden`, from which run_head takes the requested rows.
template <Backend B>
void run_layers(B& backend, const StackedWeights<B>& weights, const ModelConfig& config,
                const Batch& batch, typename B::KvStorage& pages, ForwardBuffers<B>& buffers) {
  using Linear = typename B::Linear;
  using Norm = typename B::Norm;
  const auto norm = [&](const Norm& weight) {
    return NormPhase<Norm>{weight, config.norm_epsilon, config.norm};
  };
  backend.embed(EmbeddingPhase<Linear>{weights.embedding,
                                       config.learned_positions ? &weights.positions : nullptr,
                                       config.embedding_scale},
                batch, buffers.hidden);
  for (std::size_t l = 0; l < weights.layers.size(); ++l) {
    const auto& layer = weights.layers[l];
    const AttentionShape shape = attention_shape(config, l);
    backend.attention_input(
        AttentionPhase<Linear, Norm>{norm(layer.attention_norm), layer.query, layer.key,
                                     layer.value,
                                     optional_norm(config.head_norms, layer.query_norm, config),
                                     optional_norm(config.head_norms, layer.key_norm, config)},
        shape, l, batch, buffers.hidden, pages, buffers.query);
    backend.attend(shape, l, batch, pages, buffers.query, buffers.attended);
    backend.add_linear(
        ResidualPhase<Linear, Norm>{
            layer.output, optional_norm(config.post_norms, layer.attention_post_norm, config)},
        batch, buffers.attended, buffers.hidden);
    backend.mlp_input(
        MlpPhase<Linear, Norm>{norm(layer.mlp_norm), config.gated_mlp ? &layer.gate : nullptr,
                               layer.up, config.activation},
        batch, buffers.hidden, buffers.activated);
    backend.add_linear(
        ResidualPhase<Linear, Norm>{layer.down,
                                    optional_norm(config.post_norms, layer.mlp_post_norm, config)},
        batch, buffers.activated, buffers.hidden);
  }
}

/// Final norm and head for the rows `outputs` of the batch that `run_layers` computed last: row
/// `first + i` of `out` gets the logits (or the values of a reward model) of batch row
/// `outputs[i]`.
template <Backend B>
void run_head(B& backend, const StackedWeights<B>& weights, const ModelConfig& config,
              const Batch& batch, std::span<const std::uint32_t> outputs,
              ForwardBuffers<B>& buffers, typename B::Rows& out, std::size_t first) {
  const std::vector<RowGroup> groups = groups_of(batch, outputs);
  backend.final_norm(
      NormPhase<typename B::Norm>{weights.final_norm, config.norm_epsilon, config.norm}, groups,
      outputs, buffers.hidden, buffers.chosen);
  backend.head(weights.head, groups, buffers.chosen, out, first);
}

}  // namespace tutti
