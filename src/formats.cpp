// SPDX-License-Identifier: Apache-2.0
// The bodies of architecture/ and formats/ for tutti::compiled.
#include "tutti/architecture/model_config-inl.hpp"
#include "tutti/formats/gguf/gguf_config-inl.hpp"
#include "tutti/formats/huggingface/hf_config-inl.hpp"
#include "tutti/formats/json-inl.hpp"
