// SPDX-License-Identifier: Apache-2.0
// The expected pieces are what tokenizers 0.23.3 gives.
#include "tutti/text/pre_tokenizer/split.hpp"

#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

using Pieces = std::vector<std::string_view>;

/// Cuts at every '-'.
Pieces split_at_dashes(std::string_view text, SplitBehavior behavior, bool invert = false) {
  const auto spans = detail::spans_of(text.size(), invert, [&](std::size_t from) {
    const std::size_t at = text.find('-', from);
    return at == std::string_view::npos ? MatchedSpan{text.size(), text.size()}
                                        : MatchedSpan{at, at + 1};
  });
  Pieces pieces;
  detail::visit_split(text, spans, behavior,
                      [&](std::string_view piece) { pieces.push_back(piece); });
  return pieces;
}

}  // namespace

TEST_CASE("the five behaviors differ in where a match goes", "[text][split]") {
  const std::string_view text = "the-final--countdown";
  CHECK(split_at_dashes(text, SplitBehavior::removed) == Pieces{"the", "final", "countdown"});
  CHECK(split_at_dashes(text, SplitBehavior::isolated) ==
        Pieces{"the", "-", "final", "-", "-", "countdown"});
  CHECK(split_at_dashes(text, SplitBehavior::merged_with_previous) ==
        Pieces{"the-", "final-", "-", "countdown"});
  CHECK(split_at_dashes(text, SplitBehavior::merged_with_next) ==
        Pieces{"the", "-final", "-", "-countdown"});
  CHECK(split_at_dashes(text, SplitBehavior::contiguous) ==
        Pieces{"the", "-", "final", "--", "countdown"});
}

TEST_CASE("inverted, the stretches between the matches are the matches", "[text][split]") {
  const std::string_view text = "the-final--countdown";
  CHECK(split_at_dashes(text, SplitBehavior::removed, true) == Pieces{"-", "-", "-"});
  CHECK(split_at_dashes(text, SplitBehavior::merged_with_previous, true) ==
        Pieces{"the", "-final", "-", "-countdown"});
  CHECK(split_at_dashes(text, SplitBehavior::merged_with_next, true) ==
        Pieces{"the-", "final-", "-", "countdown"});
}

TEST_CASE("matches at both ends leave no empty pieces", "[text][split]") {
  CHECK(split_at_dashes("-a-", SplitBehavior::merged_with_previous) == Pieces{"-", "a-"});
  CHECK(split_at_dashes("-a-", SplitBehavior::merged_with_next) == Pieces{"-a", "-"});
  CHECK(split_at_dashes("-", SplitBehavior::removed).empty());
  CHECK(split_at_dashes("", SplitBehavior::isolated).empty());
}
