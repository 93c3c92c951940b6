// SPDX-License-Identifier: Apache-2.0
#pragma once
// Loads an expert's weights from files. Matrices stay where the file has them, mapped into memory;
// vectors become float.

#include <filesystem>

#include "tutti/base/tensor.hpp"
#include "tutti/transformer/weights/load_options.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

/// Loads a `.gguf` file, or a directory with config.json and model.safetensors (or its shards).
/// @throws FormatError when a file cannot be read; ModelError when it does not hold a complete
/// model of a supported family.
[[nodiscard]] ModelWeights load_weights(const std::filesystem::path& path,
                                        const LoadOptions& options = {});

/// The factor by which a Hugging Face model multiplies its embeddings of element type `type`:
/// transformers rounds it to that type, as in training; llama.cpp does not.
[[nodiscard]] float embedding_scale_as_stored(float scale, DType type);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/transformer/weights/load-inl.hpp"
#endif
