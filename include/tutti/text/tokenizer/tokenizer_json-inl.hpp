// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of tokenizer_json.hpp.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <initializer_list>
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
#include "tutti/text/bpe/byte_alphabet.hpp"
#include "tutti/text/bpe/vocabulary.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_normalizer.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_pre_tokenizer.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_section.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"
#include "tutti/text/tokenizer/tokenizer_json.hpp"

namespace tutti {

namespace detail {

/// Fills a TokenizerDefinition section by section.
class TokenizerJsonReader : private TokenizerJsonSection {
 public:
  explicit TokenizerJsonReader(const std::filesystem::path& path)
      : TokenizerJsonSection(path.string()), file_(path.string()), root_(read_json_file(path)) {
    require<FormatError>(root_.is_object(), file_, ": expected an object, found ",
                         found_text(root_));
    if (const auto version = json_optional<std::string>(root_, "version", file_);
        version && *version != "1.0")
      refuse("version", member(root_, "version"), "\"1.0\"");
    // `truncation` and `padding` are settings for batches, which transformers ignores as well.
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

  /// Reads what tokenizer_config.json, special_tokens_map.json and added_tokens.json say beyond
  /// tokenizer.json, with the precedence of transformers 5.
  void read_companions(const std::filesystem::path& directory) {
    std::error_code ignored;  // a file that cannot be accessed counts as absent
    const auto read = [&](const char* name) {
      const std::filesystem::path path = directory / name;
      if (!std::filesystem::exists(path, ignored)) return Companion{path.string(), Json::object()};
      Companion companion{path.string(), read_json_file(path)};
      require<FormatError>(companion.json.is_object(), companion.file,
                           ": expected an object, found ", found_text(companion.json));
      return companion;
    };
    const Companion config = read("tokenizer_config.json");
    check_config(config);
    read_chat_template(config);
    if (const Json* added = json_find(config.json, "added_tokens_decoder")) {
      read_added_tokens_decoder(config.file, *added);
      read_named_tokens(config, {});
      read_special_tokens(config, {});
      return;
    }
    const Companion map = read("special_tokens_map.json");
    const Companion added = read("added_tokens.json");
    read_named_tokens(config, map);
    read_legacy_added_tokens(added);
    read_special_tokens(config, map);
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
      refuse("model.type", member(model, "type"),
             "BPE (Unigram, WordPiece and WordLevel models are not)");
    }
    for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const Json* value = json_find(model, affix);
      if (value != nullptr && (!value->is_string() || !text_of(*value).empty()))
        refuse(std::string("model.") + affix, *value, "null, \"\"");
    }
    if (const Json* dropout = json_find(model, "dropout")) {
      if (json_get<double>(model, "dropout", file_) != 0)
        refuse("model.dropout", *dropout, "null, 0");
    }
    definition_.byte_fallback = json_get(model, "byte_fallback", file_, false);
    if (definition_.byte_fallback && definition_.model == TokenizerModel::byte_level_bpe) {
      refuse("model.byte_fallback", member(model, "byte_fallback"),
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
    const std::size_t max_tokens = vocabulary_->size() + (added != nullptr ? added->size() : 0);
    definition_.tokens.resize(max_tokens);
    taken_.assign(max_tokens, false);
    for (const auto& [text, value] : members(*vocabulary_)) {
      const auto id = json_convert<Token>(value);
      require<FormatError>(id.has_value(), file_, ": token ", in_quotes(text), " has id ",
                           found_text(value), ", expected ", expected_text<Token>());
      place(*id, {text, false});
    }
  }

  /// Enters a token. An id that is not below the number of tokens would leave a hole, so it is
  /// refused before anything grows.
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
        const std::string& text = text_of(merge);
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
        definition_.merges.push_back({text_of(merge[0]), text_of(merge[1])});
      }
    }
  }

  void read_added_tokens() {
    next_id_ = static_cast<Token>(vocabulary_->size());
    if (const Json* added = json_find(root_, "added_tokens")) {
      require<FormatError>(added->is_array(), file_, ": \"added_tokens\" is ", found_text(*added),
                           ", expected an array");
      for (const Json& token : *added)
        add_token(file_, to_added_token(file_, token), json_get<Token>(token, "id", file_));
    }
    definition_.tokens.resize(size_);
    for (std::size_t id = 0; id < size_; ++id) {
      require<FormatError>(taken_[id], file_, ": no token has id ", id, ", although ids go up to ",
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

  /// As tokenizers decodes them, added tokens of a byte-level model stand for the bytes that they
  /// write in the byte alphabet, and for themselves if they use other characters.
  [[nodiscard]] std::string decoded_text(const std::string& text) const {
    return definition_.model == TokenizerModel::byte_level_bpe
               ? from_byte_alphabet(text).value_or(text)
               : text;
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

  /// A file beside tokenizer.json; an empty object if there is none.
  struct Companion {
    std::string file;
    Json json = Json::object();
  };

  /// Refuses the keys of tokenizer_config.json that change the tokens or the text and are not
  /// supported. All keys that are not read here or below have no effect in transformers 5 either,
  /// if there is a tokenizer.json: add_bos_token, add_eos_token, clean_up_tokenization_spaces of
  /// BPE, do_lower_case, legacy, model_max_length, padding_side, sp_model_kwargs and so on.
  void check_config(const Companion& config) const {
    for (const char* key :
         {"split_special_tokens", "fix_mistral_regex",
          "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"}) {
      require<FormatError>(!json_get(config.json, key, config.file, false), config.file, ": \"",
                           key, "\" is true, which is not supported; supported: false");
    }
    const auto prefix_space = json_optional<bool>(config.json, "add_prefix_space", config.file);
    const Json* pre_tokenizer = json_find(root_, "pre_tokenizer");
    if (!prefix_space || pre_tokenizer == nullptr || type_of(*pre_tokenizer) != "ByteLevel") return;
    require<FormatError>(*prefix_space == json_get<bool>(*pre_tokenizer, "add_prefix_space", file_),
                         config.file, ": \"add_prefix_space\" is ",
                         *prefix_space ? "true" : "false", ", but ", file_, " has ",
                         *prefix_space ? "false" : "true", "; correct one of the two");
  }

  void read_chat_template(const Companion& config) {
    const Json* chat_template = json_find(config.json, "chat_template");
    if (chat_template == nullptr) return;
    if (!chat_template->is_array()) {
      definition_.chat_template = json_get<std::string>(config.json, "chat_template", config.file);
      return;
    }
    for (const Json& named : *chat_template) {
      if (json_get<std::string>(named, "name", config.file) != "default") continue;
      definition_.chat_template = json_get<std::string>(named, "template", config.file);
    }
  }

  /// "added_tokens_decoder": added tokens by id, some of which tokenizer.json may have with other
  /// flags or not at all.
  void read_added_tokens_decoder(const std::string& file, const Json& added) {
    require<FormatError>(added.is_object(), file, ": \"added_tokens_decoder\" is ",
                         found_text(added), ", expected an object");
    std::vector<AddedToken> tokens;
    for (const auto& [id, json] : members(added)) {
      AddedToken token = to_added_token(file, json);
      const char* end = id.data() + id.size();
      const auto [parsed, error] = std::from_chars(id.data(), end, token.id);
      require<FormatError>(error == std::errc() && parsed == end, file,
                           ": \"added_tokens_decoder\" has the key ", in_quotes(id),
                           ", expected the id of a token");
      tokens.push_back(std::move(token));
    }
    add_by_id(file, tokens);
  }

  /// Adds tokens in the order of their ids.
  void add_by_id(const std::string& file, const std::vector<AddedToken>& tokens) {
    std::vector<const AddedToken*> sorted;
    for (const AddedToken& token : tokens) sorted.push_back(&token);
    std::sort(sorted.begin(), sorted.end(),
              [](const AddedToken* a, const AddedToken* b) { return a->id < b->id; });
    for (const AddedToken* token : sorted) add_token(file, *token, token->id);
  }

  /// added_tokens.json: ids by text.
  void read_legacy_added_tokens(const Companion& added) {
    std::vector<AddedToken> tokens;
    for (const auto& [text, json] : members(added.json)) {
      if (added_texts_.find(text)) continue;
      AddedToken token;
      token.text = text;
      token.id = json_get<Token>(added.json, text, added.file);
      token.after_normalization = true;
      for (const NamedToken& named : definition_.named_tokens) {
        if (named.text != text) continue;
        token.special = true;
        token.after_normalization = false;
      }
      tokens.push_back(std::move(token));
    }
    add_by_id(added.file, tokens);
  }

  /// The roles that transformers knows in every model.
  static constexpr std::array<const char*, 7> kRoles{
      "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

  /// The tokens with a role, in special_tokens_map.json (`map`) or tokenizer_config.json.
  void read_named_tokens(const Companion& config, const Companion& map) {
    for (const char* role : kRoles) {
      const Companion& companion = map.json.contains(role) ? map : config;
      const Json* value = json_find(companion.json, role);
      if (value == nullptr) continue;
      named_.push_back(to_special_token(companion, role, *value));
      definition_.named_tokens.push_back({role, named_.back().text});
    }
  }

  /// Makes the tokens with a role and the further special tokens special.
  void read_special_tokens(const Companion& config, const Companion& map) {
    known_added_ = definition_.added_tokens.size();
    for (AddedToken& token : named_) {
      // A token that only padding would use need not exist.
      if (id_of(token.text)) add_special(config.file, std::move(token), true);
    }
    for (const NamedToken& named : definition_.named_tokens) {
      if (named.name == "bos_token") definition_.bos = require_token(config, map, named);
      if (named.name == "eos_token") definition_.eos = require_token(config, map, named);
    }
    for (const Companion* companion : {&config, &map}) read_roles_of_its_own(*companion);
    // "additional_special_tokens" is the older name, which counts only where the newer is not used.
    const bool in_config = read_further_tokens(config, "extra_special_tokens") ||
                           read_further_tokens(config, "additional_special_tokens");
    if (!read_further_tokens(map, "extra_special_tokens") && !in_config)
      read_further_tokens(map, "additional_special_tokens");
  }

  /// Roles that only some models have: "image_token" and the like.
  void read_roles_of_its_own(const Companion& companion) {
    for (const auto& [name, value] : members(companion.json)) {
      if (name.ends_with("_token") && value.is_string() &&
          std::find(kRoles.begin(), kRoles.end(), name) == kRoles.end())
        read_role_of_its_own(companion, name, value);
    }
    const Json* roles = json_find(companion.json, "extra_special_tokens");
    if (roles == nullptr || !roles->is_object()) return;
    for (const auto& [name, value] : members(*roles)) read_role_of_its_own(companion, name, value);
  }

  /// A list of special tokens without a role. Returns whether there is one.
  bool read_further_tokens(const Companion& companion, std::string_view key) {
    const Json* tokens = json_find(companion.json, key);
    if (tokens == nullptr || tokens->is_object()) return false;
    require<FormatError>(tokens->is_array(), companion.file, ": ", in_quotes(key), " is ",
                         found_text(*tokens), ", expected an array of tokens");
    for (const Json& value : *tokens)
      add_special(companion.file, to_special_token(companion, key, value), false);
    return !tokens->empty();
  }

  void read_role_of_its_own(const Companion& companion, const std::string& name,
                            const Json& value) {
    AddedToken token = to_special_token(companion, name, value);
    if (!is_named(name)) definition_.named_tokens.push_back({name, token.text});
    add_special(companion.file, std::move(token), true);
  }

  [[nodiscard]] bool is_named(const std::string& name) const {
    for (const NamedToken& named : definition_.named_tokens) {
      if (named.name == name) return true;
    }
    return false;
  }

  /// A special token: its text, or an object with "content".
  static AddedToken to_special_token(const Companion& companion, std::string_view key,
                                     const Json& value) {
    require<FormatError>(value.is_string() || value.is_object(), companion.file, ": ",
                         in_quotes(key), " is ", found_text(value),
                         ", expected a token: a string or an object");
    AddedToken token;
    if (value.is_object()) {
      token = to_added_token(companion.file, value);
      token.after_normalization = json_get(value, "normalized", companion.file, false);
    } else {
      token.text = text_of(value);
    }
    return token;
  }

  /// Adds a special token. One that was an added token before keeps its flags, and becomes special
  /// only if it has a role.
  void add_special(const std::string& file, AddedToken token, bool has_role) {
    const std::optional<Token> index = added_texts_.find(token.text);
    if (index && static_cast<std::size_t>(*index) < known_added_) {
      if (has_role) definition_.added_tokens[static_cast<std::size_t>(*index)].special = true;
      return;
    }
    token.special = true;
    add_token(file, std::move(token), std::nullopt);
  }

  Token require_token(const Companion& config, const Companion& map,
                      const NamedToken& named) const {
    const std::optional<Token> id = id_of(named.text);
    require<FormatError>(id.has_value(), (map.json.contains(named.name) ? map : config).file,
                         ": \"", named.name, "\" is ", in_quotes(named.text), ", which is not in ",
                         file_);
    return *id;
  }

  [[nodiscard]] std::optional<Token> id_of(const std::string& text) const {
    if (const std::optional<Token> index = added_texts_.find(text))
      return definition_.added_tokens[static_cast<std::size_t>(*index)].id;
    const auto known = vocabulary_->find(text);
    return known == vocabulary_->end() ? std::nullopt : json_convert<Token>(*known);
  }

  std::string file_;
  Json root_;
  const Json* vocabulary_ = nullptr;
  TokenizerDefinition definition_;
  std::vector<bool> taken_;        // by id
  std::size_t size_ = 0;           // the largest id taken, plus one
  Token next_id_ = 0;              // of an added token that is not in the vocabulary
  Vocabulary added_texts_;         // of definition_.added_tokens, by index
  bool renumbered_ = false;        // ignored tokens shift the ids of the following ones
  std::size_t known_added_ = 0;    // added tokens before those with a role
  std::vector<AddedToken> named_;  // those of definition_.named_tokens that have a role of kRoles
  bool has_template_ = false;
};

}  // namespace detail

TUTTI_INLINE TokenizerDefinition read_tokenizer_json(const std::filesystem::path& path) {
  std::error_code ignored;  // a file that cannot be accessed counts as absent
  const std::filesystem::path file = std::filesystem::is_directory(path, ignored)
                                         ? path / "tokenizer.json"
                                         : path;
  detail::TokenizerJsonReader reader(file);
  reader.read_companions(file.parent_path());
  const std::filesystem::path chat_template = file.parent_path() / "chat_template.jinja";
  if (std::filesystem::exists(chat_template, ignored)) reader.read_chat_template(chat_template);
  return reader.take();
}

}  // namespace tutti
