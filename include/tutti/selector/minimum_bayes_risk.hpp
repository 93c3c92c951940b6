// SPDX-License-Identifier: Apache-2.0
#pragma once
// Picks the candidate that is most like all the others (Kumar and Byrne 2004; Eikema and Aziz
// 2020): the sample with the largest mean utility against the rest.

#include <cstddef>
#include <span>
#include <utility>

#include "tutti/selector/selector.hpp"
#include "tutti/selector/text_similarity.hpp"

namespace tutti {

/// A candidate's value is the mean of utility(its text, another's text) over all others; of equal
/// ones the best score wins, then the lowest index; scores that are NaN, that is not given, only
/// lose such ties. O(n^2) utilities.
template <TextUtility Utility = ChrF>
class MinimumBayesRisk {
 public:
  explicit MinimumBayesRisk(Utility utility = {}) : utility_(std::move(utility)) {}

  /// @throws OptionError for no candidates.
  [[nodiscard]] Selection select(std::span<const Candidate> candidates) const {
    detail::require_candidates(candidates);
    const std::size_t n = candidates.size();
    Selection selection;
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < n; ++j)
        sum += i == j ? 0.0 : utility_(candidates[i].text, candidates[j].text);
      selection.values.push_back(n == 1 ? 1.0 : sum / static_cast<double>(n - 1));
    }
    selection.index = detail::index_of_largest(selection.values, detail::BetterScore{candidates});
    return selection;
  }

 private:
  Utility utility_;
};

static_assert(CandidateSelector<MinimumBayesRisk<>>);

}  // namespace tutti
