// SPDX-License-Identifier: Apache-2.0
#pragma once
// Picks the candidate that is most similar to all others: minimum Bayes risk decoding over samples
// (Kumar and Byrne 2004; Eikema and Aziz 2020).

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/selector/selector.hpp"
#include "tutti/selector/text_similarity.hpp"
#include "tutti/selector/white_space.hpp"

namespace tutti {

/// A candidate's value is the mean of utility(its text, other text) over all others. Canceled
/// candidates and those with a blank text do not take part: they are compared with nothing and have
/// the value 0. Among equal values a candidate that takes part wins, then the best score, then the
/// lowest index; NaN (not scored) loses to any score. O(n^2) utilities; a BatchTextUtility, such as
/// ChrF, analyzes each text once.
template <TextUtility Utility = ChrF>
class MinimumBayesRisk {
 public:
  MinimumBayesRisk(Utility utility = Utility()) : utility_(std::move(utility)) {}

  /// @throws OptionError for no candidates.
  [[nodiscard]] Selection select(std::span<const Candidate> candidates) const {
    detail::require_candidates(candidates);
    std::vector<bool> takes_part;
    std::vector<std::string_view> texts;
    for (const Candidate& candidate : candidates) {
      takes_part.push_back(detail::may_vote(candidate) &&
                           !detail::trim_white_space(candidate.text).empty());
      if (takes_part.back()) texts.push_back(candidate.text);
    }
    const std::vector<double> utilities = compare_texts(texts);
    Selection selection;
    for (std::size_t i = 0, row = 0; i < candidates.size(); ++i) {
      selection.selector_scores.push_back(
          takes_part[i] ? mean_of_others(utilities, row++, texts.size()) : 0.0);
    }
    selection.index = detail::index_of_winner(selection.selector_scores, candidates, takes_part);
    return selection;
  }

 private:
  /// [texts, texts] utilities, row-major.
  [[nodiscard]] std::vector<double> compare_texts(std::span<const std::string_view> texts) const {
    if constexpr (BatchTextUtility<Utility>) {
      return utility_.compare_all(texts);
    } else {
      std::vector<double> utilities;
      for (std::size_t i = 0; i < texts.size(); ++i) {
        for (std::size_t j = 0; j < texts.size(); ++j)
          utilities.push_back(i == j ? 1.0 : static_cast<double>(utility_(texts[i], texts[j])));
      }
      return utilities;
    }
  }

  [[nodiscard]] static double mean_of_others(std::span<const double> utilities, std::size_t row,
                                             std::size_t count) {
    if (count == 1) return 1.0;
    double sum = 0;
    for (std::size_t j = 0; j < count; ++j) sum += j == row ? 0.0 : utilities[row * count + j];
    return sum / static_cast<double>(count - 1);
  }

  Utility utility_;
};

static_assert(CandidateSelector<MinimumBayesRisk<>>);

}  // namespace tutti
