// SPDX-License-Identifier: Apache-2.0
#pragma once
// Normalization of a text before it is cut into pieces: the steps that SentencePiece tokenizers and
// Qwen use, in the order of the file.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/text/unicode/nfc.hpp"

namespace tutti {

/// Prepends `text` to a text that is not empty.
struct PrependStep {
  std::string text;

  friend bool operator==(const PrependStep&, const PrependStep&) = default;
};

/// Replaces each `from` by `to`, from left to right. Precondition: `from` is not empty.
struct ReplaceStep {
  std::string from;
  std::string to;

  friend bool operator==(const ReplaceStep&, const ReplaceStep&) = default;
};

/// Normalization form C; see to_nfc.
struct NfcStep {
  friend bool operator==(const NfcStep&, const NfcStep&) = default;
};

using NormalizerStep = std::variant<PrependStep, ReplaceStep, NfcStep>;

/// `text` with every `step.from` replaced.
[[nodiscard]] inline std::string replace_all(std::string_view text, const ReplaceStep& step) {
  std::string result;
  result.reserve(text.size());
  while (true) {
    const std::size_t at = text.find(step.from);
    result += text.substr(0, at);
    if (at == std::string_view::npos) return result;
    result += step.to;
    text.remove_prefix(at + step.from.size());
  }
}

/// Runs the steps in order.
class Normalizer {
 public:
  explicit Normalizer(std::vector<NormalizerStep> steps = {}) : steps_(std::move(steps)) {}

  [[nodiscard]] bool empty() const { return steps_.empty(); }

  /// @throws FormatError when the result exceeds kMaxGrowth times the text: a few replacements of
  /// one character by many could otherwise fill the memory.
  [[nodiscard]] std::string operator()(std::string text) const {
    const std::size_t max_size = kMaxGrowth * text.size();
    for (const NormalizerStep& step : steps_) {
      if (const auto* prepend = std::get_if<PrependStep>(&step)) {
        if (text.empty()) continue;
        require_room(text.size() + prepend->text.size(), max_size);
        text.insert(0, prepend->text);
      } else if (const auto* replace = std::get_if<ReplaceStep>(&step)) {
        require_room(text.size() + occurrences(text, replace->from) * replace->to.size(), max_size);
        text = replace_all(text, *replace);
      } else {
        text = to_nfc(text);
      }
    }
    return text;
  }

 private:
  // A space becomes U+2581, which has three bytes, and one more may be prepended.
  static constexpr std::size_t kMaxGrowth = 64;

  static void require_room(std::size_t size, std::size_t max_size) {
    require<FormatError>(size <= max_size, "the tokenizer's normalizer would make ", size,
                         " bytes of a text of ", max_size / kMaxGrowth, "; at most ", kMaxGrowth,
                         " times as many are allowed");
  }

  static std::size_t occurrences(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos;
         at = text.find(part, at + part.size()))
      ++count;
    return count;
  }

  std::vector<NormalizerStep> steps_;
};

}  // namespace tutti
