// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokenizer in a model's files, and the codec with which an ensemble reads and writes text.

#include <filesystem>
#include <memory>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/chat/chat_template.hpp"
#include "tutti/text/text_codec.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

namespace tutti {

/// The tokenizer in a `.gguf` file, or tokenizer.json of a model's directory.
/// @throws FormatError when it is missing, malformed or of a kind that is not supported.
[[nodiscard]] Tokenizer load_tokenizer(const std::filesystem::path& path);

/// The chat template of a tokenizer, with the texts of its BOS, EOS and other named tokens.
/// @throws FormatError when it has none, or one that is not supported.
[[nodiscard]] ChatTemplate chat_template_of(const Tokenizer& tokenizer);

/// A codec over a shared tokenizer. Special tokens have no text, nor have those that a model has
/// beyond the tokenizer's. Text ends at `end_tokens` (those of the model's configuration: give
/// ModelConfig::eos_tokens) and at Tokenizer::end_tokens. A text that begins with BOS itself, as a
/// rendered chat may, gets no second one. With a chat template, the codec encodes chats too.
/// @param tokenizer null for a model whose files have none: prompts must then be tokens, and the
/// codec knows `end_tokens` only.
[[nodiscard]] TextCodec codec_of(const std::shared_ptr<const Tokenizer>& tokenizer,
                                 std::vector<Token> end_tokens = {});

/// The same for a tokenizer that is not shared.
[[nodiscard]] TextCodec codec_of(const Tokenizer& tokenizer, std::vector<Token> end_tokens = {});

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/tokenizer/load_tokenizer-inl.hpp"
#endif
