// SPDX-License-Identifier: Apache-2.0
#pragma once
// Weights for measurements, generated quickly: all bf16 matrices of all experts are views of one
// buffer of random numbers at different offsets, and each is uploaded to device memory of its own.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/threads/thread_pool.hpp"
#include "tutti/transformer/weights/load.hpp"

namespace tutti::bench {

/// The sizes of a model, without anything that a measurement does not need.
struct Shape {
  std::string name;
  std::size_t hidden = 0, intermediate = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0,
              vocabulary = 0;
};

inline const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {"tiny", 64, 96, 2, 4, 2, 16, 320},  // to try the programs without a GPU
      {"135M", 576, 1536, 30, 9, 3, 64, 49152},
      {"1B", 2048, 8192, 16, 32, 8, 64, 128256},
      {"8B", 4096, 14336, 32, 32, 8, 128, 128256},
  };
  return all;
}

inline ModelConfig config_of(const Shape& shape, std::size_t context) {
  ModelConfig config;
  config.architecture = "llama";
  config.vocabulary_size = shape.vocabulary;
  config.hidden_size = shape.hidden;
  config.intermediate_size = shape.intermediate;
  config.layers = shape.layers;
  config.heads = shape.heads;
  config.kv_heads = shape.kv_heads;
  config.head_dim = shape.head_dim;
  config.context_length = context;
  config.norm_epsilon = 1e-5F;
  config.rope_theta = 100000.0F;
  config.tied_embeddings = true;
  return config;
}

/// Random matrices, all of them different.
class RandomMatrices {
 public:
  /// @param max_elements of the largest bf16 matrix.
  explicit RandomMatrices(std::size_t max_elements)
      : size_(max_elements + kStarts * kStep),
        values_(std::make_unique_for_overwrite<std::uint16_t[]>(size_)) {
    constexpr std::size_t kBlock = std::size_t{1} << 16;
    ThreadPool().for_each((size_ + kBlock - 1) / kBlock, [&](std::size_t block) {
      std::uint64_t state = (block + 1) * 0x9E3779B97F4A7C15U;
      for (std::size_t i = block * kBlock; i < std::min(size_, (block + 1) * kBlock); ++i) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;  // xorshift64
        // Sign and mantissa are random, the exponent is that of 2^-7 or 2^-6.
        values_[i] = static_cast<std::uint16_t>((state & 0x80FFU) | 0x3C00U);
      }
    });
  }

  /// A bf16 matrix [rows, cols].
  [[nodiscard]] LinearWeights bf16(std::size_t rows, std::size_t cols) {
    const std::uint16_t* begin = values_.get() + ++made_ % kStarts * kStep;
    LinearWeights linear;
    linear.weight = {DType::bf16, reinterpret_cast<const std::byte*>(begin), rows, cols, 2 * cols};
    return linear;
  }

  /// A matrix of any type: 64 random rows, repeated, beginning with a different one in each matrix.
  [[nodiscard]] LinearWeights of_type(DType type, std::size_t rows, std::size_t cols) {
    if (type == DType::bf16) return bf16(rows, cols);
    constexpr std::size_t kRows = 64;
    const std::size_t bytes = row_bytes(type, cols);
    const test::RandomWeights pattern(type, kRows, cols, ++made_);
    const std::shared_ptr<std::byte[]> memory(new std::byte[rows * bytes]);
    for (std::size_t r = 0; r < rows; ++r)
      std::memcpy(memory.get() + r * bytes, pattern.view().row((r + made_) % kRows), bytes);
    owners_.push_back(memory);
    LinearWeights linear;
    linear.weight = {type, memory.get(), rows, cols, bytes};
    return linear;
  }

  /// A bf16 adapter of a layer.
  [[nodiscard]] LowRankDelta adapter(std::size_t rank, const WeightMatrix& of) {
    return {bf16(rank, of.cols).weight, bf16(rank, of.rows).weight};
  }

 private:
  static constexpr std::size_t kStarts = 8192, kStep = 64;

  std::size_t size_;
  std::unique_ptr<std::uint16_t[]> values_;
  std::size_t made_ = 0;
  std::vector<std::shared_ptr<const void>> owners_;
};

/// A whole model in bf16. `matrices` must outlive it.
inline ModelWeights random_model(const Shape& shape, std::size_t context,
                                 RandomMatrices& matrices) {
  ModelWeights model;
  model.config = config_of(shape, context);
  model.source = "random " + shape.name;
  const std::size_t queries = shape.heads * shape.head_dim, keys = shape.kv_heads * shape.head_dim;
  model.embedding = matrices.bf16(shape.vocabulary, shape.hidden);
  for (std::size_t l = 0; l < shape.layers; ++l) {
    LayerWeights& layer = model.layers.emplace_back();
    layer.attention_norm.weight.assign(shape.hidden, 1.0F);
    layer.query = matrices.bf16(queries, shape.hidden);
    layer.key = matrices.bf16(keys, shape.hidden);
    layer.value = matrices.bf16(keys, shape.hidden);
    layer.output = matrices.bf16(shape.hidden, queries);
    layer.mlp_norm.weight.assign(shape.hidden, 1.0F);
    layer.gate = matrices.bf16(shape.intermediate, shape.hidden);
    layer.up = matrices.bf16(shape.intermediate, shape.hidden);
    layer.down = matrices.bf16(shape.hidden, shape.intermediate);
  }
  model.final_norm.weight.assign(shape.hidden, 1.0F);
  model.head = model.embedding;
  model.rope_inverse_frequencies = detail::rope_inverse_frequencies(model.config);
  return model;
}

/// The same with a LoRA of rank `rank` on all layers of all blocks.
inline ModelWeights with_random_adapter(ModelWeights model, std::size_t rank,
                                        RandomMatrices& matrices) {
  for (LayerWeights& layer : model.layers) {
    for (const LayerWeights::LinearMember linear : LayerWeights::kLinears)
      (layer.*linear).delta = matrices.adapter(rank, (layer.*linear).weight);
  }
  return model;
}

}  // namespace tutti::bench
