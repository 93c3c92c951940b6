// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of stack_options.hpp.

#include <algorithm>
#include <cstddef>
#include <span>

#include "tutti/backend/backend.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/types.hpp"
#include "tutti/transformer/stack_options.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti::detail {

TUTTI_INLINE KvShape kv_shape(const ModelConfig& config, const StackOptions& options) {
  KvShape shape;
  shape.layers = config.layers;
  shape.kv_heads = config.kv_heads;
  shape.head_dim = config.head_dim;
  shape.type = options.kv_type;
  shape.max_pages = options.max_cache_bytes / shape.page_bytes();
  return shape;
}

TUTTI_INLINE StackOptions checked_options(StackOptions options,
                                          std::span<const ModelWeights> experts) {
  require<OptionError>(options.rows_per_pass >= 1, "rows_per_pass is 0: it must be at least 1");
  const std::size_t page_bytes = kv_shape(experts.front().config, options).page_bytes();
  require<OptionError>(options.max_cache_bytes >= page_bytes, "max_cache_bytes is ",
                       options.max_cache_bytes, ", but one page of ", kPagePositions,
                       " positions takes ", page_bytes,
                       ": allow at least one page for each sequence");
  std::size_t length = experts.front().config.context_length;
  for (const ModelWeights& expert : experts)
    length = std::min(length, expert.config.context_length);
  require<OptionError>(options.context_length <= length, "context_length is ",
                       options.context_length, ", but the models have ", length,
                       " positions: give at most that, or 0 for all");
  if (options.context_length == 0) options.context_length = length;
  return options;
}

TUTTI_INLINE const LinearWeights* output_layer(const ModelWeights& model) {
  if (model.value_head) return &*model.value_head;
  require<ModelError>(model.head.has_value(), model.source,
                      ": has neither a language-model head nor a value head (lm_head.weight, ",
                      "score.weight)");
  return &*model.head;
}

TUTTI_INLINE void check_rows(std::span<const Row> rows, std::size_t experts,
                             std::size_t vocabulary_size, std::size_t context_length) {
  for (const Row& row : rows) {
    require<OptionError>(row.expert < experts, "row of expert ", row.expert, " in a stack of ",
                         experts, ": experts count from 0");
    require<OptionError>(row.token >= 0 && static_cast<std::size_t>(row.token) < vocabulary_size,
                         "token ", row.token, " is outside the vocabulary of ", vocabulary_size,
                         ": encode the text with this model's tokenizer");
    require<CapacityError>(row.position < context_length, "position ", row.position,
                           " is outside the context of ", context_length,
                           ": shorten the prompt or the answer");
  }
}

}  // namespace tutti::detail
