// SPDX-License-Identifier: Apache-2.0
#pragma once
// Models of a given shape with random weights, for measurements that need more experts than are
// available as files.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tutti/base/numeric/philox.hpp"
#include "tutti/formats/quantized/convert.hpp"
#include "tutti/transformer/weights/rope_frequencies.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti::bench {

/// The shape of SmolLM2-135M.
inline ModelConfig smollm2_shape() {
  ModelConfig config;
  config.architecture = "llama";
  config.vocabulary_size = 49152;
  config.hidden_size = 576;
  config.intermediate_size = 1536;
  config.layers = 30;
  config.heads = 9;
  config.kv_heads = 3;
  config.head_dim = 64;
  config.context_length = 8192;
  config.norm_epsilon = 1e-5F;
  config.rope_theta = 100000.0F;
  config.tied_embeddings = true;
  return config;
}

/// Random weights in `type`, different for each seed.
inline ModelWeights synthetic_model(const ModelConfig& config, DType type, std::uint32_t seed) {
  ModelWeights model;
  model.config = config;
  model.source = "synthetic " + std::to_string(seed);
  std::uint32_t matrix_number = 0;
  const auto matrix = [&](std::size_t rows, std::size_t cols) {
    // 64 different rows, repeated, beginning with a different one in every matrix: fast to
    // generate, and no two matrices are equal.
    constexpr std::size_t kRows = 64;
    std::vector<float> values(kRows * cols);
    const float scale = 1.7F / std::sqrt(static_cast<float>(cols));
    DrawKey key{seed, ++matrix_number, 0, 0, 0};
    for (std::size_t i = 0; i < values.size(); i += 4) {
      const PhiloxCounter bits = draw_block(key, static_cast<std::uint32_t>(i / 4));
      for (std::size_t j = 0; j < 4; ++j)
        values[i + j] = scale * (2.0F * to_open_unit(bits[j]) - 1.0F);
    }
    const std::size_t bytes = row_bytes(type, cols);
    std::vector<std::byte> pattern(kRows * bytes);
    for (std::size_t r = 0; r < kRows; ++r)
      detail::encode_row(type, values.data() + r * cols, cols, pattern.data() + r * bytes);
    const std::shared_ptr<std::byte[]> memory(new std::byte[rows * bytes]);
    for (std::size_t r = 0; r < rows; ++r)
      std::memcpy(memory.get() + r * bytes, pattern.data() + r % kRows * bytes, bytes);
    model.owners.push_back(memory);
    LinearWeights linear;
    linear.weight = {type, memory.get(), rows, cols, bytes};
    return linear;
  };
  const std::size_t hidden = config.hidden_size;
  model.embedding = matrix(config.vocabulary_size, hidden);
  for (std::size_t l = 0; l < config.layers; ++l) {
    LayerWeights& layer = model.layers.emplace_back();
    layer.attention_norm.weight.assign(hidden, 1.0F);
    layer.query = matrix(config.heads * config.head_dim, hidden);
    layer.key = matrix(config.kv_heads * config.head_dim, hidden);
    layer.value = matrix(config.kv_heads * config.head_dim, hidden);
    layer.output = matrix(hidden, config.heads * config.head_dim);
    layer.mlp_norm.weight.assign(hidden, 1.0F);
    layer.gate = matrix(config.intermediate_size, hidden);
    layer.up = matrix(config.intermediate_size, hidden);
    layer.down = matrix(hidden, config.intermediate_size);
  }
  model.final_norm.weight.assign(hidden, 1.0F);
  model.head = model.embedding;
  model.rope_inverse_frequencies = detail::rope_inverse_frequencies(config);
  return model;
}

/// A LoRA of rank `rank` on all seven layers of every block, random; `type` is one of floats.
inline ModelWeights with_synthetic_adapter(ModelWeights model, std::size_t rank, std::uint32_t seed,
                                           DType type = DType::f32) {
  const auto matrix = [&](std::size_t rows, std::size_t cols) {
    const std::shared_ptr<float[]> memory(new float[rows * cols]);
    float* const values = memory.get();
    for (std::size_t i = 0; i < rows * cols; ++i) {
      values[i] = 0.01F *
                  (to_open_unit(draw_block({seed, 1, 0, 0, 0}, static_cast<std::uint32_t>(i))[0]) -
                   0.5F);
    }
    model.owners.push_back(memory);
    const WeightMatrix floats{DType::f32, reinterpret_cast<const std::byte*>(memory.get()), rows,
                              cols, cols * sizeof(float)};
    return type == DType::f32 ? floats : convert(floats, type, model.owners, "adapter");
  };
  for (LayerWeights& layer : model.layers) {
    for (LinearWeights* linear : {&layer.query, &layer.key, &layer.value, &layer.output,
                                  &layer.gate, &layer.up, &layer.down}) {
      linear->delta = LowRankDelta{matrix(rank, linear->weight.cols),
                                   matrix(rank, linear->weight.rows)};
    }
  }
  return model;
}

}  // namespace tutti::bench
