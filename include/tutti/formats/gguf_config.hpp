// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a model's description out of GGUF metadata, for arch "llama".

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/core/error.hpp"
#include "tutti/core/tensor.hpp"
#include "tutti/core/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/gguf.hpp"
#include "tutti/formats/model_config.hpp"

namespace tutti {

namespace detail {

/// Refuses what arch "llama" also names but what is not a plain Llama.
inline void require_plain_llama(const GgufFile& gguf, const ModelConfig& config) {
  const GgufMetadata& metadata = gguf.metadata();
  const auto experts = metadata.get<std::uint64_t>("llama.expert_count", 0);
  require<FormatError>(experts == 0, gguf.path(), ": \"llama.expert_count\" is ", experts, ", mixtures of experts are not supported");
  const auto value_length = metadata.get<std::size_t>("llama.attention.value_length", config.head_dim);
  require<FormatError>(value_length == config.head_dim, gguf.path(), ": \"llama.attention.value_length\" is ", value_length,
                       ", expected the key length ", config.head_dim);
  const auto rotated = metadata.get<std::size_t>("llama.rope.dimension_count", config.head_dim);
  require<FormatError>(rotated == config.head_dim, gguf.path(), ": \"llama.rope.dimension_count\" is ", rotated,
                       ", expected the head dimension ", config.head_dim, "; partial rotation is not supported");
}

inline void read_gguf_rope(const GgufFile& gguf, ModelConfig& config) {
  const GgufMetadata& metadata = gguf.metadata();
  config.rope_theta = metadata.get<float>("llama.rope.freq_base", 10'000.0F);
  // llama.cpp permutes the rows of q and k of this arch so that a pair's elements lie next to each other.
  config.rope_pairing = RopePairing::interleaved;
  config.rope_factors_tensor = gguf.find("rope_freqs.weight") != nullptr;
  const auto legacy_factor = metadata.find<float>("llama.rope.scale_linear");
  const auto type = metadata.get<std::string_view>("llama.rope.scaling.type", legacy_factor ? "linear" : "none");
  if (type == "none") return;
  require<FormatError>(type == "linear", gguf.path(), ": \"llama.rope.scaling.type\" is ", in_quotes(type),
                       "; supported are \"none\" and \"linear\"");
  RopeScaling scaling;
  scaling.factor = legacy_factor ? *legacy_factor : metadata.get<float>("llama.rope.scaling.factor");
  config.rope_scaling = scaling;
}

inline void read_gguf_tokens(const GgufFile& gguf, ModelConfig& config) {
  const GgufMetadata& metadata = gguf.metadata();
  config.bos_token = metadata.find<Token>("tokenizer.ggml.bos_token_id");
  config.pad_token = metadata.find<Token>("tokenizer.ggml.padding_token_id");
  // End of text, of a turn, of a message: a model made for chat may end with any of them.
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const auto token = metadata.find<Token>(key)) config.eos_tokens.push_back(*token);
  }
  for (const char* key : {"tokenizer.ggml.unknown_token_id", "tokenizer.ggml.seperator_token_id", "tokenizer.ggml.cls_token_id",
                          "tokenizer.ggml.mask_token_id"}) {
    require_token(key, metadata.find<Token>(key), config.vocabulary_size, gguf.path());
  }
  if (metadata.contains("tokenizer.ggml.tokens")) {
    const std::size_t tokens = metadata.get<std::vector<std::string_view>>("tokenizer.ggml.tokens").size();
    require<FormatError>(tokens == config.vocabulary_size, gguf.path(), ": the tokenizer has ", tokens, " tokens, the embedding matrix ",
                         config.vocabulary_size, " rows");
  }
}

}  // namespace detail

/// Reads the description of the model in `gguf`.
/// @throws FormatError when keys are missing or the model is not of arch "llama".
[[nodiscard]] inline ModelConfig read_gguf_config(const GgufFile& gguf) {
  const GgufMetadata& metadata = gguf.metadata();
  const auto architecture = metadata.get<std::string>("general.architecture");
  require<FormatError>(architecture == "llama", gguf.path(), ": \"general.architecture\" is ", in_quotes(architecture),
                       ", only \"llama\" is supported");
  const TensorView* embedding = gguf.find("token_embd.weight");
  require<FormatError>(embedding != nullptr && embedding->shape.size() == 2, gguf.path(), ": tensor \"token_embd.weight\" ",
                       embedding == nullptr ? "is missing" : "is no matrix");

  ModelConfig config;
  config.architecture = architecture;
  config.vocabulary_size = embedding->shape[0];
  const auto stated = metadata.get<std::size_t>("llama.vocab_size", config.vocabulary_size);
  require<FormatError>(stated == config.vocabulary_size, gguf.path(), ": \"llama.vocab_size\" is ", stated, ", the embedding matrix has ",
                       config.vocabulary_size, " rows");
  config.hidden_size = metadata.get<std::size_t>("llama.embedding_length");
  config.intermediate_size = metadata.get<std::size_t>("llama.feed_forward_length");
  config.layers = metadata.get<std::size_t>("llama.block_count");
  config.heads = metadata.get<std::size_t>("llama.attention.head_count");
  config.kv_heads = metadata.get<std::size_t>("llama.attention.head_count_kv", config.heads);
  const auto key_length = metadata.find<std::size_t>("llama.attention.key_length");
  require<FormatError>(key_length || (config.heads > 0 && config.hidden_size % config.heads == 0), gguf.path(), ": hidden size ",
                       config.hidden_size, " is no multiple of ", config.heads, " heads and there is no \"llama.attention.key_length\"");
  config.head_dim = key_length ? *key_length : config.hidden_size / config.heads;
  config.context_length = metadata.get<std::size_t>("llama.context_length");
  config.rms_epsilon = metadata.get<float>("llama.attention.layer_norm_rms_epsilon");
  config.sliding_window = metadata.find<std::size_t>("llama.attention.sliding_window");
  config.tied_embeddings = gguf.find("output.weight") == nullptr;
  config.attention_bias = gguf.find("blk.0.attn_q.bias") != nullptr;
  config.mlp_bias = gguf.find("blk.0.ffn_gate.bias") != nullptr;
  detail::require_plain_llama(gguf, config);
  detail::read_gguf_rope(gguf, config);
  detail::read_gguf_tokens(gguf, config);
  validate(config, gguf.path());
  return config;
}

}  // namespace tutti
