// SPDX-License-Identifier: Apache-2.0
#pragma once
// Builds an expert's weights from files. Matrices stay where the file has them, mapped into memory; vectors become float.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/core/error.hpp"
#include "tutti/core/linear_weights.hpp"
#include "tutti/core/tensor.hpp"
#include "tutti/formats/dequantize.hpp"
#include "tutti/formats/gguf.hpp"
#include "tutti/formats/gguf_config.hpp"
#include "tutti/formats/hf_config.hpp"
#include "tutti/formats/model_config.hpp"
#include "tutti/formats/safetensors.hpp"
#include "tutti/transformer/convert.hpp"
#include "tutti/transformer/tensor_names.hpp"
#include "tutti/transformer/weights.hpp"

namespace tutti {

struct LoadOptions {
  /// Element type to convert all matrices to (f32, f16, bf16, or q8_0); by default they are used in place as they are.
  std::optional<DType> storage;
};

namespace detail {

/// Takes the tensors of one file into ModelWeights, one by one, and knows which have been used.
class WeightReader {
 public:
  WeightReader(std::string source, std::span<const TensorView> tensors, const LoadOptions& options)
      : source_(std::move(source)), tensors_(tensors), used_(tensors.size()), options_(options) {}

  [[nodiscard]] bool has(std::string_view name) const { return index_of(name) < tensors_.size(); }

  /// A matrix of exactly this shape.
  [[nodiscard]] WeightMatrix matrix(const std::string& name, std::size_t rows, std::size_t cols) {
    const TensorView& tensor = take(name, {rows, cols});
    const WeightMatrix in_place{tensor.type, tensor.data, rows, cols, row_bytes(tensor.type, cols)};
    if (!options_.storage || *options_.storage == tensor.type) return in_place;
    return convert(in_place, *options_.storage, owners_, name);
  }

  [[nodiscard]] std::vector<float> vector(const std::string& name, std::size_t size) {
    const TensorView& tensor = take(name, {size});
    std::vector<float> values(size);
    dequantize_row(tensor.type, tensor.data, size, values.data());
    return values;
  }

  /// A linear layer `stem.weight`, with `stem.bias` where `has_bias` says that the architecture has one.
  [[nodiscard]] LinearWeights linear(const std::string& stem, std::size_t rows, std::size_t cols, bool has_bias) {
    LinearWeights result;
    result.weight = matrix(stem + ".weight", rows, cols);
    if (has_bias) result.bias = vector(stem + ".bias", rows);
    return result;
  }

  /// Any number of rows: reward heads have as many as there are labels.
  [[nodiscard]] LinearWeights value_head(const std::string& name, std::size_t cols) {
    const std::vector<std::size_t>& shape = tensors_[index_of(name)].shape;
    LinearWeights result;
    result.weight = matrix(name, shape.empty() ? 0 : shape.front(), cols);
    return result;
  }

  void ignore(std::string_view name) {
    if (has(name)) used_[index_of(name)] = true;
  }

  /// @throws ModelError naming a tensor that nothing has asked for: a model with unknown parts would give wrong answers.
  void finish() const {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      require<ModelError>(used_[i] || tensors_[i].name.ends_with("rotary_emb.inv_freq"), source_, ": tensor ", tensors_[i].name,
                          " is not part of the architecture that the file names; ", tensors_.size(),
                          " tensors in all: convert the model, or use one of a supported family");
    }
  }

  [[nodiscard]] std::vector<std::shared_ptr<const void>> take_owners() { return std::move(owners_); }

 private:
  [[nodiscard]] std::size_t index_of(std::string_view name) const {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (tensors_[i].name == name) return i;
    }
    return tensors_.size();
  }

  const TensorView& take(const std::string& name, const std::vector<std::size_t>& shape) {
    const std::size_t i = index_of(name);
    require<ModelError>(i < tensors_.size(), source_, ": tensor ", name, " of shape ", shape_text(shape), " is missing; the file has ",
                        tensors_.size(), " tensors: the checkpoint is incomplete or of another architecture");
    require<ModelError>(tensors_[i].shape == shape, source_, ": tensor ", name, " has shape ", shape_text(tensors_[i].shape),
                        ", the configuration asks for ", shape_text(shape), ": configuration and weights do not belong together");
    used_[i] = true;
    return tensors_[i];
  }

  std::string source_;
  std::span<const TensorView> tensors_;
  std::vector<bool> used_;
  LoadOptions options_;
  std::vector<std::shared_ptr<const void>> owners_;
};

/// Angles turned per position by each pair of a head, with the scaling of the configuration: [head_dim / 2].
/// Llama 3: Grattafiori et al. 2024, as transformers' modeling_rope_utils computes it.
inline std::vector<float> rope_inverse_frequencies(const ModelConfig& config) {
  std::vector<float> frequencies;
  for (std::size_t j = 0; j < config.head_dim / 2; ++j) {
    const float exponent = static_cast<float>(2 * j) / static_cast<float>(config.head_dim);
    frequencies.push_back(1.0F / std::pow(config.rope_theta, exponent));
  }
  if (!config.rope_scaling) return frequencies;
  const RopeScaling& scaling = *config.rope_scaling;
  for (float& frequency : frequencies) {
    if (scaling.kind == RopeScaling::Kind::linear) {
      frequency /= scaling.factor;
      continue;
    }
    const float wavelength = 2.0F * std::acos(-1.0F) / frequency;
    const float original = static_cast<float>(scaling.original_context_length);
    if (wavelength < original / scaling.high_freq_factor) continue;
    if (wavelength > original / scaling.low_freq_factor) {
      frequency /= scaling.factor;
    } else {
      const float smooth = (original / wavelength - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
      frequency = (1.0F - smooth) * frequency / scaling.factor + smooth * frequency;
    }
  }
  return frequencies;
}

/// Reads all tensors of the Llama family under the names of one format.
inline ModelWeights read_weights(WeightReader& reader, const ModelConfig& config, const TensorNames& names, std::string source) {
  ModelWeights model;
  model.config = config;
  model.source = std::move(source);
  const std::size_t hidden = config.hidden_size;
  const std::size_t query_width = config.heads * config.head_dim;
  const std::size_t kv_width = config.kv_heads * config.head_dim;
  model.embedding.weight = reader.matrix(names.embedding + ".weight", config.vocabulary_size, hidden);
  for (std::size_t l = 0; l < config.layers; ++l) {
    const LayerNames layer = names.layer(l);
    LayerWeights& weights = model.layers.emplace_back();
    weights.attention_norm = reader.vector(layer.attention_norm + ".weight", hidden);
    weights.query = reader.linear(layer.query, query_width, hidden, config.attention_bias);
    weights.key = reader.linear(layer.key, kv_width, hidden, config.attention_bias);
    weights.value = reader.linear(layer.value, kv_width, hidden, config.attention_bias);
    weights.output = reader.linear(layer.output, hidden, query_width, config.attention_bias);
    weights.mlp_norm = reader.vector(layer.mlp_norm + ".weight", hidden);
    weights.gate = reader.linear(layer.gate, config.intermediate_size, hidden, config.mlp_bias);
    weights.up = reader.linear(layer.up, config.intermediate_size, hidden, config.mlp_bias);
    weights.down = reader.linear(layer.down, hidden, config.intermediate_size, config.mlp_bias);
  }
  model.final_norm = reader.vector(names.final_norm + ".weight", hidden);
  if (reader.has(names.value_head + ".weight")) model.value_head = reader.value_head(names.value_head + ".weight", hidden);
  if (reader.has(names.head + ".weight") && !config.tied_embeddings) {
    model.head.emplace().weight = reader.matrix(names.head + ".weight", config.vocabulary_size, hidden);
  } else if (config.tied_embeddings || names.absent_head_is_tied) {
    model.head = model.embedding;
    reader.ignore(names.head + ".weight");
  } else if (!model.value_head) {
    fail<ModelError>(model.source, ": tensor ", names.head, ".weight is missing, and the configuration does not tie it to the ",
                     "embedding (tie_word_embeddings is false)");
  }
  model.rope_inverse_frequencies = rope_inverse_frequencies(config);
  // Attention sees the whole sequence, which is the same as a window of it while the sequence is no longer than the window.
  model.config.context_length = std::min(config.context_length, config.sliding_window.value_or(config.context_length));
  return model;
}

inline ModelWeights load_gguf(const std::filesystem::path& path, const LoadOptions& options) {
  const auto file = std::make_shared<const GgufFile>(path);
  const ModelConfig config = read_gguf_config(*file);
  WeightReader reader(path.string(), file->tensors(), options);
  ModelWeights model = read_weights(reader, config, gguf_tensor_names(), path.string());
  if (reader.has("rope_freqs.weight")) {
    const std::vector<float> factors = reader.vector("rope_freqs.weight", config.head_dim / 2);
    for (std::size_t j = 0; j < factors.size(); ++j) model.rope_inverse_frequencies[j] /= factors[j];
  }
  reader.finish();
  model.owners = reader.take_owners();
  model.owners.push_back(file);
  return model;
}

inline ModelWeights load_hugging_face(const std::filesystem::path& directory, const LoadOptions& options) {
  const ModelConfig config = read_hf_config(directory / "config.json");
  const auto file = std::make_shared<const SafetensorsModel>(directory);
  WeightReader reader(directory.string(), file->tensors(), options);
  ModelWeights model = read_weights(reader, config, hugging_face_tensor_names(), directory.string());
  reader.finish();
  model.owners = reader.take_owners();
  model.owners.push_back(file);
  return model;
}

}  // namespace detail

/// Loads a `.gguf` file, or a directory with config.json and model.safetensors (or its shards).
/// @throws FormatError when a file cannot be read; ModelError when it does not hold a complete model of a known family.
[[nodiscard]] inline ModelWeights load_weights(const std::filesystem::path& path, const LoadOptions& options = {}) {
  require<FormatError>(std::filesystem::exists(path), path.string(), ": no such file or directory: give a .gguf file or a directory ",
                       "with config.json and model.safetensors");
  return std::filesystem::is_directory(path) ? detail::load_hugging_face(path, options) : detail::load_gguf(path, options);
}

}  // namespace tutti
