// SPDX-License-Identifier: Apache-2.0
#pragma once
// Pre-tokenizers one after the other, as a file lists them: each cuts the pieces of the one before,
// some change their text.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tutti/text/pre_tokenizer/pre_tokenizer.hpp"
#include "tutti/text/pre_tokenizer/regex_pattern.hpp"
#include "tutti/text/pre_tokenizer/split.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

/// Cuts at every `text`. Precondition: it is not empty.
struct LiteralSplitStep {
  std::string text;
  SplitBehavior behavior = SplitBehavior::isolated;
  /// What lies between the matches counts as matched, and the other way round.
  bool invert = false;

  friend bool operator==(const LiteralSplitStep&, const LiteralSplitStep&) = default;
};

/// Cuts where a regular expression matches; see RegexPattern.
struct RegexSplitStep {
  std::string pattern;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;

  friend bool operator==(const RegexSplitStep&, const RegexSplitStep&) = default;
};

/// Cuts digits from the rest, each alone or in runs.
struct DigitsStep {
  bool individual = false;

  friend bool operator==(const DigitsStep&, const DigitsStep&) = default;
};

/// Puts a space before a piece that begins without one.
struct PrefixSpaceStep {
  friend bool operator==(const PrefixSpaceStep&, const PrefixSpaceStep&) = default;
};

/// SentencePiece's spaces: every space becomes `mark`, which is also put before a piece that begins
/// without one.
struct MetaspaceStep {
  /// `first`: only where the whole text begins.
  enum class Prepend : std::uint8_t { always, first, never };

  std::string mark = "\xE2\x96\x81";
  Prepend prepend = Prepend::always;
  bool split = true;  ///< Cut before every mark.

  friend bool operator==(const MetaspaceStep&, const MetaspaceStep&) = default;
};

using PreTokenizerStep = std::variant<PreTokenizer, LiteralSplitStep, RegexSplitStep, DigitsStep,
                                      PrefixSpaceStep, MetaspaceStep>;

/// Immutable, so const methods may run in any number of threads.
class PreTokenizerChain {
 public:
  /// @throws FormatError when a pattern is not supported.
  explicit PreTokenizerChain(std::vector<PreTokenizerStep> steps = {}) : steps_(std::move(steps)) {
    for (const PreTokenizerStep& step : steps_) {
      const auto* split = std::get_if<RegexSplitStep>(&step);
      patterns_.push_back(split == nullptr ? std::nullopt
                                           : std::optional<RegexPattern>(split->pattern));
    }
  }

  /// Calls `visit(std::string_view piece)` for the pieces of `text` in order; none is empty.
  /// @throws FormatError when a pattern takes too long; OptionError when the text is no valid UTF-8
  /// and a pattern is to match it.
  /// @param begins_text whether the whole text begins here, and not only a part of it behind an
  /// added token.
  template <class Visit>
  void for_each_piece(std::string_view text, bool begins_text, Visit&& visit) const {
    if (!text.empty()) run(0, text, begins_text, visit);
  }

 private:
  /// Runs the steps from `step` on over one piece.
  template <class Visit>
  void run(std::size_t step, std::string_view piece, bool begins_text, Visit& visit) const {
    if (step == steps_.size()) return static_cast<void>(visit(piece));
    const auto next = [&](std::string_view part) {
      run(step + 1, part, begins_text && part.data() == piece.data(), visit);
    };
    if (const auto* kind = std::get_if<PreTokenizer>(&steps_[step])) {
      tutti::for_each_piece(piece, *kind, next);
    } else if (const auto* split = std::get_if<LiteralSplitStep>(&steps_[step])) {
      const auto spans = detail::spans_of(piece.size(), split->invert, [&](std::size_t from) {
        return find(piece, split->text, from);
      });
      detail::visit_split(piece, spans, split->behavior, next);
    } else if (const auto* regex = std::get_if<RegexSplitStep>(&steps_[step])) {
      detail::visit_split(piece, patterns_[step]->spans(piece, regex->invert), regex->behavior,
                          next);
    } else if (const auto* digits = std::get_if<DigitsStep>(&steps_[step])) {
      const auto spans = detail::spans_of(
          piece.size(), false, [&](std::size_t from) { return find_digit(piece, from); });
      detail::visit_split(piece, spans,
                          digits->individual ? SplitBehavior::isolated : SplitBehavior::contiguous,
                          next);
    } else if (const auto* metaspace = std::get_if<MetaspaceStep>(&steps_[step])) {
      run_metaspace(*metaspace, step, piece, begins_text, visit);
    } else if (piece.front() == ' ') {
      run(step + 1, piece, begins_text, visit);
    } else {
      run(step + 1, ' ' + std::string(piece), begins_text, visit);
    }
  }

  template <class Visit>
  void run_metaspace(const MetaspaceStep& metaspace, std::size_t step, std::string_view piece,
                     bool begins_text, Visit& visit) const {
    std::string marked = replace_all(piece, {" ", metaspace.mark});
    const bool wanted = metaspace.prepend == MetaspaceStep::Prepend::always ||
                        (metaspace.prepend == MetaspaceStep::Prepend::first && begins_text);
    if (wanted && !marked.starts_with(metaspace.mark)) marked.insert(0, metaspace.mark);
    if (!metaspace.split) return run(step + 1, marked, begins_text, visit);
    const std::string_view text = marked;
    const auto spans = detail::spans_of(
        text.size(), false, [&](std::size_t from) { return find(text, metaspace.mark, from); });
    detail::visit_split(text, spans, SplitBehavior::merged_with_next, [&](std::string_view part) {
      run(step + 1, part, begins_text && part.data() == text.data(), visit);
    });
  }

  static MatchedSpan find(std::string_view text, std::string_view wanted, std::size_t from) {
    const std::size_t at = text.find(wanted, from);
    return at == std::string_view::npos ? MatchedSpan{text.size(), text.size()}
                                        : MatchedSpan{at, at + wanted.size()};
  }

  static MatchedSpan find_digit(std::string_view text, std::size_t from) {
    const detail::ClassifiedText classified(text);
    auto next = classified.at(from);
    while (next.length > 0 && !detail::is_single_digit(next)) {
      from += next.length;
      next = classified.at(from);
    }
    return {from, from + next.length};
  }

  std::vector<PreTokenizerStep> steps_;
  std::vector<std::optional<RegexPattern>> patterns_;  // by step
};

}  // namespace tutti
