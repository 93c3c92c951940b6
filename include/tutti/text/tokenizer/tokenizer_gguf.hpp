// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of the tokenizer in a GGUF file: byte-level BPE (`tokenizer.ggml.model` = gpt2) with one
// of the built-in pre-tokenizers, or SentencePiece's BPE (llama). GGUF does not describe
// normalizers; a SentencePiece model gets its spaces marked and nothing else.

#include "tutti/base/macros.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"

namespace tutti {

class GgufFile;

/// @throws FormatError when the file has no tokenizer, or one that is malformed or not supported.
[[nodiscard]] TokenizerDefinition read_tokenizer_gguf(const GgufFile& file);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/tokenizer/tokenizer_gguf-inl.hpp"
#endif
