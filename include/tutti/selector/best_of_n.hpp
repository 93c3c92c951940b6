// SPDX-License-Identifier: Apache-2.0
#pragma once
// Picks the candidate with the best score.

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "tutti/selector/selector.hpp"

namespace tutti {

/// The selector's values are the scores; among equal ones the lowest index wins.
struct BestOfN {
  /// @throws OptionError for no candidates, ComponentError for a score that is NaN.
  [[nodiscard]] Selection select(std::span<const Candidate> candidates) const {
    detail::require_scores(candidates);
    Selection selection;
    for (const Candidate& candidate : candidates)
      selection.selector_scores.push_back(candidate.score);
    selection.index = detail::index_of_largest(selection.selector_scores,
                                               [](std::size_t, std::size_t) { return false; });
    return selection;
  }
};

static_assert(CandidateSelector<BestOfN>);

}  // namespace tutti
