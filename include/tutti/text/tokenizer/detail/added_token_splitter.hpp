// SPDX-License-Identifier: Apache-2.0
#pragma once
// Cuts a text at its added tokens: first at those that are found in the text as it is, then at
// those that are found after normalization.

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/byte_range.hpp"
#include "tutti/text/tokenizer/added_tokens.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"

namespace tutti::detail {

class AddedTokenSplitter {
 public:
  AddedTokenSplitter() = default;

  /// @param tokens those found before normalization, and those found after it, whose texts are
  /// normalized.
  AddedTokenSplitter(std::array<std::vector<AddedToken>, 2> tokens, Normalizer normalizer)
      : normalizer_(std::move(normalizer)) {
    for (const AddedToken& token : tokens[1]) has_special_after_normalization_ |= token.special;
    patterns_ = {AddedTokens(std::move(tokens[0])), AddedTokens(std::move(tokens[1]))};
  }

  /// Calls `on_text(part, begins_text)` for the normalized text between added tokens, and
  /// `on_token(token)` for these.
  /// @param untrusted see Tokenizer::encode_partly_trusted.
  /// @param parse_special special tokens are found.
  template <class OnText, class OnToken>
  void split(std::string_view text, std::span<const ByteRange> untrusted, bool parse_special,
             OnText on_text, OnToken on_token) const {
    split_stage(text, {untrusted.begin(), untrusted.end()}, 0, true, parse_special, on_text,
                on_token);
  }

 private:
  /// Finds the added tokens of `stage` and passes the text between them to the next stage, finally
  /// to `on_text`. The text is normalized before the second stage.
  template <class OnText, class OnToken>
  void split_stage(std::string_view text, std::vector<ByteRange> untrusted, std::size_t stage,
                   bool begins_text, bool parse_special, OnText& on_text, OnToken& on_token) const {
    if (text.empty()) return;
    if (stage == patterns_.size()) return on_text(text, begins_text);
    std::string normalized;
    if (stage == 1 && !normalizer_.empty()) {
      normalized = normalizer_(std::string(text));
      untrusted = normalized_ranges(text, normalized, untrusted);
      text = normalized;
    }
    const auto is_trusted = [&](const AddedToken& token, std::size_t begin) {
      return !token.special || !overlaps(untrusted, {begin, begin + token.text.size()});
    };
    std::size_t done = 0;
    std::size_t search_from = 0;
    const auto split_until = [&](std::size_t end) {
      split_stage(text.substr(done, end - done), part_of(untrusted, {done, end}), stage + 1,
                  begins_text && done == 0, parse_special, on_text, on_token);
    };
    while (const auto match = patterns_[stage].find_next(text, search_from, is_trusted)) {
      search_from = match->end;
      if (match->token->special && !parse_special) continue;
      if (match->token->single_word && !is_single_word(text, match->begin, match->end)) continue;
      std::size_t begin = match->begin;
      if (match->token->strip_left)
        begin = std::max(done, white_space_begin(text, match->begin, done));
      const std::size_t end = match->token->strip_right ? white_space_run_end(text, match->end)
                                                        : match->end;
      // As in tokenizers, a token that begins within the white space of the one before is found
      // nevertheless, unless it strips to the left and nothing is left of it.
      if (begin >= end) continue;
      if (begin > done) split_until(begin);
      on_token(match->token->id);
      done = end;
    }
    split_until(text.size());
  }

  /// The first of the ranges that ends after byte `at`.
  static std::vector<ByteRange>::const_iterator first_after(const std::vector<ByteRange>& ranges,
                                                            std::size_t at) {
    return std::partition_point(ranges.begin(), ranges.end(),
                                [at](const ByteRange& range) { return range.end <= at; });
  }

  static bool overlaps(const std::vector<ByteRange>& ranges, ByteRange range) {
    const auto next = first_after(ranges, range.begin);
    return next != ranges.end() && next->begin < range.end;
  }

  /// The ranges within `part`, relative to its beginning.
  static std::vector<ByteRange> part_of(const std::vector<ByteRange>& ranges, ByteRange part) {
    std::vector<ByteRange> result;
    for (auto next = first_after(ranges, part.begin);
         next != ranges.end() && next->begin < part.end; ++next) {
      result.push_back({std::max(next->begin, part.begin) - part.begin,
                        std::min(next->end, part.end) - part.begin});
    }
    return result;
  }

  /// Where the ranges of `text` are in its normalized form: what is normalized to the same bytes
  /// without the range is outside of it.
  [[nodiscard]] std::vector<ByteRange> normalized_ranges(
      std::string_view text, const std::string& normalized,
      const std::vector<ByteRange>& ranges) const {
    if (ranges.empty() || !has_special_after_normalization_) return {};
    std::vector<ByteRange> result;
    for (const ByteRange& range : ranges) {
      const std::string before = normalizer_(std::string(text.substr(0, range.begin)));
      const std::string after = normalizer_(std::string(text.substr(range.end)));
      const auto begin = static_cast<std::size_t>(
          std::mismatch(before.begin(), before.end(), normalized.begin(), normalized.end()).first -
          before.begin());
      const auto same_at_end = static_cast<std::size_t>(
          std::mismatch(after.rbegin(), after.rend(), normalized.rbegin(), normalized.rend())
              .first -
          after.rbegin());
      const std::size_t end = normalized.size() - same_at_end;
      if (begin < end) result.push_back({begin, end});
    }
    return result;
  }

  std::array<AddedTokens, 2> patterns_;
  bool has_special_after_normalization_ = false;
  Normalizer normalizer_;
};

}  // namespace tutti::detail
