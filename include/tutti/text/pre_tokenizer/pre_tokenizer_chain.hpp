// SPDX-License-Identifier: Apache-2.0
#pragma once
// A sequence of pre-tokenizers, as a file lists them: each cuts the pieces of the one before; some
// change the text.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/pre_tokenizer/piece_visitor.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer.hpp"
#include "tutti/text/pre_tokenizer/regex_pattern.hpp"
#include "tutti/text/pre_tokenizer/split.hpp"

namespace tutti {

/// Cuts at each occurrence of `text`, which must not be empty.
struct LiteralSplitStep {
  std::string text;
  SplitBehavior behavior = SplitBehavior::isolated;
  /// Swaps the matches and the text between them.
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

/// Cuts digits from the rest, one by one or in runs.
struct DigitsStep {
  bool individual = false;

  friend bool operator==(const DigitsStep&, const DigitsStep&) = default;
};

/// Prepends a space to a piece that does not begin with one.
struct PrefixSpaceStep {
  friend bool operator==(const PrefixSpaceStep&, const PrefixSpaceStep&) = default;
};

/// SentencePiece's spaces: each space becomes `mark`, which is also prepended to a piece that does
/// not begin with it.
struct MetaspaceStep {
  /// `first`: only at the beginning of the whole text.
  enum class Prepend : std::uint8_t { always, first, never };

  std::string mark = "\xE2\x96\x81";
  Prepend prepend = Prepend::always;
  bool split = true;  ///< Cut before each mark.

  friend bool operator==(const MetaspaceStep&, const MetaspaceStep&) = default;
};

using PreTokenizerStep = std::variant<PreTokenizer, LiteralSplitStep, RegexSplitStep, DigitsStep,
                                      PrefixSpaceStep, MetaspaceStep>;

/// Immutable, so const methods may run in any number of threads.
class PreTokenizerChain {
 public:
  /// @throws FormatError when a pattern is not supported.
  explicit PreTokenizerChain(std::vector<PreTokenizerStep> steps = {});

  /// Calls `visit` for the pieces of `text` in order; no piece is empty.
  /// @param begins_text whether `text` is the beginning of the whole text, and not a part of it
  /// after an added token.
  /// @throws FormatError when a pattern takes too long; OptionError when the text is not valid
  /// UTF-8 and a pattern is to match it.
  void for_each_piece(std::string_view text, bool begins_text, PieceVisitor visit) const {
    if (!text.empty()) run(0, text, begins_text, visit);
  }

 private:
  /// Runs the steps from `step` on over one piece.
  void run(std::size_t step, std::string_view piece, bool begins_text, PieceVisitor visit) const;
  void run_metaspace(const MetaspaceStep& metaspace, std::size_t step, std::string_view piece,
                     bool begins_text, PieceVisitor visit) const;

  std::vector<PreTokenizerStep> steps_;
  std::vector<std::optional<RegexPattern>> patterns_;  // by step
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain-inl.hpp"
#endif
