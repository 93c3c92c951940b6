// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of tokenizer.hpp.

#include <utility>

#include "tutti/base/error.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_parts-inl.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"
#include "tutti/text/tokenizer/tokenizer_gguf.hpp"
#include "tutti/text/tokenizer/tokenizer_json.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

TUTTI_INLINE Tokenizer Tokenizer::from_hf(const std::filesystem::path& tokenizer_json) {
  return Tokenizer(read_tokenizer_json(tokenizer_json));
}

TUTTI_INLINE Tokenizer Tokenizer::from_gguf(const GgufFile& file) {
  return Tokenizer(read_tokenizer_gguf(file));
}

TUTTI_INLINE Tokenizer::Tokenizer(TokenizerDefinition definition)
    : parts_(std::make_shared<const Parts>(std::move(definition))) {}

TUTTI_INLINE std::vector<Token> Tokenizer::encode(std::string_view text,
                                                  EncodeOptions options) const {
  return parts_->encode(text, options);
}

TUTTI_INLINE std::vector<Token> Tokenizer::encode_partly_trusted(
    std::string_view text, std::span<const ByteRange> untrusted, EncodeOptions options) const {
  require<OptionError>(is_valid_utf8(text), "a text with untrusted parts is not UTF-8 at byte ",
                       valid_utf8_length(text));
  return parts_->encode_partly_trusted(text, untrusted, options);
}

TUTTI_INLINE std::string Tokenizer::decode(std::span<const Token> tokens, bool skip_special) const {
  return parts_->decode(tokens, skip_special);
}

TUTTI_INLINE std::string_view Tokenizer::token_bytes(Token token) const {
  return parts_->token_bytes(token);
}

TUTTI_INLINE std::optional<Token> Tokenizer::find(std::string_view bytes) const {
  return parts_->find(bytes);
}

TUTTI_INLINE bool Tokenizer::is_special(Token token) const { return parts_->is_special(token); }

TUTTI_INLINE std::size_t Tokenizer::vocabulary_size() const { return parts_->vocabulary_size(); }

TUTTI_INLINE std::optional<Token> Tokenizer::bos() const { return parts_->bos(); }

TUTTI_INLINE std::optional<Token> Tokenizer::eos() const { return parts_->eos(); }

TUTTI_INLINE const std::vector<Token>& Tokenizer::end_tokens() const {
  return parts_->end_tokens();
}

TUTTI_INLINE const std::vector<NamedToken>& Tokenizer::named_tokens() const {
  return parts_->named_tokens();
}

TUTTI_INLINE const std::string& Tokenizer::chat_template() const { return parts_->chat_template(); }

}  // namespace tutti
