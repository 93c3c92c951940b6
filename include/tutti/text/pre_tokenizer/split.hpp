// SPDX-License-Identifier: Apache-2.0
#pragma once
// Cutting a text where a pattern matches, with the five behaviors of tokenizers' Split.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tutti/text/pre_tokenizer/piece_visitor.hpp"

namespace tutti {

/// What happens to the matches.
enum class SplitBehavior : std::uint8_t {
  isolated,              ///< Each is a piece.
  removed,               ///< They are dropped.
  merged_with_previous,  ///< Each ends the piece before it.
  merged_with_next,      ///< Each begins the piece after it.
  contiguous,            ///< Adjacent matches are one piece.
};

/// A range of a text that a pattern matched, or one between two matches.
struct MatchedSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool is_match = false;

  friend bool operator==(const MatchedSpan&, const MatchedSpan&) = default;
};

namespace detail {

/// Whether two adjacent spans become one piece. `left` and `right`: whether each is a match.
[[nodiscard]] constexpr bool joins(SplitBehavior behavior, bool left, bool right) {
  switch (behavior) {
    case SplitBehavior::merged_with_previous: return right && !left;
    case SplitBehavior::merged_with_next: return left && !right;
    case SplitBehavior::contiguous: return left == right;
    default: return false;
  }
}

/// The spans of a text. `find_match(from)` returns the next match at or after byte `from` as a
/// MatchedSpan with begin < end, or one with begin = end = text_size.
template <class FindMatch>
[[nodiscard]] std::vector<MatchedSpan> spans_of(std::size_t text_size, bool invert,
                                                FindMatch find_match) {
  std::vector<MatchedSpan> spans;
  for (std::size_t done = 0; done < text_size;) {
    const MatchedSpan match = find_match(done);
    if (match.begin > done) spans.push_back({done, match.begin, invert});
    if (match.begin < match.end) spans.push_back({match.begin, match.end, !invert});
    done = match.end;
  }
  return spans;
}

/// Calls `visit` for the pieces, none of which is empty. The spans cover `text`, in order.
inline void visit_split(std::string_view text, const std::vector<MatchedSpan>& spans,
                        SplitBehavior behavior, PieceVisitor visit) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const bool is_last = i + 1 == spans.size();
    if (!is_last && joins(behavior, spans[i].is_match, spans[i + 1].is_match)) continue;
    const bool removed = behavior == SplitBehavior::removed && spans[i].is_match;
    if (!removed && spans[i].end > begin) visit(text.substr(begin, spans[i].end - begin));
    begin = spans[i].end;
  }
}

}  // namespace detail

}  // namespace tutti
