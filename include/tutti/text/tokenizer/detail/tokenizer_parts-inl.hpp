// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tokenizer::Parts: what a tokenizer does, and what all of its copies share.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/bpe/piece_encoder.hpp"
#include "tutti/text/bpe/vocabulary.hpp"
#include "tutti/text/byte_range.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/added_tokens.hpp"
#include "tutti/text/tokenizer/detail/added_token_splitter.hpp"
#include "tutti/text/tokenizer/detail/make_tokenizer_parts.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

/// What all copies of a tokenizer share.
class Tokenizer::Parts {
 public:
  explicit Parts(TokenizerDefinition definition)
      : encoder_(detail::make_piece_encoder(definition)),
        pre_tokenizer_(detail::make_pre_tokenizer(definition)),
        leading_spaces_(definition.decoder_strips_spaces),
        prefix_(std::move(definition.prefix)),
        suffix_(std::move(definition.suffix)),
        bos_(definition.bos),
        eos_(definition.eos),
        end_tokens_(std::move(definition.end_tokens)),
        chat_template_(std::move(definition.chat_template)),
        added_(std::move(definition.added_tokens)) {
    definition.added_tokens.clear();
    const std::string& source = definition.source;
    for (const AddedToken& token : added_) {
      require<FormatError>(is_token(token.id, definition.tokens.size()), source, ": added token ",
                           in_quotes(token.text), " has id ", token.id, ", but the vocabulary has ",
                           definition.tokens.size(), " tokens");
    }
    bool same_texts = true;
    try {
      same_texts = !make_patterns(definition);
    } catch (const Error& error) {
      fail<FormatError>(source, ": ", error.what());
    }
    // The vocabulary of a byte-level model has what its tokens are decoded to.
    if (definition.model != TokenizerModel::byte_level_bpe || !same_texts)
      texts_ = detail::make_token_texts(definition);
    byte_fallback_ = definition.model == TokenizerModel::character_bpe;
    for (const Token token : prefix_) require_token(source, "the token before every text", token);
    for (const Token token : suffix_) require_token(source, "the token after every text", token);
    if (bos_) require_token(source, "the BOS token", *bos_);
    if (eos_) require_token(source, "the EOS token", *eos_);
    for (const Token token : end_tokens_) require_token(source, "an end token", token);
    add_end_tokens();
    named_tokens_ = std::move(definition.named_tokens);
    name_token("bos_token", bos_);
    name_token("eos_token", eos_);
  }

  [[nodiscard]] std::vector<Token> encode(std::string_view text, EncodeOptions options) const {
    std::string repaired;
    if (!is_valid_utf8(text)) text = repaired = replace_invalid_utf8(text);
    return encode_partly_trusted(text, {}, options);
  }

  [[nodiscard]] std::vector<Token> encode_partly_trusted(std::string_view text,
                                                         std::span<const ByteRange> untrusted,
                                                         EncodeOptions options) const {
    std::vector<Token> tokens;
    if (options.add_special) tokens = prefix_;
    const auto encode_plain = [&](std::string_view part, bool begins_text) {
      pre_tokenizer_.for_each_piece(
          part, begins_text, [&](std::string_view piece) { encoder_->encode(piece, tokens); });
    };
    splitter_.split(text, untrusted, options.parse_special, encode_plain,
                    [&](Token token) { tokens.push_back(token); });
    if (options.add_special) tokens.insert(tokens.end(), suffix_.begin(), suffix_.end());
    return tokens;
  }

  [[nodiscard]] std::string decode(std::span<const Token> tokens, bool skip_special) const {
    std::string text;
    std::string run;  // of byte tokens
    std::size_t leading_spaces = leading_spaces_;
    for (const Token token : tokens) {
      const std::string_view bytes = token_bytes(token);
      const auto i = static_cast<std::size_t>(token);
      if (skip_special && hidden_[i]) continue;
      if (texts_ && texts_->is_byte_token[i]) {
        // sentencepiece keeps a space at the beginning that is written as a byte token.
        if (!byte_fallback_ && text.empty() && run.empty()) leading_spaces = 0;
        run += bytes;
        continue;
      }
      append_byte_run(text, run);
      run.clear();
      text += bytes;
    }
    append_byte_run(text, run);
    std::size_t spaces = 0;
    while (spaces < leading_spaces && spaces < text.size() && text[spaces] == ' ') ++spaces;
    text.erase(0, spaces);
    return is_valid_utf8(text) ? text : replace_invalid_utf8(text);
  }

  [[nodiscard]] std::string_view token_bytes(Token token) const {
    check(token);
    return texts().bytes(token);
  }

  [[nodiscard]] std::optional<Token> find(std::string_view bytes) const {
    for (const AddedToken& token : added_) {
      if (token.text == bytes) return token.id;
    }
    return texts().find(bytes);
  }

  [[nodiscard]] bool is_special(Token token) const {
    check(token);
    return hidden_[static_cast<std::size_t>(token)];
  }

  [[nodiscard]] std::size_t vocabulary_size() const { return texts().size(); }
  [[nodiscard]] std::optional<Token> bos() const { return bos_; }
  [[nodiscard]] std::optional<Token> eos() const { return eos_; }
  [[nodiscard]] const std::vector<Token>& end_tokens() const { return end_tokens_; }
  [[nodiscard]] const std::vector<NamedToken>& named_tokens() const { return named_tokens_; }
  [[nodiscard]] const std::string& chat_template() const { return chat_template_; }

 private:
  static bool is_token(Token token, std::size_t vocabulary_size) {
    return token >= 0 && static_cast<std::size_t>(token) < vocabulary_size;
  }

  /// Sets how added tokens are found, the tokens that decode skips, and in
  /// `definition` what added tokens are decoded to. Returns whether any of the latter changed.
  bool make_patterns(TokenizerDefinition& definition) {
    Vocabulary special_texts(added_.size());
    for (const AddedToken& token : added_) {
      if (token.special) special_texts.add(token.text, !special_texts.find(token.text));
    }
    std::array<std::vector<AddedToken>, 2> patterns;
    Normalizer normalizer(std::move(definition.normalizer));
    bool changed = false;
    hidden_.assign(definition.tokens.size(), false);
    for (const AddedToken& token : added_) {
      AddedToken pattern = token;
      std::string decoded = token.text;
      if (token.after_normalization || token.decode_normalized) {
        // As in tokenizers, a token that is found in normalized text is decoded to that text.
        decoded = normalizer(token.text);
        if (token.after_normalization) pattern.text = decoded;
        if (decoded != token.text) {
          detail::set_decoded_text(definition, token.id, decoded);
          changed = true;
        }
      }
      hidden_[static_cast<std::size_t>(token.id)] = special_texts.find(decoded).has_value();
      patterns[token.after_normalization ? 1 : 0].push_back(std::move(pattern));
    }
    splitter_ = detail::AddedTokenSplitter(std::move(patterns), std::move(normalizer));
    return changed;
  }

  void add_end_token(Token token) {
    for (const Token known : end_tokens_) {
      if (known == token) return;
    }
    end_tokens_.push_back(token);
  }

  void add_end_tokens() {
    const std::vector<Token> further = std::exchange(end_tokens_, {});
    if (eos_) add_end_token(*eos_);
    for (const Token token : further) add_end_token(token);
    constexpr std::array<std::string_view, 5> kEndMarkers{
        "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<end_of_turn>"};
    for (const std::string_view marker : kEndMarkers) {
      for (const AddedToken& token : added_) {
        if (token.special && token.text == marker) add_end_token(token.id);
      }
    }
  }

  void name_token(const char* name, std::optional<Token> token) {
    for (const NamedToken& known : named_tokens_) {
      if (known.name == name) return;
    }
    if (token) named_tokens_.push_back({name, std::string(token_bytes(*token))});
  }

  /// Appends what consecutive byte tokens are decoded to. In a run that is not UTF-8, tokenizers
  /// (ByteFallback) replaces every byte by U+FFFD, sentencepiece every byte that is not part of a
  /// valid character.
  void append_byte_run(std::string& text, std::string_view run) const {
    const bool replace_all = byte_fallback_ && !is_valid_utf8(run);
    while (!run.empty()) {
      const std::size_t valid = replace_all ? 0 : valid_utf8_length(run);
      text += run.substr(0, valid);
      run.remove_prefix(valid);
      if (run.empty()) break;
      append_utf8(text, kReplacementCharacter);
      run.remove_prefix(1);
    }
  }

  /// What the tokens are decoded to.
  [[nodiscard]] const Vocabulary& texts() const {
    return texts_ ? texts_->texts : encoder_->vocabulary();
  }

  void require_token(const std::string& source, const char* what, Token token) const {
    require<FormatError>(is_token(token, vocabulary_size()), source, ": ", what, " has id ", token,
                         ", but the vocabulary has ", vocabulary_size(), " tokens");
  }

  void check(Token token) const {
    require<OptionError>(is_token(token, vocabulary_size()), "token ", token,
                         " is not in the vocabulary of ", vocabulary_size(),
                         " tokens; was it drawn for another model?");
  }

  std::unique_ptr<const PieceEncoder> encoder_;
  std::optional<detail::TokenTexts> texts_;  // empty: as the encoder has them
  bool byte_fallback_ = false;  // byte tokens are decoded as by ByteFallback of tokenizers
  detail::AddedTokenSplitter splitter_;
  std::vector<bool> hidden_;  // by token: decode skips it
  PreTokenizerChain pre_tokenizer_;
  std::size_t leading_spaces_;
  std::vector<Token> prefix_;
  std::vector<Token> suffix_;
  std::optional<Token> bos_;
  std::optional<Token> eos_;
  std::vector<Token> end_tokens_;
  std::vector<NamedToken> named_tokens_;
  std::string chat_template_;
  std::vector<AddedToken> added_;  // as the file names them
};

}  // namespace tutti
