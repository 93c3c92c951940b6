// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of Hugging Face's tokenizer.json: BPE on bytes (GPT-2 and most since) or on characters
// with byte fallback (SentencePiece models). What is not supported is refused by key and value,
// because a tokenizer that is almost right makes a model that is quietly bad.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/mapped_file.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_normalizer.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_pre_tokenizer.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_section.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"

namespace tutti {

namespace detail {

/// Fills a TokenizerDefinition section by section.
class TokenizerJsonReader : private TokenizerJsonSection {
 public:
  explicit TokenizerJsonReader(const std::filesystem::path& path)
      : TokenizerJsonSection(path.string()), file_(path.string()), root_(read_json_file(path)) {
    require<FormatError>(root_.is_object(), file_, ": expected an object, found ",
                         found_text(root_));
    // `truncation` and `padding` say how batches were once made, not what the tokens are;
    // transformers ignores them as well.
    definition_.source = file_;
    TokenizerJsonPreTokenizer(file_).read(json_find(root_, "pre_tokenizer"), definition_);
    read_model(member(root_, "model"));
    read_added_tokens();
    const TokenizerJsonNormalizer texts(file_);
    if (const Json* normalizer = json_find(root_, "normalizer"))
      definition_.normalizer = texts.read_normalizer(*normalizer);
    if (const Json* processor = json_find(root_, "post_processor")) read_post_processor(*processor);
    texts.read_decoder(member(root_, "decoder"), definition_);
  }

  /// bos_token, eos_token and chat_template of tokenizer_config.json.
  void read_config(const std::filesystem::path& path) {
    const Json config = read_json_file(path);
    definition_.bos = read_named_token(config, "bos_token", path.string());
    definition_.eos = read_named_token(config, "eos_token", path.string());
    const Json* chat_template = json_find(config, "chat_template");
    if (chat_template == nullptr) return;
    if (!chat_template->is_array()) {
      definition_.chat_template = json_get<std::string>(config, "chat_template", path.string());
      return;
    }
    for (const Json& named : *chat_template) {
      if (json_get<std::string>(named, "name", path.string()) != "default") continue;
      definition_.chat_template = json_get<std::string>(named, "template", path.string());
    }
  }

  void read_chat_template(const std::filesystem::path& path) {
    const MappedFile file(path);
    definition_.chat_template.assign(reinterpret_cast<const char*>(file.bytes().data()),
                                     file.bytes().size());
  }

  TokenizerDefinition take() { return std::move(definition_); }

 private:
  void read_model(const Json& model) {
    // Files older than the field have no type; they are BPE if they have merges.
    if (const std::string type = type_of(model);
        type != "BPE" && !(type.empty() && model.contains("merges"))) {
      refuse("model.type", model.value("type", Json()),
             "BPE (Unigram, WordPiece and WordLevel models are not)");
    }
    for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const Json* value = json_find(model, affix);
      if (value != nullptr && *value != "")
        refuse(std::string("model.") + affix, *value, "null, \"\"");
    }
    if (const Json* dropout = json_find(model, "dropout")) {
      if (json_get<double>(model, "dropout", file_) != 0)
        refuse("model.dropout", *dropout, "null, 0");
    }
    definition_.byte_fallback = json_get(model, "byte_fallback", file_, false);
    if (definition_.byte_fallback && definition_.model == TokenizerModel::byte_level_bpe) {
      refuse("model.byte_fallback", model["byte_fallback"],
             "false with the pre-tokenizer ByteLevel");
    }
    definition_.ignore_merges = json_get(model, "ignore_merges", file_, false);
    definition_.fuse_unknown = json_get(model, "fuse_unk", file_, false);
    read_vocabulary(model);
    read_merges(member(model, "merges"));
    if (const auto unknown = json_optional<std::string>(model, "unk_token", file_)) {
      definition_.unknown = id_of(*unknown);
      require<FormatError>(definition_.unknown.has_value(), file_, ": \"unk_token\" ",
                           in_quotes(*unknown), " is not in the vocabulary");
    }
  }

  void read_vocabulary(const Json& model) {
    vocabulary_ = &member(model, "vocab");
    require<FormatError>(vocabulary_->is_object(), file_, ": \"vocab\" is ",
                         found_text(*vocabulary_), ", expected an object");
    const Json* added = json_find(root_, "added_tokens");
    const std::size_t most = vocabulary_->size() + (added != nullptr ? added->size() : 0);
    definition_.tokens.resize(most);
    taken_.assign(most, false);
    for (const auto& [text, value] : vocabulary_->items()) {
      const auto id = json_convert<Token>(value);
      require<FormatError>(id.has_value(), file_, ": token ", in_quotes(text), " has id ",
                           found_text(value), ", expected ", expected_text<Token>());
      place(*id, {text, false});
    }
  }

  /// Enters a token. An id as large as the number of tokens would leave a hole, so it is refused
  /// before anything grows.
  void place(Token id, TokenizerDefinition::Entry entry) {
    require<FormatError>(id >= 0 && static_cast<std::size_t>(id) < taken_.size(), file_, ": token ",
                         in_quotes(entry.text), " has id ", id, ", but there are at most ",
                         taken_.size(), " tokens");
    const auto i = static_cast<std::size_t>(id);
    require<FormatError>(!taken_[i], file_, ": tokens ", in_quotes(definition_.tokens[i].text),
                         " and ", in_quotes(entry.text), " share the id ", id);
    definition_.tokens[i] = std::move(entry);
    taken_[i] = true;
    size_ = std::max(size_, i + 1);
  }

  void read_merges(const Json& merges) {
    require<FormatError>(merges.is_array(), file_, ": \"merges\" is ", found_text(merges),
                         ", expected an array");
    definition_.merges.reserve(merges.size());
    for (const Json& merge : merges) {
      if (merge.is_string()) {
        const auto& text = merge.get_ref<const std::string&>();
        const std::size_t space = text.find(' ');
        require<FormatError>(
            space != std::string::npos && text.find(' ', space + 1) == std::string::npos, file_,
            ": merge ", definition_.merges.size(), " is ", found_text(merge),
            ", expected two tokens with one space between them");
        definition_.merges.push_back({text.substr(0, space), text.substr(space + 1)});
      } else {
        require<FormatError>(
            merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string(),
            file_, ": merge ", definition_.merges.size(), " is ", escaped(merge.dump(), 80),
            ", expected an array of two strings");
        definition_.merges.push_back({merge[0].get<std::string>(), merge[1].get<std::string>()});
      }
    }
  }

  void read_added_tokens() {
    if (const Json* added = json_find(root_, "added_tokens")) {
      require<FormatError>(added->is_array(), file_, ": \"added_tokens\" is ", found_text(*added),
                           ", expected an array");
      for (const Json& token : *added) read_added_token(token);
    }
    definition_.tokens.resize(size_);
    for (std::size_t id = 0; id < size_; ++id) {
      require<FormatError>(taken_[id], file_, ": no token has id ", id, ", although ids go up to ",
                           size_ - 1);
    }
  }

  void read_added_token(const Json& json) {
    AddedToken token;
    token.id = json_get<Token>(json, "id", file_);
    token.text = json_get<std::string>(json, "content", file_);
    token.special = json_get(json, "special", file_, false);
    token.strip_left = json_get(json, "lstrip", file_, false);
    token.strip_right = json_get(json, "rstrip", file_, false);
    token.after_normalization = json_get(json, "normalized", file_, !token.special);
    if (json_get(json, "single_word", file_, false))
      refuse("added_tokens.single_word", json, "false");
    if (const auto known = vocabulary_->find(token.text); known != vocabulary_->end()) {
      require<FormatError>(*known == token.id, file_, ": added token ", in_quotes(token.text),
                           " has id ", token.id, ", in \"vocab\" it has ", known->dump());
    } else {
      place(token.id, {token.text, true});
    }
    definition_.added_tokens.push_back(std::move(token));
  }

  void read_post_processor(const Json& json) {
    const std::string type = type_of(json);
    if (type == "ByteLevel") return;  // it only corrects character offsets, which we do not give
    if (type == "TemplateProcessing") return read_template(json);
    const Json* steps = type == "Sequence" ? json_find(json, "processors") : nullptr;
    if (steps == nullptr || !steps->is_array())
      refuse("post_processor", json, "null, ByteLevel, TemplateProcessing, Sequence of these");
    for (const Json& step : *steps) {
      if (type_of(step) == "Sequence")
        refuse("post_processor", json, "a Sequence that is not nested");
      read_post_processor(step);
    }
  }

  /// The template for a single sequence: special tokens, the text once, special tokens.
  void read_template(const Json& json) {
    constexpr std::string_view kSupported = "one template of special tokens around the sequence A";
    const Json& pieces = member(json, "single");
    if (!pieces.is_array() || has_template_) refuse("post_processor", json, kSupported);
    has_template_ = true;
    bool text_seen = false;
    for (const Json& piece : pieces) {
      const Json* special = piece.is_object() ? json_find(piece, "SpecialToken") : nullptr;
      const Json* sequence = piece.is_object() ? json_find(piece, "Sequence") : nullptr;
      if (special != nullptr) {
        const Json& known = member(member(json, "special_tokens"),
                                   json_get<std::string>(*special, "id", file_));
        const auto ids = json_get<std::vector<Token>>(known, "ids", file_);
        std::vector<Token>& side = text_seen ? definition_.suffix : definition_.prefix;
        side.insert(side.end(), ids.begin(), ids.end());
      } else {
        if (sequence == nullptr || text_seen ||
            json_get<std::string>(*sequence, "id", file_) != "A")
          refuse("post_processor", json, kSupported);
        text_seen = true;
      }
    }
    if (!text_seen) refuse("post_processor", json, kSupported);
  }

  /// A token that tokenizer_config.json names: by its text, or by an object with "content".
  std::optional<Token> read_named_token(const Json& config, const std::string& key,
                                        const std::string& file) const {
    const Json* value = config.is_object() ? json_find(config, key) : nullptr;
    if (value == nullptr) return std::nullopt;
    const auto text = value->is_object() ? json_get<std::string>(*value, "content", file)
                                         : json_get<std::string>(config, key, file);
    const std::optional<Token> id = id_of(text);
    require<FormatError>(id.has_value(), file, ": \"", key, "\" is ", in_quotes(text),
                         ", which is not in ", file_);
    return id;
  }

  [[nodiscard]] std::optional<Token> id_of(const std::string& text) const {
    for (const AddedToken& token : definition_.added_tokens) {
      if (token.text == text) return token.id;
    }
    const auto known = vocabulary_->find(text);
    return known == vocabulary_->end() ? std::nullopt : json_convert<Token>(*known);
  }

  std::string file_;
  Json root_;
  const Json* vocabulary_ = nullptr;
  TokenizerDefinition definition_;
  std::vector<bool> taken_;  // by id
  std::size_t size_ = 0;     // the largest id taken, plus one
  bool has_template_ = false;
};

}  // namespace detail

/// Reads a tokenizer.json, or the one in a directory. Beside it, tokenizer_config.json names BOS
/// and EOS and may hold the chat template, which newer repositories keep in chat_template.jinja.
/// @throws FormatError when a file is malformed or asks for what is not supported.
[[nodiscard]] inline TokenizerDefinition read_tokenizer_json(const std::filesystem::path& path) {
  std::error_code ignored;  // what cannot be looked at is not there
  const std::filesystem::path file = std::filesystem::is_directory(path, ignored)
                                         ? path / "tokenizer.json"
                                         : path;
  detail::TokenizerJsonReader reader(file);
  const std::filesystem::path config = file.parent_path() / "tokenizer_config.json";
  if (std::filesystem::exists(config, ignored)) reader.read_config(config);
  const std::filesystem::path chat_template = file.parent_path() / "chat_template.jinja";
  if (std::filesystem::exists(chat_template, ignored)) reader.read_chat_template(chat_template);
  return reader.take();
}

}  // namespace tutti
