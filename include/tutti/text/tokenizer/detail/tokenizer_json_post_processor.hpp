// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of the section "post_processor" of a tokenizer.json: the special tokens around a text.

#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_section.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"

namespace tutti::detail {

class TokenizerJsonPostProcessor : private TokenizerJsonSection {
 public:
  using TokenizerJsonSection::TokenizerJsonSection;

  void read(const Json& json, TokenizerDefinition& definition) {
    const std::string type = type_of(json);
    if (type == "ByteLevel") return;  // it only corrects character offsets, which we do not give
    if (type == "TemplateProcessing") return read_template(json, definition);
    const Json* steps = type == "Sequence" ? json_find(json, "processors") : nullptr;
    if (steps == nullptr || !steps->is_array())
      refuse("post_processor", json, "null, ByteLevel, TemplateProcessing, Sequence of these");
    for (const Json& step : *steps) {
      if (type_of(step) == "Sequence")
        refuse("post_processor", json, "a Sequence that is not nested");
      read(step, definition);
    }
  }

 private:
  /// The template for a single sequence: special tokens, the text once, special tokens.
  void read_template(const Json& json, TokenizerDefinition& definition) {
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
                                   json_get<std::string>(*special, "id", file()));
        const auto ids = json_get<std::vector<Token>>(known, "ids", file());
        std::vector<Token>& side = text_seen ? definition.suffix : definition.prefix;
        side.insert(side.end(), ids.begin(), ids.end());
      } else {
        if (sequence == nullptr || text_seen ||
            json_get<std::string>(*sequence, "id", file()) != "A")
          refuse("post_processor", json, kSupported);
        text_seen = true;
      }
    }
    if (!text_seen) refuse("post_processor", json, kSupported);
  }

  bool has_template_ = false;
};

}  // namespace tutti::detail
