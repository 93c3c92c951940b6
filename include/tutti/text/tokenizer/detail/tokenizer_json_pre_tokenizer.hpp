// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of the section "pre_tokenizer" of a tokenizer.json.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tutti/formats/json.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_section.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::detail {

class TokenizerJsonPreTokenizer : private TokenizerJsonSection {
 public:
  using TokenizerJsonSection::TokenizerJsonSection;

  /// Reads the steps. The model is one on bytes if the last step is ByteLevel, else on characters.
  /// @param json null if the file has no pre-tokenizer.
  void read(const Json* json, TokenizerDefinition& definition) {
    definition.model = TokenizerModel::character_bpe;
    if (json != nullptr) append_steps(*json, *json, definition);
    // Digits and the pattern of GPT-2 together are one built-in step.
    const auto* digits = steps_.size() == 2 ? std::get_if<DigitsStep>(&steps_[0]) : nullptr;
    const auto* kind = steps_.size() == 2 ? std::get_if<PreTokenizer>(&steps_[1]) : nullptr;
    if (digits != nullptr && digits->individual && kind != nullptr && *kind == PreTokenizer::gpt2) {
      steps_.clear();
      steps_.emplace_back(PreTokenizer::smollm);
    }
    definition.pre_tokenizer = std::move(steps_);
  }

 private:
  static constexpr std::string_view kSupported =
      "null, ByteLevel (last), Split, Digits, Metaspace, Sequence of these";
  static constexpr std::size_t kMaxSteps = 16;

  void append_steps(const Json& json, const Json& whole, TokenizerDefinition& definition) {
    const std::string type = type_of(json);
    // After ByteLevel the text is in the byte alphabet, which no other step supports.
    if (definition.model == TokenizerModel::byte_level_bpe || steps_.size() >= kMaxSteps)
      refuse("pre_tokenizer", whole, kSupported);
    if (type == "Sequence") {
      const Json& parts = member(json, "pretokenizers");
      if (!parts.is_array()) refuse("pre_tokenizer", whole, kSupported);
      for (const Json& part : parts) append_steps(part, whole, definition);
    } else if (type == "ByteLevel") {
      if (json_get<bool>(json, "add_prefix_space", file())) steps_.emplace_back(PrefixSpaceStep{});
      if (json_get(json, "use_regex", file(), true)) steps_.emplace_back(PreTokenizer::gpt2);
      definition.model = TokenizerModel::byte_level_bpe;
    } else if (type == "Digits") {
      steps_.emplace_back(DigitsStep{json_get(json, "individual_digits", file(), false)});
    } else if (type == "Split") {
      steps_.push_back(read_split(json));
    } else if (type == "Metaspace") {
      steps_.emplace_back(read_metaspace(json));
    } else {
      refuse("pre_tokenizer", json, kSupported);
    }
  }

  [[nodiscard]] PreTokenizerStep read_split(const Json& json) const {
    const Json& pattern = member(json, "pattern");
    const auto literal = json_optional<std::string>(pattern, "String", file());
    const auto regex = json_optional<std::string>(pattern, "Regex", file());
    const SplitBehavior behavior = read_behavior(json);
    const bool invert = json_get(json, "invert", file(), false);
    if (regex && behavior == SplitBehavior::isolated && !invert) {
      if (const std::optional<PreTokenizer> kind = built_in(*regex)) return *kind;
    }
    if (regex && !literal) return RegexSplitStep{*regex, behavior, invert};
    if (!literal || literal->empty())
      refuse("pre_tokenizer", json, "Split by a non-empty String, or by a Regex");
    return LiteralSplitStep{*literal, behavior, invert};
  }

  [[nodiscard]] SplitBehavior read_behavior(const Json& json) const {
    constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kBehaviors{{
        {"Isolated", SplitBehavior::isolated},
        {"Removed", SplitBehavior::removed},
        {"MergedWithPrevious", SplitBehavior::merged_with_previous},
        {"MergedWithNext", SplitBehavior::merged_with_next},
        {"Contiguous", SplitBehavior::contiguous},
    }};
    const auto name = json_get<std::string>(json, "behavior", file());
    for (const auto& [text, behavior] : kBehaviors) {
      if (name == text) return behavior;
    }
    refuse("pre_tokenizer", json,
           "the behaviors Isolated, Removed, MergedWithPrevious, MergedWithNext, Contiguous");
  }

  /// The built-in pre-tokenizer for `pattern`, if there is one.
  [[nodiscard]] static std::optional<PreTokenizer> built_in(const std::string& pattern) {
    constexpr std::array<std::pair<std::string_view, PreTokenizer>, 3> kPatterns{{
        {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
         PreTokenizer::gpt2},
        {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
         R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
         PreTokenizer::llama3},
        {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
         R"(\s*[\r\n]+|\s+(?!\S)|\s+)",
         PreTokenizer::qwen2},
    }};
    for (const auto& [text, kind] : kPatterns) {
      if (pattern == text) return kind;
    }
    return std::nullopt;
  }

  [[nodiscard]] MetaspaceStep read_metaspace(const Json& json) const {
    MetaspaceStep step;
    step.mark = json_get<std::string>(json, "replacement", file());
    if (step.mark.empty() || decode_utf8(step.mark, 0).length != step.mark.size() ||
        step.mark == " ") {
      refuse("pre_tokenizer", json, "a replacement of one character other than a space");
    }
    const auto scheme = json_get<std::string>(json, "prepend_scheme", file(), "always");
    if (scheme != "always" && scheme != "first" && scheme != "never") {
      refuse("pre_tokenizer", json, "the prepend schemes always, first, never");
    }
    using Prepend = MetaspaceStep::Prepend;
    // Older files have add_prefix_space only.
    const bool never = scheme == "never" || !json_get(json, "add_prefix_space", file(), true);
    step.prepend = never ? Prepend::never : scheme == "first" ? Prepend::first : Prepend::always;
    step.split = json_get(json, "split", file(), true);
    return step;
  }

  std::vector<PreTokenizerStep> steps_;
};

}  // namespace tutti::detail
