// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of the files beside a tokenizer.json that complete it: tokenizer_config.json,
// special_tokens_map.json, added_tokens.json.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/tokenizer/added_tokens.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_section.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_tokens.hpp"
#include "tutti/text/tokenizer/named_token.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"

namespace tutti::detail {

class TokenizerCompanions : private TokenizerJsonSection {
 public:
  /// @param root of the tokenizer.json `file`. All but `file` must outlive this object.
  TokenizerCompanions(std::string file, const Json& root, TokenizerJsonTokens& tokens,
                      TokenizerDefinition& definition)
      : TokenizerJsonSection(std::move(file)),
        root_(root),
        tokens_(tokens),
        definition_(definition) {}

  /// Reads what tokenizer_config.json, special_tokens_map.json and added_tokens.json say beyond
  /// tokenizer.json, with the precedence of transformers 5.
  void read(const std::filesystem::path& directory) {
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

 private:
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
    require<FormatError>(
        *prefix_space == json_get<bool>(*pre_tokenizer, "add_prefix_space", file()), config.file,
        ": \"add_prefix_space\" is ", *prefix_space ? "true" : "false", ", but ", file(), " has ",
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
      AddedToken token = TokenizerJsonTokens::to_added_token(file, json);
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
    std::multimap<Token, const AddedToken*> sorted;
    for (const AddedToken& token : tokens) sorted.emplace(token.id, &token);
    for (const auto& [id, token] : sorted) tokens_.add_token(file, *token, id);
  }

  /// added_tokens.json: ids by text.
  void read_legacy_added_tokens(const Companion& added) {
    std::vector<AddedToken> tokens;
    for (const auto& [text, json] : members(added.json)) {
      if (tokens_.find_added(text)) continue;
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
      if (tokens_.id_of(token.text)) add_special(config.file, std::move(token), true);
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
      token = TokenizerJsonTokens::to_added_token(companion.file, value);
      token.after_normalization = json_get(value, "normalized", companion.file, false);
    } else {
      token.text = text_of(value);
    }
    return token;
  }

  /// Adds a special token. One that was an added token before keeps its flags, and becomes special
  /// only if it has a role.
  void add_special(const std::string& file, AddedToken token, bool has_role) {
    const auto index = tokens_.find_added(token.text);
    if (index && *index < known_added_) {
      if (has_role) definition_.added_tokens[*index].special = true;
      return;
    }
    token.special = true;
    tokens_.add_token(file, std::move(token), std::nullopt);
  }

  Token require_token(const Companion& config, const Companion& map,
                      const NamedToken& named) const {
    const std::optional<Token> id = tokens_.id_of(named.text);
    require<FormatError>(id.has_value(), (map.json.contains(named.name) ? map : config).file,
                         ": \"", named.name, "\" is ", in_quotes(named.text), ", which is not in ",
                         file());
    return *id;
  }

  const Json& root_;
  TokenizerJsonTokens& tokens_;
  TokenizerDefinition& definition_;
  std::size_t known_added_ = 0;    // added tokens before those with a role
  std::vector<AddedToken> named_;  // those of definition_.named_tokens that have a role of kRoles
};

}  // namespace tutti::detail
