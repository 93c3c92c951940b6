// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a model's configuration from Hugging Face's config.json and generation_config.json, for the
// families of architecture.hpp. Absent keys take the defaults of transformers' configuration
// classes; keys that describe what the forward pass cannot compute are refused by name and value
// (docs/model_keys.md).

#include <filesystem>

#include "tutti/architecture/model_config.hpp"

namespace tutti {

/// Reads the config.json at `path`, and generation_config.json beside it if there is one. Special
/// tokens outside the vocabulary count as absent.
/// @throws FormatError when a file is malformed or describes a model that is not supported.
[[nodiscard]] ModelConfig read_hf_config(const std::filesystem::path& path);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/formats/huggingface/hf_config-inl.hpp"
#endif
