// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sizes of a stack of experts, and the checks that do not depend on its backend.

#include <cstddef>
#include <span>

#include "tutti/backend/backend.hpp"
#include "tutti/base/types.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

/// Sizes of a stack's allocations.
struct StackOptions {
  KvType kv_type = KvType::f16;
  /// Maximum memory for keys and values; pages are allocated when they are needed.
  std::size_t max_cache_bytes = std::size_t{4} << 30;
  std::size_t rows_per_pass = 256;  ///< Longer batches run in several passes of this many rows.
  /// Maximum number of positions of a sequence; 0 takes the model's.
  std::size_t context_length = 0;
};

namespace detail {

/// Shape of the KV cache of a stack, with the number of pages that the options allow.
[[nodiscard]] KvShape kv_shape(const ModelConfig& config, const StackOptions& options);

/// The options with the context length that all experts have, if they give none.
/// @throws OptionError when an option is out of its range.
[[nodiscard]] StackOptions checked_options(StackOptions options,
                                           std::span<const ModelWeights> experts);

/// The output layer of a model: its value head if it has one.
/// @throws ModelError when it has neither head.
[[nodiscard]] const LinearWeights* output_layer(const ModelWeights& model);

/// Checks rows against the number of experts, the vocabulary and the context length.
/// @throws OptionError, CapacityError naming the value and its limit.
void check_rows(std::span<const Row> rows, std::size_t experts, std::size_t vocabulary_size,
                std::size_t context_length);

}  // namespace detail

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/transformer/stack_options-inl.hpp"
#endif
