// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one forward pass of the library, written once over a Backend: N experts of one architecture, any ragged batch of
// rows. Decoding, prefill and teacher-forced scoring are the same code with different rows.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tutti/backend/concept.hpp"
#include "tutti/transformer/weights.hpp"

namespace tutti {

/// The weights of N experts side by side, layer by layer, in a backend's memory.
template <Backend B>
struct StackedWeights {
  struct Layer {
    typename B::Norm attention_norm;
    typename B::Linear query, key, value, output;
    typename B::Norm mlp_norm;
    typename B::Linear gate, up, down;
  };

  typename B::Linear embedding;
  std::vector<Layer> layers;
  typename B::Norm final_norm;
  typename B::Linear head;

  /// @param experts have equal configurations; each has `head_of(expert)`.
  template <class HeadOf>
  StackedWeights(B& backend, std::span<const ModelWeights* const> experts, HeadOf head_of)
      : embedding(stack(backend, experts, [](const ModelWeights& m) { return &m.embedding; })),
        final_norm(stack_norm(backend, experts, [](const ModelWeights& m) { return &m.final_norm; })),
        head(stack(backend, experts, head_of)) {
    layers.reserve(experts.front()->layers.size());
    for (std::size_t l = 0; l < experts.front()->layers.size(); ++l) {
      const auto linear = [&](LinearWeights LayerWeights::*part) {
        return stack(backend, experts, [&](const ModelWeights& m) { return &(m.layers[l].*part); });
      };
      const auto norm = [&](std::vector<float> LayerWeights::*part) {
        return stack_norm(backend, experts, [&](const ModelWeights& m) { return &(m.layers[l].*part); });
      };
      layers.push_back(Layer{norm(&LayerWeights::attention_norm), linear(&LayerWeights::query), linear(&LayerWeights::key),
                             linear(&LayerWeights::value), linear(&LayerWeights::output), norm(&LayerWeights::mlp_norm),
                             linear(&LayerWeights::gate), linear(&LayerWeights::up), linear(&LayerWeights::down)});
    }
  }

 private:
  template <class Part>
  static typename B::Linear stack(B& backend, std::span<const ModelWeights* const> experts, Part part) {
    std::vector<const LinearWeights*> parts;
    for (const ModelWeights* expert : experts) parts.push_back(part(*expert));
    return backend.make_linear(parts);
  }

  template <class Part>
  static typename B::Norm stack_norm(B& backend, std::span<const ModelWeights* const> experts, Part part) {
    std::vector<std::span<const float>> parts;
    for (const ModelWeights* expert : experts) parts.emplace_back(*part(*expert));
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
  typename B::Rows chosen;     ///< Final hidden states of the rows that have outputs, [outputs, hidden].

  ForwardBuffers(B& backend, const ModelConfig& config, std::size_t capacity)
      : hidden(backend.make_rows(capacity, config.hidden_size)),
        query(backend.make_rows(capacity, config.heads * config.head_dim)),
        attended(backend.make_rows(capacity, config.heads * config.head_dim)),
        activated(backend.make_rows(capacity, config.intermediate_size)),
        chosen(backend.make_rows(capacity, config.hidden_size)) {}
};

[[nodiscard]] inline AttentionShape attention_shape(const ModelConfig& config) {
  return {config.heads, config.kv_heads, config.head_dim, config.rope_pairing, 1.0F / std::sqrt(static_cast<float>(config.head_dim))};
}

/// Runs `batch` through all layers. Keys and values go to `pages`, the final hidden states (before the last norm) stay in
/// `buffers.hidden`, from where the head takes the rows that are asked for.
template <Backend B>
void run_layers(B& backend, const StackedWeights<B>& weights, const ModelConfig& config, std::span<const float> rope_frequencies,
                const Batch& batch, typename B::KvPages& pages, ForwardBuffers<B>& buffers) {
  using Norm = NormPhase<typename B::Norm>;
  const AttentionShape shape = attention_shape(config);
  backend.begin(batch, rope_frequencies);
  backend.embed(weights.embedding, batch, buffers.hidden);
  for (std::size_t l = 0; l < weights.layers.size(); ++l) {
    const auto& layer = weights.layers[l];
    backend.attention_input(Norm{layer.attention_norm, config.rms_epsilon}, layer.query, layer.key, layer.value, shape, l, batch,
                            buffers.hidden, pages, buffers.query);
    backend.attend(shape, l, batch, pages, buffers.query, buffers.attended);
    backend.add_linear(layer.output, batch, buffers.attended, buffers.hidden);
    backend.mlp_input(Norm{layer.mlp_norm, config.rms_epsilon}, layer.gate, layer.up, batch, buffers.hidden, buffers.activated);
    backend.add_linear(layer.down, batch, buffers.activated, buffers.hidden);
  }
}

/// Final norm and head of the rows `outputs` of the batch that `run_layers` has just seen: row `first + i` of `out` gets the
/// logits (or the values of a reward model) of batch row `outputs[i]`.
template <Backend B>
void run_head(B& backend, const StackedWeights<B>& weights, const ModelConfig& config, const Batch& batch,
              std::span<const std::uint32_t> outputs, ForwardBuffers<B>& buffers, typename B::Rows& out, std::size_t first) {
  const std::vector<RowGroup> groups = groups_of(batch, outputs);
  backend.final_norm(NormPhase<typename B::Norm>{weights.final_norm, config.rms_epsilon}, groups, outputs, buffers.hidden, buffers.chosen);
  backend.head(weights.head, groups, buffers.chosen, out, first);
}

}  // namespace tutti
