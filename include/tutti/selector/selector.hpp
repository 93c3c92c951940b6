// SPDX-License-Identifier: Apache-2.0
#pragma once
// The concept of a selector: it sees all candidates with their scores and picks one.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/error.hpp"

namespace tutti {

/// The picked candidate, and the numbers behind the choice.
struct Selection {
  std::size_t index = 0;  ///< Index of the picked candidate.
  /// The selector's own number for each candidate (votes, mean similarity, ...); the picked
  /// candidate has the largest. Candidate::score is the scorer's number.
  std::vector<double> selector_scores;
  /// FilterThenBest only: every candidate failed the check, and the best of all was taken.
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

/// Whether a candidate may vote: it was not canceled and it has tokens or text.
[[nodiscard]] inline bool may_vote(const Candidate& candidate) {
  return candidate.finish != FinishReason::canceled &&
         !(candidate.tokens.empty() && candidate.text.empty());
}

/// Whether candidate i has a better score than j. NaN means not scored and loses to any score.
struct BetterScore {
  std::span<const Candidate> candidates;

  [[nodiscard]] bool operator()(std::size_t i, std::size_t j) const {
    return candidates[i].score > candidates[j].score ||
           (std::isnan(candidates[j].score) && !std::isnan(candidates[i].score));
  }
};

/// Index of the largest value; among equal ones the one that `better(i, j)` prefers, else the
/// lowest index.
template <class Better>
[[nodiscard]] std::size_t index_of_largest(std::span<const double> values, Better better) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best] || (values[i] == values[best] && better(i, best))) best = i;
  }
  return best;
}

/// Index of the largest value among the candidates that voted, or among all when none has; ties go
/// to the better score, then to the lowest index.
[[nodiscard]] inline std::size_t index_of_winner(std::span<const double> values,
                                                 std::span<const Candidate> candidates,
                                                 const std::vector<bool>& voted) {
  const BetterScore better{candidates};
  return index_of_largest(values, [&](std::size_t i, std::size_t j) {
    const bool i_voted = voted[i];
    return i_voted == voted[j] ? better(i, j) : i_voted;
  });
}

}  // namespace detail

}  // namespace tutti
