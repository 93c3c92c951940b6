// SPDX-License-Identifier: Apache-2.0
#pragma once
// Picks the best-scored candidate among those that pass a check (as Codex does: filter by the given
// tests, rank by log-probability).

#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>

#include "tutti/selector/best_of_n.hpp"
#include "tutti/selector/selector.hpp"

namespace tutti {

/// The value of a candidate that passes is its score; one that fails has -infinity. When none
/// passes, the best of all is picked, the values are the scores, and `none_passed` is true.
template <std::predicate<const Candidate&> Check>
class FilterThenBest {
 public:
  FilterThenBest(Check check) : check_(std::move(check)) {}

  /// @throws OptionError for no candidates, ComponentError for a score that is NaN.
  [[nodiscard]] Selection select(std::span<const Candidate> candidates) const {
    Selection selection = BestOfN{}.select(candidates);
    Selection filtered = selection;
    bool found = false;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!check_(candidates[i])) {
        filtered.selector_scores[i] = -std::numeric_limits<double>::infinity();
      } else if (!found || filtered.selector_scores[i] > filtered.selector_scores[filtered.index]) {
        filtered.index = i;
        found = true;
      }
    }
    selection.none_passed = true;
    return found ? filtered : selection;
  }

 private:
  Check check_;
};

}  // namespace tutti
