// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a TokenizerDefinition to the parts of a Tokenizer.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/bpe/byte_alphabet.hpp"
#include "tutti/text/bpe/byte_level_bpe.hpp"
#include "tutti/text/bpe/byte_tokens.hpp"
#include "tutti/text/bpe/character_bpe.hpp"
#include "tutti/text/bpe/piece_encoder.hpp"
#include "tutti/text/bpe/sentencepiece_bpe.hpp"
#include "tutti/text/bpe/vocabulary.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"

namespace tutti::detail {

/// The text of a token or of a part of a merge as its vocabulary holds it; nothing if it is not
/// written in the byte alphabet of a byte-level model.
[[nodiscard]] inline std::optional<std::string> encoded_text(TokenizerModel model,
                                                             const std::string& text) {
  return model == TokenizerModel::byte_level_bpe ? from_byte_alphabet(text) : std::optional(text);
}

/// The vocabulary that pieces are encoded with.
[[nodiscard]] inline Vocabulary make_vocabulary(const TokenizerDefinition& definition) {
  Vocabulary vocabulary(definition.tokens.size());
  for (const TokenizerDefinition::Entry& entry : definition.tokens) {
    const std::optional<std::string> text = entry.literal
                                                ? std::nullopt
                                                : encoded_text(definition.model, entry.text);
    vocabulary.add(text ? *text : entry.text, text && !text->empty());
  }
  return vocabulary;
}

[[nodiscard]] inline std::vector<BpeMerge> resolve_merges(const TokenizerDefinition& definition,
                                                          const Vocabulary& vocabulary) {
  std::vector<BpeMerge> merges;
  merges.reserve(definition.merges.size());
  for (const TokenizerDefinition::Merge& merge : definition.merges) {
    const auto resolve = [&](const std::string& text) {
      const std::optional<std::string> encoded = encoded_text(definition.model, text);
      const std::optional<Token> token = encoded ? vocabulary.find(*encoded) : std::nullopt;
      require<FormatError>(token.has_value(), "merge ", merges.size(), ", ", in_quotes(merge.left),
                           " with ", in_quotes(merge.right), ", names ", in_quotes(text),
                           ", which is not among the ", vocabulary.size(), " tokens");
      return *token;
    };
    merges.push_back(
        {resolve(merge.left), resolve(merge.right), resolve(merge.left + merge.right)});
  }
  return merges;
}

[[nodiscard]] inline std::unique_ptr<const PieceEncoder> make_sentencepiece_bpe(
    const TokenizerDefinition& definition, Vocabulary vocabulary) {
  SentencePieceBpe::Options options;
  options.scores = definition.scores;
  options.unknown = definition.unknown;
  options.unused.reserve(definition.tokens.size());
  for (std::size_t i = 0; i < definition.tokens.size(); ++i) {
    const TokenizerDefinition::Entry& entry = definition.tokens[i];
    options.unused.push_back(entry.unused);
    const std::optional<unsigned char> byte = entry.literal ? byte_of_token(entry.text)
                                                            : std::nullopt;
    if (byte) options.byte_tokens.set(*byte, static_cast<Token>(i));
  }
  return std::make_unique<SentencePieceBpe>(std::move(vocabulary), std::move(options));
}

/// @throws FormatError that names the file.
[[nodiscard]] inline std::unique_ptr<const PieceEncoder> make_piece_encoder(
    const TokenizerDefinition& definition) {
  try {
    Vocabulary vocabulary = make_vocabulary(definition);
    if (definition.unknown) {
      require<FormatError>(*definition.unknown >= 0 &&
                               static_cast<std::size_t>(*definition.unknown) < vocabulary.size(),
                           "the unknown token has id ", *definition.unknown,
                           ", but the vocabulary has ", vocabulary.size(), " tokens");
    }
    if (definition.model == TokenizerModel::sentencepiece_bpe)
      return make_sentencepiece_bpe(definition, std::move(vocabulary));
    const std::vector<BpeMerge> merges = resolve_merges(definition, vocabulary);
    const BpeOptions options{definition.ignore_merges, definition.unknown, definition.fuse_unknown};
    if (definition.model == TokenizerModel::byte_level_bpe)
      return std::make_unique<ByteLevelBpe>(std::move(vocabulary), merges, options);
    return std::make_unique<CharacterBpe>(std::move(vocabulary), merges, options,
                                          definition.byte_fallback);
  } catch (const Error& error) {
    fail<FormatError>(definition.source, ": ", error.what());
  }
}

/// @throws FormatError that names the file, when a pattern is not supported.
[[nodiscard]] inline PreTokenizerChain make_pre_tokenizer(TokenizerDefinition& definition) {
  try {
    return PreTokenizerChain(std::move(definition.pre_tokenizer));
  } catch (const Error& error) {
    fail<FormatError>(definition.source, ": ", error.what());
  }
}

/// Makes `token` be decoded to `text`, which is written as the tokens of a model are.
inline void set_decoded_text(TokenizerDefinition& definition, Token token,
                             const std::string& text) {
  TokenizerDefinition::Entry& entry = definition.tokens[static_cast<std::size_t>(token)];
  entry.text = encoded_text(definition.model, text).value_or(text);
  entry.literal = true;
}

/// What each token is decoded to, findable by it.
struct TokenTexts {
  Vocabulary texts;
  std::vector<bool> is_byte_token;
};

/// Of several tokens with the same text the first one is found, a byte token only if it is the only
/// one.
[[nodiscard]] inline TokenTexts make_token_texts(const TokenizerDefinition& definition) {
  const bool byte_level = definition.model == TokenizerModel::byte_level_bpe;
  std::vector<std::string> texts;
  std::vector<bool> is_byte_token;
  std::array<bool, 256> spelled{};  // by byte: a token that is not a byte token has this text
  texts.reserve(definition.tokens.size());
  std::vector<NormalizerStep> decoder_steps;
  for (const ReplaceStep& step : definition.decoder_replacements) decoder_steps.emplace_back(step);
  const Normalizer decoder(std::move(decoder_steps));
  for (const TokenizerDefinition::Entry& entry : definition.tokens) {
    std::string text;
    std::optional<unsigned char> byte;
    if (byte_level) {
      text = entry.literal ? entry.text : from_byte_alphabet(entry.text).value_or(entry.text);
    } else {
      text = decoder(entry.text);
      if (definition.decode_byte_tokens) byte = byte_of_token(text);
      if (byte) text.assign(1, static_cast<char>(*byte));
    }
    if (!byte && text.size() == 1) spelled[static_cast<unsigned char>(text[0])] = true;
    is_byte_token.push_back(byte.has_value());
    texts.push_back(std::move(text));
  }
  Vocabulary vocabulary(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bool hidden = is_byte_token[i] && spelled[static_cast<unsigned char>(texts[i][0])];
    vocabulary.add(texts[i], !texts[i].empty() && !hidden && !vocabulary.find(texts[i]));
  }
  return {std::move(vocabulary), std::move(is_byte_token)};
}

}  // namespace tutti::detail
