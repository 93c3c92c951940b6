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
#include "tutti/formats/gguf/detail/end_of_generation.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/bpe/byte_tokens.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"
#include "tutti/text/tokenizer/tokenizer_gguf.hpp"

namespace tutti {

namespace detail {

/// The values of `tokenizer.ggml.token_type` that are treated differently from normal tokens.
inline constexpr std::int32_t kGgufUnknownToken = 2;
inline constexpr std::int32_t kGgufControlToken = 3;
inline constexpr std::int32_t kGgufUserDefinedToken = 4;
inline constexpr std::int32_t kGgufUnusedToken = 5;
inline constexpr std::int32_t kGgufByteToken = 6;

/// The meaning of a value of `tokenizer.ggml.pre`.
struct GgufPreTokenizer {
  std::string_view name;
  PreTokenizer kind;
  bool ignore_merges;  ///< GGUF has no key for it: it follows from the name.
  bool add_bos;        ///< If `tokenizer.ggml.add_bos_token` is absent.
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
    // As in llama.cpp, an end marker is a control token whatever its type.
    const std::int32_t type = is_end_of_generation(texts[i]) ? kGgufControlToken
                              : types                        ? (*types)[i]
                                                             : 0;
    const bool added = (type == kGgufControlToken || type == kGgufUserDefinedToken) &&
                       !texts[i].empty();
    // Printable ASCII is the same with and without the byte alphabet, and such a token may also be
    // used in merges.
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

/// Returns whether texts begin with BOS by default.
[[nodiscard]] inline bool read_gguf_byte_level(const GgufFile& file,
                                               TokenizerDefinition& definition) {
  const GgufMetadata& metadata = file.metadata();
  const GgufPreTokenizer pre = gguf_pre_tokenizer(
      metadata.get<std::string_view>("tokenizer.ggml.pre"), file.path());
  read_gguf_vocabulary(file, definition);
  read_gguf_merges(file, definition);
  definition.ignore_merges = pre.ignore_merges;
  definition.pre_tokenizer.clear();
  const bool space_prefix = metadata.get<bool>("tokenizer.ggml.add_space_prefix", false);
  if (space_prefix) definition.pre_tokenizer.emplace_back(PrefixSpaceStep{});
  definition.pre_tokenizer.emplace_back(pre.kind);
  // With a sequence of pre-tokenizers, tokenizers would put the space before each piece.
  require<FormatError>(!space_prefix || pre.kind == PreTokenizer::gpt2, file.path(),
                       ": \"tokenizer.ggml.add_space_prefix\" is true, which is supported for the "
                       "pre-tokenizer gpt-2 only");
  return pre.add_bos;
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
  definition.model = TokenizerModel::sentencepiece_bpe;
  definition.pre_tokenizer.clear();
  definition.unknown = metadata.find<Token>("tokenizer.ggml.unknown_token_id");
  definition.tokens.reserve(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    add_sentencepiece_token(texts[i], is_end_of_generation(texts[i]) ? kGgufControlToken : types[i],
                            file.path(), definition);

  const std::string mark = "\xE2\x96\x81";
  const bool space_prefix = metadata.get<bool>("tokenizer.ggml.add_space_prefix", true);
  if (space_prefix) definition.normalizer.emplace_back(PrependStep{mark});
  definition.normalizer.emplace_back(ReplaceStep{" ", mark});
  definition.decoder_replacements.push_back({mark, " "});
  definition.decode_byte_tokens = true;
  definition.decoder_strips_spaces = space_prefix ? 1 : 0;
}

/// Refuses the keys that change the tokens or what may be generated and are not supported. The
/// other keys of llama.cpp have no effect on these models: token_type_count, the ids of separators,
/// masks and fill-in-the-middle tokens, huggingface.json, rwkv.world, further chat templates.
inline void check_gguf_keys(const GgufFile& file, bool sentencepiece) {
  const GgufMetadata& metadata = file.metadata();
  const auto require_false = [&](const char* key) {
    require<FormatError>(!metadata.get<bool>(key, false), file.path(), ": \"", key,
                         "\" is true, which is not supported; supported: false");
  };
  const auto require_none = [&](const char* key) {
    if (!metadata.contains(key)) return;
    const auto values = metadata.get<std::vector<std::int32_t>>(key);
    require<FormatError>(values.empty(), file.path(), ": \"", key, "\" has ", values.size(),
                         " values, which is not supported; supported: none");
  };
  require_false("tokenizer.ggml.add_sep_token");
  require_false("tokenizer.ggml.normalizer.lowercase");
  require_false("tokenizer.ggml.normalizer.strip_accents");
  require_none("tokenizer.ggml.suppress_tokens");
  // Byte-level models have no such normalization, whatever the file says.
  if (!sentencepiece) return;
  require_false("tokenizer.ggml.remove_extra_whitespaces");
  require_none("tokenizer.ggml.precompiled_charsmap");
}

/// A token with a role. As in llama.cpp, an id outside the vocabulary counts as absent.
[[nodiscard]] inline std::optional<Token> read_gguf_role(const GgufFile& file, const char* key,
                                                         const char* name,
                                                         TokenizerDefinition& definition) {
  const auto id = file.metadata().find<std::int64_t>(key);
  if (!id || *id < 0 || static_cast<std::uint64_t>(*id) >= definition.tokens.size())
    return std::nullopt;
  const auto token = static_cast<Token>(*id);
  if (name != nullptr) {
    const TokenizerDefinition::Entry& entry = definition.tokens[static_cast<std::size_t>(token)];
    definition.named_tokens.push_back({name, entry.text});
  }
  return token;
}

}  // namespace detail

TUTTI_INLINE TokenizerDefinition read_tokenizer_gguf(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  const auto model = metadata.get<std::string_view>("tokenizer.ggml.model");
  require<FormatError>(
      model == "gpt2" || model == "llama", file.path(), ": \"tokenizer.ggml.model\" is ",
      in_quotes(model),
      ", which is not supported; supported: gpt2 (byte-level BPE), llama (SentencePiece BPE)");
  detail::check_gguf_keys(file, model == "llama");
  TokenizerDefinition definition;
  definition.source = file.path();
  // Defaults of the format: SentencePiece models put BOS before texts, byte-level ones only with
  // some pre-tokenizers.
  bool add_bos = true;
  if (model == "llama") {
    detail::read_gguf_sentencepiece(file, definition);
  } else {
    add_bos = detail::read_gguf_byte_level(file, definition);
  }
  definition.bos = detail::read_gguf_role(file, "tokenizer.ggml.bos_token_id", "bos_token",
                                          definition);
  definition.eos = detail::read_gguf_role(file, "tokenizer.ggml.eos_token_id", "eos_token",
                                          definition);
  (void)detail::read_gguf_role(file, "tokenizer.ggml.unknown_token_id", "unk_token", definition);
  (void)detail::read_gguf_role(file, "tokenizer.ggml.padding_token_id", "pad_token", definition);
  for (const char* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const auto token = detail::read_gguf_role(file, key, nullptr, definition))
      definition.end_tokens.push_back(*token);
  }
  if (metadata.get<bool>("tokenizer.ggml.add_bos_token", add_bos)) {
    require<FormatError>(
        definition.bos.has_value(), file.path(),
        ": every text is to begin with BOS, but no \"tokenizer.ggml.bos_token_id\" in the "
        "vocabulary of ",
        definition.tokens.size(), " tokens is given");
    definition.prefix = {*definition.bos};
  }
  if (metadata.get<bool>("tokenizer.ggml.add_eos_token", false)) {
    require<FormatError>(
        definition.eos.has_value(), file.path(),
        ": every text is to end with EOS, but no \"tokenizer.ggml.eos_token_id\" in the "
        "vocabulary of ",
        definition.tokens.size(), " tokens is given");
    definition.suffix = {*definition.eos};
  }
  definition.chat_template = metadata.get<std::string>("tokenizer.chat_template", "");
  return definition;
}

}  // namespace tutti
