// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rotary frequencies of a model, from its configuration.

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "tutti/architecture/model_config.hpp"

namespace tutti::detail {

/// Angle per position by which each pair of a head is rotated: [head_dim / 2].
/// Llama 3: Grattafiori et al. 2024, as transformers' modeling_rope_utils computes it.
[[nodiscard]] inline std::vector<float> rope_frequencies(
    std::size_t head_dim, float theta, const std::optional<RopeScaling>& scaling) {
  std::vector<float> frequencies;
  for (std::size_t j = 0; j < head_dim / 2; ++j) {
    const float exponent = static_cast<float>(2 * j) / static_cast<float>(head_dim);
    frequencies.push_back(1.0F / std::pow(theta, exponent));
  }
  if (!scaling) return frequencies;
  for (float& frequency : frequencies) {
    if (scaling->kind == RopeScaling::Kind::linear) {
      frequency /= scaling->factor;
      continue;
    }
    const float wavelength = 2.0F * std::acos(-1.0F) / frequency;
    const float original = static_cast<float>(scaling->original_context_length);
    if (wavelength < original / scaling->high_freq_factor) continue;
    if (wavelength > original / scaling->low_freq_factor) {
      frequency /= scaling->factor;
    } else {
      const float smooth = (original / wavelength - scaling->low_freq_factor) /
                           (scaling->high_freq_factor - scaling->low_freq_factor);
      frequency = (1.0F - smooth) * frequency / scaling->factor + smooth * frequency;
    }
  }
  return frequencies;
}

/// The sets of ModelWeights::rope_inverse_frequencies.
[[nodiscard]] inline std::vector<std::vector<float>> rope_inverse_frequencies(
    const ModelConfig& config) {
  std::vector<std::vector<float>> sets;
  if (config.learned_positions) return sets;
  sets.push_back(rope_frequencies(config.head_dim, config.rope_theta, config.rope_scaling));
  if (config.sliding_rope_theta)
    sets.push_back(rope_frequencies(config.head_dim, *config.sliding_rope_theta, std::nullopt));
  return sets;
}

}  // namespace tutti::detail
