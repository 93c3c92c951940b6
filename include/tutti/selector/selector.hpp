// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a selector is: it looks at all candidates and their scores, and picks one.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/error.hpp"

namespace tutti {

/// A pick and what it rests on.
struct Selection {
  std::size_t index = 0;  ///< Of the picked candidate.
  /// The selector's own value of each candidate; the pick has the largest.
  std::vector<double> values;
  /// FilterThenBest only: every candidate failed, and the best of all was taken.
  bool none_passed = false;
};

template <class S>
concept CandidateSelector = requires(const S& selector, std::span<const Candidate> candidates) {
  { selector.select(candidates) } -> std::same_as<Selection>;
};

namespace detail {

/// @throws OptionError when there is nothing to pick from.
inline void require_candidates(std::span<const Candidate> candidates) {
  require<OptionError>(!candidates.empty(),
                       "a selector was given 0 candidates: there must be at least one");
}

/// @throws OptionError for no candidates, ComponentError for a score that is NaN.
inline void require_scores(std::span<const Candidate> candidates) {
  require_candidates(candidates);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    require<ComponentError>(!std::isnan(candidates[i].score), "candidate ", i, " of ",
                            candidates.size(),
                            " has the score NaN: score the candidates before selecting");
  }
}

/// Whether candidate i has a better score than j; any is better than NaN, which is none.
struct BetterScore {
  std::span<const Candidate> candidates;

  [[nodiscard]] bool operator()(std::size_t i, std::size_t j) const {
    return candidates[i].score > candidates[j].score ||
           (std::isnan(candidates[j].score) && !std::isnan(candidates[i].score));
  }
};

/// Index of the largest value; among equals the one that `better(i, j)` prefers, at last the lowest
/// index.
template <class Better>
[[nodiscard]] std::size_t index_of_largest(std::span<const double> values, Better better) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best] || (values[i] == values[best] && better(i, best))) best = i;
  }
  return best;
}

}  // namespace detail

}  // namespace tutti
