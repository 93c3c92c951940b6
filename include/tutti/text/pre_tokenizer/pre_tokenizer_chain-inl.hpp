// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of pre_tokenizer_chain.hpp.

#include <utility>

#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"

namespace tutti {

namespace detail {

/// The first occurrence of `wanted` at or after `from`.
[[nodiscard]] inline MatchedSpan find_text(std::string_view text, std::string_view wanted,
                                           std::size_t from) {
  const std::size_t at = text.find(wanted, from);
  return at == std::string_view::npos ? MatchedSpan{text.size(), text.size()}
                                      : MatchedSpan{at, at + wanted.size()};
}

/// The first digit at or after `from`.
[[nodiscard]] inline MatchedSpan find_digit(std::string_view text, std::size_t from) {
  const ClassifiedText classified(text);
  auto next = classified.at(from);
  while (next.length > 0 && !is_single_digit(next)) {
    from += next.length;
    next = classified.at(from);
  }
  return {from, from + next.length};
}

}  // namespace detail

TUTTI_INLINE PreTokenizerChain::PreTokenizerChain(std::vector<PreTokenizerStep> steps)
    : steps_(std::move(steps)), patterns_(steps_.size()) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (const auto* split = std::get_if<RegexSplitStep>(&steps_[i]))
      patterns_[i].emplace(split->pattern);
  }
}

TUTTI_INLINE void PreTokenizerChain::run(std::size_t step, std::string_view piece, bool begins_text,
                                         PieceVisitor visit) const {
  if (step == steps_.size()) return visit(piece);
  const auto next = [&](std::string_view part) {
    run(step + 1, part, begins_text && part.data() == piece.data(), visit);
  };
  if (const auto* kind = std::get_if<PreTokenizer>(&steps_[step])) {
    tutti::for_each_piece(piece, *kind, next);
  } else if (const auto* split = std::get_if<LiteralSplitStep>(&steps_[step])) {
    const auto spans = detail::spans_of(piece.size(), split->invert, [&](std::size_t from) {
      return detail::find_text(piece, split->text, from);
    });
    detail::visit_split(piece, spans, split->behavior, next);
  } else if (const auto* regex = std::get_if<RegexSplitStep>(&steps_[step])) {
    detail::visit_split(piece, patterns_[step]->spans(piece, regex->invert), regex->behavior, next);
  } else if (const auto* digits = std::get_if<DigitsStep>(&steps_[step])) {
    const auto spans = detail::spans_of(
        piece.size(), false, [&](std::size_t from) { return detail::find_digit(piece, from); });
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

TUTTI_INLINE void PreTokenizerChain::run_metaspace(const MetaspaceStep& metaspace, std::size_t step,
                                                   std::string_view piece, bool begins_text,
                                                   PieceVisitor visit) const {
  std::string marked = replace_all(piece, {" ", metaspace.mark});
  const bool wanted = metaspace.prepend == MetaspaceStep::Prepend::always ||
                      (metaspace.prepend == MetaspaceStep::Prepend::first && begins_text);
  if (wanted && !marked.starts_with(metaspace.mark)) marked.insert(0, metaspace.mark);
  if (!metaspace.split) return run(step + 1, marked, begins_text, visit);
  const std::string_view text = marked;
  const auto spans = detail::spans_of(text.size(), false, [&](std::size_t from) {
    return detail::find_text(text, metaspace.mark, from);
  });
  detail::visit_split(text, spans, SplitBehavior::merged_with_next, [&](std::string_view part) {
    run(step + 1, part, begins_text && part.data() == text.data(), visit);
  });
}

}  // namespace tutti
