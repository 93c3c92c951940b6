// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of weights.hpp.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

namespace detail {

TUTTI_INLINE void require_logits(const ModelWeights& model) {
  require<ModelError>(!model.value_head, model.source,
                      ": has a value head (score.weight), so its outputs are values, not logits: "
                      "use it in a ValueModel");
}

}  // namespace detail

TUTTI_INLINE std::string first_difference(const ModelConfig& a, const ModelConfig& b) {
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

TUTTI_INLINE std::string first_tensor_difference(const ModelWeights& a, const ModelWeights& b) {
  const auto text = [](const std::optional<LinearWeights>& linear) {
    return linear ? shape_text({linear->weight.rows, linear->weight.cols}) : std::string("absent");
  };
  std::string difference;
  const auto compare = [&](const char* name, const std::optional<LinearWeights>& left,
                           const std::optional<LinearWeights>& right) {
    if (difference.empty() && text(left) != text(right))
      difference = std::string(name) + " is " + text(right) + " instead of " + text(left);
  };
  compare("the language model's head", a.head, b.head);
  compare("the value head (score.weight)", a.value_head, b.value_head);
  for (std::size_t set = 0;
       set < std::min(a.rope_inverse_frequencies.size(), b.rope_inverse_frequencies.size());
       ++set) {
    const std::vector<float>& left = a.rope_inverse_frequencies[set];
    const std::vector<float>& right = b.rope_inverse_frequencies[set];
    for (std::size_t i = 0; i < std::min(left.size(), right.size()) && difference.empty(); ++i) {
      if (left[i] == right[i]) continue;
      std::ostringstream frequencies;
      frequencies << "rotary frequency " << i << " is " << right[i] << " instead of " << left[i];
      difference = frequencies.str();
    }
  }
  return difference;
}

TUTTI_INLINE bool equal_vectors(const ModelWeights& a, const ModelWeights& b) {
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
