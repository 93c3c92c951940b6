// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a tokenizer does to a text before it cuts it: the steps that SentencePiece tokenizers and
// Qwen need, in the order of the file.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/text/unicode/nfc.hpp"

namespace tutti {

/// Puts `text` before every text that is not empty.
struct PrependStep {
  std::string text;

  friend bool operator==(const PrependStep&, const PrependStep&) = default;
};

/// Writes `to` for every `from`, from left to right. Precondition: `from` is not empty.
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

/// Runs the steps one after the other.
class Normalizer {
 public:
  explicit Normalizer(std::vector<NormalizerStep> steps = {}) : steps_(std::move(steps)) {}

  [[nodiscard]] bool empty() const { return steps_.empty(); }

  /// @throws FormatError when the steps make far more of the text than tokenizers have a use for: a
  /// few replacements of one character by many would fill any memory.
  [[nodiscard]] std::string operator()(std::string text) const {
    const std::size_t most = kMaxGrowth * text.size();
    for (const NormalizerStep& step : steps_) {
      if (const auto* prepend = std::get_if<PrependStep>(&step)) {
        if (text.empty()) continue;
        require_room(text.size() + prepend->text.size(), most);
        text.insert(0, prepend->text);
      } else if (const auto* replace = std::get_if<ReplaceStep>(&step)) {
        require_room(text.size() + occurrences(text, replace->from) * replace->to.size(), most);
        text = replace_all(text, *replace);
      } else {
        text = to_nfc(text);
      }
    }
    return text;
  }

 private:
  // U+2581 has three bytes for one space, and a text of one character gets one put before it.
  static constexpr std::size_t kMaxGrowth = 64;

  static void require_room(std::size_t size, std::size_t most) {
    require<FormatError>(size <= most, "the tokenizer's normalizer would make ", size,
                         " bytes of a text of ", most / kMaxGrowth, "; at most ", kMaxGrowth,
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
