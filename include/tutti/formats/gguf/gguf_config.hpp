// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a model's configuration from GGUF metadata, for the families of architecture.hpp.

#include "tutti/architecture/model_config.hpp"

namespace tutti {

class GgufFile;

/// Reads the configuration of the model in `gguf`. Special tokens outside the vocabulary count as
/// absent.
/// @throws FormatError when keys are missing, the model is not of a supported family, or a key
/// describes what is not supported.
[[nodiscard]] ModelConfig read_gguf_config(const GgufFile& gguf);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/formats/gguf/gguf_config-inl.hpp"
#endif
