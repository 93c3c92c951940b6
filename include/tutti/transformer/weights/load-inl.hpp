// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of load.hpp.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "tutti/architecture/architecture.hpp"
#include "tutti/architecture/checkpoint_layout.hpp"
#include "tutti/architecture/model_config.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/float16.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/formats/gguf/gguf_config.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/formats/huggingface/hf_config.hpp"
#include "tutti/formats/safetensors/safetensors.hpp"
#include "tutti/transformer/weights/detail/weight_reader.hpp"
#include "tutti/transformer/weights/load.hpp"
#include "tutti/transformer/weights/rope_frequencies.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

namespace detail {

/// Rows [first, first + count) of a linear layer.
inline LinearWeights rows_of(const LinearWeights& linear, std::size_t first, std::size_t count) {
  LinearWeights part;
  part.weight = linear.weight;
  part.weight.data = linear.weight.row(first);
  part.weight.rows = count;
  if (!linear.bias.empty()) {
    const auto begin = linear.bias.begin() + static_cast<std::ptrdiff_t>(first);
    part.bias.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  }
  return part;
}

/// Reads block `l` of a model.
inline LayerWeights read_block(WeightReader& reader, const ModelConfig& config,
                               const CheckpointLayout& layout, std::size_t l) {
  const std::size_t hidden = config.hidden_size;
  const std::size_t query_width = config.heads * config.head_dim;
  const std::size_t kv_width = config.kv_heads * config.head_dim;
  const BlockNames& names = layout.block;
  const auto linear = [&](std::string_view part, std::size_t rows, std::size_t cols,
                          bool has_bias) {
    return reader.linear(layout.block_name(l, part), rows, cols, has_bias,
                         layout.linears_transposed);
  };
  const auto norm = [&](std::string_view part, std::size_t size) {
    return reader.norm(layout.block_name(l, part), size, config.norm, layout.norms_lack_one);
  };
  LayerWeights weights;
  weights.attention_norm = norm(names.attention_norm, hidden);
  if (names.query.empty() || reader.has(layout.block_name(l, names.query_key_value) + ".weight")) {
    const LinearWeights fused = linear(names.query_key_value, query_width + 2 * kv_width, hidden,
                                       config.attention_bias);
    weights.query = rows_of(fused, 0, query_width);
    weights.key = rows_of(fused, query_width, kv_width);
    weights.value = rows_of(fused, query_width + kv_width, kv_width);
  } else {
    weights.query = linear(names.query, query_width, hidden, config.attention_bias);
    weights.key = linear(names.key, kv_width, hidden, config.attention_bias);
    weights.value = linear(names.value, kv_width, hidden, config.attention_bias);
  }
  if (config.head_norms) weights.query_norm = norm(names.query_norm, config.head_dim);
  if (config.head_norms) weights.key_norm = norm(names.key_norm, config.head_dim);
  weights.output = linear(names.output, hidden, query_width, config.attention_output_bias);
  if (config.post_norms) weights.attention_post_norm = norm(names.attention_post_norm, hidden);
  weights.mlp_norm = norm(names.mlp_norm, hidden);
  if (config.gated_mlp)
    weights.gate = linear(names.gate, config.intermediate_size, hidden, config.mlp_bias);
  weights.up = linear(names.up, config.intermediate_size, hidden, config.mlp_bias);
  weights.down = linear(names.down, hidden, config.intermediate_size, config.mlp_bias);
  if (config.post_norms) weights.mlp_post_norm = norm(names.mlp_post_norm, hidden);
  return weights;
}

/// If the configuration ties head and embedding but the file stores both, they must be equal
/// (transformers 4 and 5 disagree otherwise).
inline void require_tied(const WeightReader& reader, const std::string& head,
                         const std::string& embedding, const std::string& source) {
  require<ModelError>(reader.same(head, embedding), source, ": tie_word_embeddings is true, but ",
                      reader.description(head), " and ", reader.description(embedding),
                      " differ: remove ", head, " or set tie_word_embeddings to false");
}

/// Reads the heads: a language model's, a reward model's, or both.
inline void read_heads(WeightReader& reader, const CheckpointLayout& layout, ModelWeights& model) {
  const ModelConfig& config = model.config;
  const std::string head = std::string(layout.head) + ".weight";
  const std::string value_head = std::string(layout.value_head) + ".weight";
  if (reader.has(value_head)) model.value_head = reader.value_head(value_head, config.hidden_size);
  if (reader.has(head) && !config.tied_embeddings) {
    model.head.emplace().weight = reader.matrix(head, config.vocabulary_size, config.hidden_size);
  } else if (config.tied_embeddings || layout.absent_head_is_tied) {
    if (reader.has(head))
      require_tied(reader, head, layout.base_name(layout.embedding) + ".weight", model.source);
    model.head = model.embedding;
    reader.ignore(head);
  } else if (!model.value_head) {
    fail<ModelError>(model.source, ": tensor ", head,
                     " is missing, and the configuration does not tie it to the embedding ",
                     "(tie_word_embeddings is false)");
  }
}

/// The names as this checkpoint has them: one of the base model alone lacks the prefix.
inline CheckpointLayout layout_as_saved(const WeightReader& reader, CheckpointLayout layout) {
  if (!reader.has(layout.base_name(layout.embedding) + ".weight") &&
      reader.has(std::string(layout.embedding) + ".weight")) {
    layout.base_prefix = {};
  }
  return layout;
}

/// Reads all tensors of a model by the names of one format.
inline ModelWeights read_weights(WeightReader& reader, const ModelConfig& config,
                                 const CheckpointLayout& layout, std::string source) {
  ModelWeights model;
  model.config = config;
  model.source = std::move(source);
  model.embedding.weight = reader.matrix(layout.base_name(layout.embedding) + ".weight",
                                         config.vocabulary_size, config.hidden_size);
  if (config.learned_positions) {
    model.positions.weight = reader.matrix(layout.base_name(layout.positions) + ".weight",
                                           config.context_length, config.hidden_size);
  }
  for (std::size_t l = 0; l < config.layers; ++l)
    model.layers.push_back(read_block(reader, config, layout, l));
  model.final_norm = reader.norm(layout.base_name(layout.final_norm), config.hidden_size,
                                 config.norm, layout.norms_lack_one);
  read_heads(reader, layout, model);
  model.rope_inverse_frequencies = rope_inverse_frequencies(config);
  return model;
}

inline ModelWeights load_gguf(const std::filesystem::path& path, const LoadOptions& options) {
  const auto file = std::make_shared<const GgufFile>(path);
  const ModelConfig config = read_gguf_config(*file);
  const CheckpointLayout& layout =
      find_architecture(&Architecture::name, config.architecture)->gguf;
  WeightReader reader(path.string(), file->tensors(), options);
  ModelWeights model = read_weights(reader, config, layout, path.string());
  if (config.rope_factors_tensor) {
    const std::vector<float> factors = reader.vector("rope_freqs.weight", config.head_dim / 2);
    for (std::size_t j = 0; j < factors.size(); ++j)
      model.rope_inverse_frequencies.front()[j] /= factors[j];
  }
  reader.finish(layout);
  model.owners = reader.take_owners();
  model.owners.push_back(file);
  return model;
}

inline ModelWeights load_hugging_face(const std::filesystem::path& directory,
                                      const LoadOptions& options) {
  const ModelConfig config = read_hf_config(directory / "config.json");
  const auto file = std::make_shared<const SafetensorsModel>(directory);
  WeightReader reader(directory.string(), file->tensors(), options);
  for (const SafetensorsFile& shard : file->files()) {
    for (const OtherTensor& tensor : shard.other_tensors())
      reader.add_unsupported(tensor.name, tensor.dtype);
  }
  const CheckpointLayout layout = layout_as_saved(
      reader, find_architecture(&Architecture::name, config.architecture)->hugging_face);
  ModelWeights model = read_weights(reader, config, layout, directory.string());
  model.config.embedding_scale = embedding_scale_as_stored(
      config.embedding_scale, reader.type_of(layout.base_name(layout.embedding) + ".weight"));
  reader.finish(layout);
  model.owners = reader.take_owners();
  model.owners.push_back(file);
  return model;
}

}  // namespace detail

TUTTI_INLINE float embedding_scale_as_stored(float scale, DType type) {
  if (type == DType::bf16) return to_float(to_bfloat16(scale));
  if (type == DType::f16) return to_float(to_float16(scale));
  return scale;
}

TUTTI_INLINE ModelWeights load_weights(const std::filesystem::path& path,
                                       const LoadOptions& options) {
  std::error_code error;
  const bool exists = std::filesystem::exists(path, error);
  require<FormatError>(exists, path.string(), ": ",
                       error ? error.message() : "no such file or directory",
                       ": give a .gguf file or a directory with config.json and model.safetensors");
  if (!std::filesystem::is_directory(path, error)) return detail::load_gguf(path, options);
  const auto has = [&](const char* name) { return std::filesystem::exists(path / name, error); };
  require<FormatError>(has("config.json") || !has("adapter_config.json"), path.string(),
                       ": has an adapter and no model: load its base and add the adapter to it");
  require<FormatError>(
      has("config.json"), path.string(),
      ": has no config.json: give a .gguf file or a directory with config.json and ",
      "model.safetensors");
  return detail::load_hugging_face(path, options);
}

}  // namespace tutti
