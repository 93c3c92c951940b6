// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokens of a tokenizer.json: the vocabulary of its model, and added tokens with their ids.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/bpe/byte_alphabet.hpp"
#include "tutti/text/bpe/vocabulary.hpp"
#include "tutti/text/tokenizer/added_tokens.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_section.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"

namespace tutti::detail {

/// Enters tokens into a TokenizerDefinition, which must outlive it.
class TokenizerJsonTokens : private TokenizerJsonSection {
 public:
  TokenizerJsonTokens(std::string file, TokenizerDefinition& definition)
      : TokenizerJsonSection(std::move(file)), definition_(definition) {}

  /// @param model its "vocab" must outlive this object.
  /// @param added "added_tokens", null if there is none.
  void read_vocabulary(const Json& model, const Json* added) {
    vocabulary_ = &member(model, "vocab");
    require<FormatError>(vocabulary_->is_object(), file(), ": \"vocab\" is ",
                         found_text(*vocabulary_), ", expected an object");
    const std::size_t max_tokens = vocabulary_->size() + (added != nullptr ? added->size() : 0);
    definition_.tokens.resize(max_tokens);
    taken_.assign(max_tokens, false);
    for (const auto& [text, value] : members(*vocabulary_)) {
      const auto id = json_convert<Token>(value);
      require<FormatError>(id.has_value(), file(), ": token ", in_quotes(text), " has id ",
                           found_text(value), ", expected ", expected_text<Token>());
      place(*id, {text, false});
    }
  }

  /// Reads "added_tokens", after the vocabulary. All ids must be taken then.
  void read_added_tokens(const Json* added) {
    next_id_ = static_cast<Token>(vocabulary_->size());
    if (added != nullptr) {
      require<FormatError>(added->is_array(), file(), ": \"added_tokens\" is ", found_text(*added),
                           ", expected an array");
      for (const Json& token : *added)
        add_token(file(), to_added_token(file(), token), json_get<Token>(token, "id", file()));
    }
    definition_.tokens.resize(size_);
    for (std::size_t id = 0; id < size_; ++id) {
      require<FormatError>(taken_[id], file(), ": no token has id ", id, ", although ids go up to ",
                           size_ - 1);
    }
  }

  /// An added token as an object with "content" and its flags.
  static AddedToken to_added_token(const std::string& file, const Json& json) {
    AddedToken token;
    token.text = json_get<std::string>(json, "content", file);
    token.special = json_get(json, "special", file, false);
    token.strip_left = json_get(json, "lstrip", file, false);
    token.strip_right = json_get(json, "rstrip", file, false);
    token.single_word = json_get(json, "single_word", file, false);
    token.after_normalization = json_get(json, "normalized", file, !token.special);
    return token;
  }

  /// Adds a token as tokenizers does: one without a text is ignored; one whose text was added
  /// before replaces the flags, but stays special; one whose text is in the vocabulary has the id
  /// there; any other has the next id.
  /// @param id of the token in `file`, if it gives one.
  void add_token(const std::string& file, AddedToken token, std::optional<Token> id) {
    if (token.text.empty()) {
      renumbered_ = true;
      return;
    }
    if (const std::optional<Token> index = added_texts_.find(token.text)) {
      AddedToken& known = definition_.added_tokens[static_cast<std::size_t>(*index)];
      renumbered_ = renumbered_ || id != known.id;
      token.id = known.id;
      token.special = token.special || known.special;
      token.decode_normalized = known.decode_normalized || known.after_normalization;
      known = std::move(token);
      return;
    }
    const auto known = vocabulary_->find(token.text);
    const bool is_new = known == vocabulary_->end();
    token.id = is_new ? next_id_ : json_convert<Token>(*known).value_or(-1);
    require<FormatError>(!id || *id == token.id || (is_new && renumbered_), file, ": added token ",
                         in_quotes(token.text), " has id ", id.value_or(-1),
                         is_new ? ", but the next free id, which tokenizers would give it, is "
                                : ", but in \"vocab\" it has ",
                         token.id);
    if (is_new) {
      const auto tokens = static_cast<std::size_t>(next_id_) + 1;
      if (taken_.size() < tokens) taken_.resize(tokens, false);
      if (definition_.tokens.size() < tokens) definition_.tokens.resize(tokens);
      place(token.id, {decoded_text(token.text), true});
      ++next_id_;
    }
    added_texts_.add(token.text, true);
    definition_.added_tokens.push_back(std::move(token));
  }

  /// The added token with this text, as an index into TokenizerDefinition::added_tokens.
  [[nodiscard]] std::optional<std::size_t> find_added(const std::string& text) const {
    const std::optional<Token> index = added_texts_.find(text);
    return index ? std::optional(static_cast<std::size_t>(*index)) : std::nullopt;
  }

  /// The id of an added token or of a token of the vocabulary.
  [[nodiscard]] std::optional<Token> id_of(const std::string& text) const {
    if (const auto index = find_added(text)) return definition_.added_tokens[*index].id;
    const auto known = vocabulary_->find(text);
    return known == vocabulary_->end() ? std::nullopt : json_convert<Token>(*known);
  }

 private:
  /// Enters a token. An id that is not below the number of tokens would leave a hole, so it is
  /// refused before anything grows.
  void place(Token id, TokenizerDefinition::Entry entry) {
    require<FormatError>(id >= 0 && static_cast<std::size_t>(id) < taken_.size(), file(),
                         ": token ", in_quotes(entry.text), " has id ", id,
                         ", but there are at most ", taken_.size(), " tokens");
    const auto i = static_cast<std::size_t>(id);
    require<FormatError>(!taken_[i], file(), ": tokens ", in_quotes(definition_.tokens[i].text),
                         " and ", in_quotes(entry.text), " share the id ", id);
    definition_.tokens[i] = std::move(entry);
    taken_[i] = true;
    size_ = std::max(size_, i + 1);
  }

  /// As tokenizers decodes them, added tokens of a byte-level model stand for the bytes that they
  /// write in the byte alphabet, and for themselves if they use other characters.
  [[nodiscard]] std::string decoded_text(const std::string& text) const {
    return definition_.model == TokenizerModel::byte_level_bpe
               ? from_byte_alphabet(text).value_or(text)
               : text;
  }

  TokenizerDefinition& definition_;
  const Json* vocabulary_ = nullptr;
  std::vector<bool> taken_;  // by id
  std::size_t size_ = 0;     // the largest id taken, plus one
  Token next_id_ = 0;        // of an added token that is not in the vocabulary
  Vocabulary added_texts_;   // of definition_.added_tokens, by index
  bool renumbered_ = false;  // ignored tokens shift the ids of the following ones
};

}  // namespace tutti::detail
