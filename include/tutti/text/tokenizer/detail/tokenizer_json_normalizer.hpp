// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of the sections "normalizer" and "decoder" of a tokenizer.json.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/json.hpp"
#include "tutti/text/tokenizer/detail/tokenizer_json_section.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"

namespace tutti::detail {

class TokenizerJsonNormalizer : private TokenizerJsonSection {
 public:
  using TokenizerJsonSection::TokenizerJsonSection;

  [[nodiscard]] std::vector<NormalizerStep> read_normalizer(const Json& json) const {
    std::vector<NormalizerStep> steps;
    append_steps(json, json, steps);
    return steps;
  }

  /// Reads how tokens are decoded.
  void read_decoder(const Json& json, TokenizerDefinition& definition) const {
    const bool byte_level = definition.model == TokenizerModel::byte_level_bpe;
    if (byte_level != (type_of(json) == "ByteLevel")) {
      refuse("decoder", json,
             byte_level ? "ByteLevel, as the pre-tokenizer is ByteLevel" : kDecoders);
    }
    if (byte_level) return;
    const Json* steps = type_of(json) == "Sequence" ? json_find(json, "decoders") : nullptr;
    if (steps == nullptr || !steps->is_array()) refuse("decoder", json, kDecoders);
    bool fused = false;
    for (const Json& step : *steps) {
      const std::string type = type_of(step);
      if (type == "Replace" && !definition.decode_byte_tokens && !fused) {
        definition.decoder_replacements.push_back(read_replace("decoder", step, json));
      } else if (type == "ByteFallback" && !definition.decode_byte_tokens && !fused) {
        definition.decode_byte_tokens = true;
      } else if (type == "Fuse" && !fused) {
        fused = true;
      } else if (type == "Strip" && fused && definition.decoder_strips_spaces == 0) {
        definition.decoder_strips_spaces = read_strip(step, json);
      } else {
        refuse("decoder", json, kDecoders);
      }
    }
    // Without Fuse, Strip would apply to each token.
    if (!fused) refuse("decoder", json, kDecoders);
  }

 private:
  static constexpr std::string_view kDecoders =
      "ByteLevel; Sequence of Replace (of a String), ByteFallback, Fuse, Strip (of spaces at the "
      "start), in this order";
  static constexpr std::string_view kNormalizers =
      "null, NFC, Prepend, Replace (of a String), Sequence of these";
  static constexpr std::size_t kMaxSteps = 16;

  void append_steps(const Json& json, const Json& whole, std::vector<NormalizerStep>& steps) const {
    const std::string type = type_of(json);
    if (type == "Sequence") {
      const Json& parts = member(json, "normalizers");
      if (!parts.is_array()) refuse("normalizer", whole, kNormalizers);
      for (const Json& part : parts) append_steps(part, whole, steps);
    } else if (type == "Prepend") {
      steps.emplace_back(PrependStep{json_get<std::string>(json, "prepend", file())});
    } else if (type == "NFC") {
      steps.emplace_back(NfcStep{});
    } else if (type == "Replace") {
      steps.emplace_back(read_replace("normalizer", json, whole));
    } else {
      refuse("normalizer", json, kNormalizers);
    }
    if (steps.size() > kMaxSteps) refuse("normalizer", whole, "at most 16 steps");
  }

  [[nodiscard]] ReplaceStep read_replace(std::string_view key, const Json& json,
                                         const Json& whole) const {
    const auto pattern = json_optional<std::string>(member(json, "pattern"), "String", file());
    if (!pattern || pattern->empty())
      refuse(key, whole, "Replace with a pattern of the form {\"String\": ...}");
    return {*pattern, json_get<std::string>(json, "content", file())};
  }

  [[nodiscard]] std::size_t read_strip(const Json& json, const Json& whole) const {
    const auto start = json_get<std::size_t>(json, "start", file());
    const bool spaces_at_start = json_get<std::string>(json, "content", file()) == " " &&
                                 json_get<std::size_t>(json, "stop", file()) == 0;
    if (!spaces_at_start || start == 0) refuse("decoder", whole, kDecoders);
    return start;
  }
};

}  // namespace tutti::detail
