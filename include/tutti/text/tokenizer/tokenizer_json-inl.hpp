// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of tokenizer_json.hpp.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "tutti/base/error.hpp"
#include "tutti/base/mapped_file.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_companions.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_normalizer.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_post_processor.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_pre_tokenizer.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_section.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_tokens.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"
#include "tutti/text/tokenizer/tokenizer_json.hpp"

namespace tutti {

namespace detail {

/// Fills a TokenizerDefinition section by section.
class TokenizerJsonReader : private TokenizerJsonSection {
 public:
  explicit TokenizerJsonReader(const std::filesystem::path& path)
      : TokenizerJsonSection(path.string()),
        file_(path.string()),
        root_(read_json_file(path)),
        tokens_(file_, definition_) {
    require<FormatError>(root_.is_object(), file_, ": expected an object, found ",
                         found_text(root_));
    if (const auto version = json_optional<std::string>(root_, "version", file_);
        version && *version != "1.0")
      refuse("version", member(root_, "version"), "\"1.0\"");
    // `truncation` and `padding` are settings for batches, which transformers ignores as well.
    definition_.source = file_;
    TokenizerJsonPreTokenizer(file_).read(json_find(root_, "pre_tokenizer"), definition_);
    read_model(member(root_, "model"));
    tokens_.read_added_tokens(json_find(root_, "added_tokens"));
    const TokenizerJsonNormalizer texts(file_);
    if (const Json* normalizer = json_find(root_, "normalizer"))
      definition_.normalizer = texts.read_normalizer(*normalizer);
    if (const Json* processor = json_find(root_, "post_processor"))
      TokenizerJsonPostProcessor(file_).read(*processor, definition_);
    texts.read_decoder(member(root_, "decoder"), definition_);
  }

  /// Reads what the files beside tokenizer.json say beyond it.
  void read_companions(const std::filesystem::path& directory) {
    TokenizerCompanions(file_, root_, tokens_, definition_).read(directory);
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
    tokens_.read_vocabulary(model, json_find(root_, "added_tokens"));
    read_merges(member(model, "merges"));
    if (const auto unknown = json_optional<std::string>(model, "unk_token", file_)) {
      definition_.unknown = tokens_.id_of(*unknown);
      require<FormatError>(definition_.unknown.has_value(), file_, ": \"unk_token\" ",
                           in_quotes(*unknown), " is not in the vocabulary");
    }
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

  std::string file_;
  Json root_;
  TokenizerDefinition definition_;
  TokenizerJsonTokens tokens_;
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
