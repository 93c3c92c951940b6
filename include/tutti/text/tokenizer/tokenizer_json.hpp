// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of Hugging Face's tokenizer.json: BPE on bytes (GPT-2 and most since) or on characters
// with byte fallback (SentencePiece models). Whatever is not supported is refused by key and value:
// a tokenizer that is almost right silently makes a model worse.

#include <filesystem>

#include "tutti/base/macros.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"

namespace tutti {

/// Reads a tokenizer.json, or the one in a directory, and from the files beside it what
/// transformers 5 reads from them: tokenizer_config.json (bos_token, eos_token and other tokens
/// with a role, special tokens, added_tokens_decoder, chat_template), and if it has no
/// added_tokens_decoder, special_tokens_map.json, which takes precedence over it, and
/// added_tokens.json; chat_template.jinja takes precedence over the template in
/// tokenizer_config.json.
/// @throws FormatError when a file is malformed or uses something that is not supported.
[[nodiscard]] TokenizerDefinition read_tokenizer_json(const std::filesystem::path& path);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/tokenizer/tokenizer_json-inl.hpp"
#endif
