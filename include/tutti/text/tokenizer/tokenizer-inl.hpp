// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of tokenizer.hpp.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/bpe/piece_encoder.hpp"
#include "tutti/text/bpe/vocabulary.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/added_tokens.hpp"
#include "tutti/text/tokenizer/detail/make_tokenizer_parts.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"
#include "tutti/text/tokenizer/tokenizer_gguf.hpp"
#include "tutti/text/tokenizer/tokenizer_json.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

/// What all copies of a tokenizer share.
class Tokenizer::Parts {
 public:
  explicit Parts(TokenizerDefinition definition)
      : encoder_(detail::make_piece_encoder(definition)),
        normalizer_(std::move(definition.normalizer)),
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
    encode_around_added(text, {untrusted.begin(), untrusted.end()}, 0, true, options, tokens);
    if (options.add_special) tokens.insert(tokens.end(), suffix_.begin(), suffix_.end());
    return tokens;
  }

  [[nodiscard]] std::string decode(std::span<const Token> tokens, bool skip_special) const {
    std::string bytes;
    for (const Token token : tokens) {
      const std::string_view text = token_bytes(token);
      if (!skip_special || !hidden_[static_cast<std::size_t>(token)]) bytes += text;
    }
    std::size_t spaces = 0;
    while (spaces < leading_spaces_ && spaces < bytes.size() && bytes[spaces] == ' ') ++spaces;
    bytes.erase(0, spaces);
    return is_valid_utf8(bytes) ? bytes : replace_invalid_utf8(bytes);
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

  /// Sets the texts by which added tokens are found, the tokens that decode skips, and in
  /// `definition` what added tokens are decoded to. Returns whether any of the latter changed.
  bool make_patterns(TokenizerDefinition& definition) {
    Vocabulary special_texts(added_.size());
    for (const AddedToken& token : added_) {
      if (token.special) special_texts.add(token.text, !special_texts.find(token.text));
    }
    std::array<std::vector<AddedToken>, 2> patterns;
    bool changed = false;
    hidden_.assign(definition.tokens.size(), false);
    for (const AddedToken& token : added_) {
      AddedToken pattern = token;
      std::string decoded = token.text;
      if (token.after_normalization || token.decode_normalized) {
        // As in tokenizers, a token that is found in normalized text is decoded to that text.
        decoded = normalizer_(token.text);
        if (token.after_normalization) {
          pattern.text = decoded;
          has_special_after_normalization_ |= token.special;
        }
        if (decoded != token.text) {
          detail::set_decoded_text(definition, token.id, decoded);
          changed = true;
        }
      }
      hidden_[static_cast<std::size_t>(token.id)] = special_texts.find(decoded).has_value();
      patterns[token.after_normalization ? 1 : 0].push_back(std::move(pattern));
    }
    patterns_ = {AddedTokens(std::move(patterns[0])), AddedTokens(std::move(patterns[1]))};
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

  /// What the tokens are decoded to.
  [[nodiscard]] const Vocabulary& texts() const {
    return texts_ ? *texts_ : encoder_->vocabulary();
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

  /// Finds the added tokens of `stage` and passes the text between them to the next stage, finally
  /// to the model. The text is normalized before the second stage.
  void encode_around_added(std::string_view text, std::vector<ByteRange> untrusted,
                           std::size_t stage, bool begins_text, EncodeOptions options,
                           std::vector<Token>& tokens) const {
    if (text.empty()) return;
    if (stage == patterns_.size()) return encode_plain(text, begins_text, tokens);
    std::string normalized;
    if (stage == 1 && !normalizer_.empty()) {
      normalized = normalizer_(std::string(text));
      untrusted = normalized_ranges(text, normalized, untrusted);
      text = normalized;
    }
    const auto is_trusted = [&](const AddedToken& token, std::size_t begin) {
      return !token.special || !overlaps(untrusted, {begin, begin + token.text.size()});
    };
    std::size_t done = 0;
    std::size_t search_from = 0;
    const auto encode_until = [&](std::size_t end) {
      encode_around_added(text.substr(done, end - done), part_of(untrusted, {done, end}), stage + 1,
                          begins_text && done == 0, options, tokens);
    };
    while (const auto match = patterns_[stage].find_next(text, search_from, is_trusted)) {
      search_from = match->end;
      if (match->token->special && !options.parse_special) continue;
      if (match->token->single_word && !detail::is_single_word(text, match->begin, match->end))
        continue;
      std::size_t begin = match->begin;
      if (match->token->strip_left)
        begin = std::max(done, detail::white_space_begin(text, match->begin, done));
      const std::size_t end = match->token->strip_right
                                  ? detail::white_space_run_end(text, match->end)
                                  : match->end;
      // As in tokenizers, a token that begins within the white space of the one before is found
      // nevertheless, unless it strips to the left and nothing is left of it.
      if (begin >= end) continue;
      if (begin > done) encode_until(begin);
      tokens.push_back(match->token->id);
      done = end;
    }
    encode_until(text.size());
  }

  /// The first of the ranges that ends after byte `at`.
  static std::vector<ByteRange>::const_iterator first_after(const std::vector<ByteRange>& ranges,
                                                            std::size_t at) {
    return std::partition_point(ranges.begin(), ranges.end(),
                                [at](const ByteRange& range) { return range.end <= at; });
  }

  static bool overlaps(const std::vector<ByteRange>& ranges, ByteRange range) {
    const auto next = first_after(ranges, range.begin);
    return next != ranges.end() && next->begin < range.end;
  }

  /// The ranges within `part`, relative to its beginning.
  static std::vector<ByteRange> part_of(const std::vector<ByteRange>& ranges, ByteRange part) {
    std::vector<ByteRange> result;
    for (auto next = first_after(ranges, part.begin);
         next != ranges.end() && next->begin < part.end; ++next) {
      result.push_back({std::max(next->begin, part.begin) - part.begin,
                        std::min(next->end, part.end) - part.begin});
    }
    return result;
  }

  /// Where the ranges of `text` are in its normalized form: what is normalized to the same bytes
  /// without the range is outside of it.
  [[nodiscard]] std::vector<ByteRange> normalized_ranges(
      std::string_view text, const std::string& normalized,
      const std::vector<ByteRange>& ranges) const {
    if (ranges.empty() || !has_special_after_normalization_) return {};
    std::vector<ByteRange> result;
    for (const ByteRange& range : ranges) {
      const std::string before = normalizer_(std::string(text.substr(0, range.begin)));
      const std::string after = normalizer_(std::string(text.substr(range.end)));
      const auto begin = static_cast<std::size_t>(
          std::mismatch(before.begin(), before.end(), normalized.begin(), normalized.end()).first -
          before.begin());
      const auto same_at_end = static_cast<std::size_t>(
          std::mismatch(after.rbegin(), after.rend(), normalized.rbegin(), normalized.rend())
              .first -
          after.rbegin());
      const std::size_t end = normalized.size() - same_at_end;
      if (begin < end) result.push_back({begin, end});
    }
    return result;
  }

  void encode_plain(std::string_view text, bool begins_text, std::vector<Token>& tokens) const {
    pre_tokenizer_.for_each_piece(text, begins_text,
                                  [&](std::string_view piece) { encoder_->encode(piece, tokens); });
  }

  std::unique_ptr<const PieceEncoder> encoder_;
  std::optional<Vocabulary> texts_;      // what tokens are decoded to; empty: as the encoder has it
  std::array<AddedTokens, 2> patterns_;  // found before normalization, and after it
  bool has_special_after_normalization_ = false;
  std::vector<bool> hidden_;  // by token: decode skips it
  Normalizer normalizer_;
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
