// SPDX-License-Identifier: Apache-2.0
#pragma once
// Adds a PEFT LoRA adapter to the weights of its base. The base stays shared: an expert costs a few
// more views.

#include <cstddef>
#include <filesystem>

#include "tutti/transformer/weights/load_options.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

/// A copy of `base` with the adapter of `directory`, on layers that have no adapter yet. A value
/// head in it (modules_to_save: score) makes the copy a reward model; an output or embedding matrix
/// that PEFT saved with it replaces the base's where the two differ.
/// @param options the storage of the adapter's matrices, if that is a type of floats.
/// @throws FormatError when the adapter cannot be read; ModelError when it names a module or shape
/// that the base does not have, or the base has an adapter.
[[nodiscard]] ModelWeights apply_adapter(const ModelWeights& base,
                                         const std::filesystem::path& directory,
                                         const LoadOptions& options = {});

namespace detail {

/// The row of a query or key matrix in Hugging Face's order that is row `row` where rotary pairs
/// are neighbors (GGUF, arch llama).
[[nodiscard]] constexpr std::size_t interleaved_row(std::size_t row, std::size_t head_dim) {
  const std::size_t head = row / head_dim;
  const std::size_t within = row % head_dim;
  return head * head_dim + (within % 2) * (head_dim / 2) + within / 2;
}

}  // namespace detail

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/transformer/weights/adapter-inl.hpp"
#endif
