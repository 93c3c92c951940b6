// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of tokenizer_gguf.hpp.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/bpe/byte_tokens.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"
#include "tutti/text/tokenizer/tokenizer_gguf.hpp"

namespace tutti {

namespace detail {

/// The values of `tokenizer.ggml.token_type` that matter here; the others are tokens like any
/// other.
inline constexpr std::int32_t kGgufUnknownToken = 2;
inline constexpr std::int32_t kGgufControlToken = 3;
inline constexpr std::int32_t kGgufUserDefinedToken = 4;
inline constexpr std::int32_t kGgufUnusedToken = 5;
inline constexpr std::int32_t kGgufByteToken = 6;

/// What a value of `tokenizer.ggml.pre` stands for.
struct GgufPreTokenizer {
  std::string_view name;
  PreTokenizer kind;
  bool ignore_merges;  ///< The format has no key for it; whoever reads "llama-bpe" has to know.
  bool add_bos;        ///< Unless `tokenizer.ggml.add_bos_token` says otherwise.
};

[[nodiscard]] inline GgufPreTokenizer gguf_pre_tokenizer(std::string_view name,
                                                         const std::string& file) {
  constexpr std::array<GgufPreTokenizer, 7> kKnown{
      {{"gpt-2", PreTokenizer::gpt2, false, false},
       {"llama-bpe", PreTokenizer::llama3, true, true},
       {"llama3", PreTokenizer::llama3, true, true},
       {"llama-v3", PreTokenizer::llama3, true, true},
       {"qwen2", PreTokenizer::qwen2, false, false},
       {"deepseek-r1-qwen", PreTokenizer::qwen2, false, false},
       {"smollm", PreTokenizer::smollm, false, false}}};
  std::string names;
  for (const GgufPreTokenizer& known : kKnown) {
    if (known.name == name) return known;
    (names += names.empty() ? "" : ", ") += known.name;
  }
  fail<FormatError>(file, ": \"tokenizer.ggml.pre\" is ", in_quotes(name),
                    ", which is not supported; supported: ", names);
}

inline void read_gguf_vocabulary(const GgufFile& file, TokenizerDefinition& definition) {
  const auto texts = file.metadata().get<std::vector<std::string_view>>("tokenizer.ggml.tokens");
  const auto types = file.metadata().find<std::vector<std::int32_t>>("tokenizer.ggml.token_type");
  require<FormatError>(!types || types->size() == texts.size(), file.path(), ": ", texts.size(),
                       " tokens, but ", types ? types->size() : 0, " token types");
  definition.tokens.reserve(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::int32_t type = types ? (*types)[i] : 0;
    const bool added = (type == kGgufControlToken || type == kGgufUserDefinedToken) &&
                       !texts[i].empty();
    // Printable ASCII reads the same with and without the byte alphabet, and such a token may be
    // part of merges as well.
    const bool printable = std::all_of(texts[i].begin(), texts[i].end(),
                                       [](char c) { return c > ' ' && c <= '~'; });
    definition.tokens.push_back({std::string(texts[i]), added && !printable});
    if (!added) continue;
    AddedToken token;
    token.id = static_cast<Token>(i);
    token.text = texts[i];
    token.special = type == kGgufControlToken;
    definition.added_tokens.push_back(std::move(token));
  }
}

inline void read_gguf_merges(const GgufFile& file, TokenizerDefinition& definition) {
  const auto merges = file.metadata().get<std::vector<std::string_view>>("tokenizer.ggml.merges");
  definition.merges.reserve(merges.size());
  for (const std::string_view merge : merges) {
    const std::size_t space = merge.find(' ');
    require<FormatError>(
        space != std::string_view::npos && merge.find(' ', space + 1) == std::string_view::npos,
        file.path(), ": merge ", definition.merges.size(), " is ", in_quotes(merge),
        ", expected two tokens with one space between them");
    definition.merges.push_back(
        {std::string(merge.substr(0, space)), std::string(merge.substr(space + 1))});
  }
}

inline void read_gguf_byte_level(const GgufFile& file, TokenizerDefinition& definition) {
  const GgufMetadata& metadata = file.metadata();
  const GgufPreTokenizer pre = gguf_pre_tokenizer(
      metadata.get<std::string_view>("tokenizer.ggml.pre"), file.path());
  read_gguf_vocabulary(file, definition);
  read_gguf_merges(file, definition);
  definition.pre_tokenizer = {pre.kind};
  definition.ignore_merges = pre.ignore_merges;
  // Where the pre-tokenizer is a sequence, tokenizers would put the space before every single
  // piece.
  if (!metadata.get<bool>("tokenizer.ggml.add_space_prefix", false)) return;
  require<FormatError>(pre.kind == PreTokenizer::gpt2, file.path(),
                       ": \"tokenizer.ggml.add_space_prefix\" is true, which is supported for the "
                       "pre-tokenizer gpt-2 only");
  definition.pre_tokenizer.insert(definition.pre_tokenizer.begin(), PrefixSpaceStep{});
}

/// One token of a SentencePiece model, by its type.
inline void add_sentencepiece_token(std::string_view text, std::int32_t type,
                                    const std::string& file, TokenizerDefinition& definition) {
  const std::size_t id = definition.tokens.size();
  const bool special = type == kGgufControlToken || type == kGgufUnknownToken;
  require<FormatError>(type != kGgufByteToken || byte_of_token(text), file, ": token ", id, " is ",
                       in_quotes(text), ", but a token of type ", kGgufByteToken,
                       " (byte) is written <0xNN>");
  definition.tokens.push_back(
      {std::string(text), special || type == kGgufByteToken, type == kGgufUnusedToken});
  if (type == kGgufUnknownToken && !definition.unknown) definition.unknown = static_cast<Token>(id);
  if ((!special && type != kGgufUserDefinedToken) || text.empty()) return;
  AddedToken token;
  token.id = static_cast<Token>(id);
  token.text = text;
  token.special = special;
  definition.added_tokens.push_back(std::move(token));
}

inline void read_gguf_sentencepiece(const GgufFile& file, TokenizerDefinition& definition) {
  const GgufMetadata& metadata = file.metadata();
  const auto texts = metadata.get<std::vector<std::string_view>>("tokenizer.ggml.tokens");
  const auto types = metadata.get<std::vector<std::int32_t>>("tokenizer.ggml.token_type");
  definition.scores = metadata.get<std::vector<float>>("tokenizer.ggml.scores");
  require<FormatError>(types.size() == texts.size() && definition.scores.size() == texts.size(),
                       file.path(), ": ", texts.size(), " tokens, but ", types.size(),
                       " token types and ", definition.scores.size(), " scores");
  for (const char* key :
       {"tokenizer.ggml.remove_extra_whitespaces", "tokenizer.ggml.precompiled_charsmap"}) {
    const bool asked = metadata.contains(key) &&
                       (key != std::string_view("tokenizer.ggml.remove_extra_whitespaces") ||
                        metadata.get<bool>(key));
    require<FormatError>(!asked, file.path(), ": \"", key,
                         "\" is set, which is not supported with the model llama");
  }
  definition.model = TokenizerModel::sentencepiece_bpe;
  definition.pre_tokenizer.clear();
  definition.unknown = metadata.find<Token>("tokenizer.ggml.unknown_token_id");
  definition.tokens.reserve(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    add_sentencepiece_token(texts[i], types[i], file.path(), definition);

  const std::string mark = "\xE2\x96\x81";
  const bool space_prefix = metadata.get<bool>("tokenizer.ggml.add_space_prefix", true);
  if (space_prefix) definition.normalizer.emplace_back(PrependStep{mark});
  definition.normalizer.emplace_back(ReplaceStep{" ", mark});
  definition.decoder_replacements = {{mark, " "}};
  definition.decode_byte_tokens = true;
  definition.decoder_strips_spaces = space_prefix ? 1 : 0;
}

}  // namespace detail

TUTTI_INLINE TokenizerDefinition read_tokenizer_gguf(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  const auto model = metadata.get<std::string_view>("tokenizer.ggml.model");
  require<FormatError>(
      model == "gpt2" || model == "llama", file.path(), ": \"tokenizer.ggml.model\" is ",
      in_quotes(model),
      ", which is not supported; supported: gpt2 (byte-level BPE), llama (SentencePiece BPE)");
  TokenizerDefinition definition;
  definition.source = file.path();
  if (model == "llama") {
    detail::read_gguf_sentencepiece(file, definition);
  } else {
    detail::read_gguf_byte_level(file, definition);
  }
  // The formats' defaults: SentencePiece models begin texts with BOS, byte-level ones only where
  // their pre-tokenizer's name says so.
  const bool add_bos = model == "llama" ||
                       detail::gguf_pre_tokenizer(
                           metadata.get<std::string_view>("tokenizer.ggml.pre"), file.path())
                           .add_bos;
  definition.bos = metadata.find<Token>("tokenizer.ggml.bos_token_id");
  definition.eos = metadata.find<Token>("tokenizer.ggml.eos_token_id");
  if (metadata.get<bool>("tokenizer.ggml.add_bos_token", add_bos)) {
    require<FormatError>(
        definition.bos.has_value(), file.path(),
        ": every text is to begin with BOS, but no \"tokenizer.ggml.bos_token_id\" is given");
    definition.prefix = {*definition.bos};
  }
  if (metadata.get<bool>("tokenizer.ggml.add_eos_token", false)) {
    require<FormatError>(
        definition.eos.has_value(), file.path(),
        ": every text is to end with EOS, but no \"tokenizer.ggml.eos_token_id\" is given");
    definition.suffix = {*definition.eos};
  }
  definition.chat_template = metadata.get<std::string>("tokenizer.chat_template", "");
  return definition;
}

}  // namespace tutti
