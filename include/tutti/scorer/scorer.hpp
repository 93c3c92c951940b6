// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a value function is: it sees the prompt and all candidates, and gives each a number, larger
// is better.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// What a scorer is asked about. All of it belongs to the caller.
struct ScoringRequest {
  std::span<const Token> prompt;
  std::string_view prompt_text;  ///< Empty when the prompt was given as tokens.
  std::span<const Candidate> candidates;
};

/// A scorer that looks at texts, tokens and log-probabilities only: one value for each candidate.
template <class S>
concept PlainScorer = requires(S& scorer, const ScoringRequest& request) {
  { scorer.score(request) } -> std::convertible_to<std::vector<double>>;
};

/// A scorer that asks the experts themselves: it declares `static constexpr bool kNeedsModels =
/// true` and has a template `score(request, models)`, where `models` is the ensemble's
/// TeacherForcing.
template <class S>
concept ModelScorer = requires {
  requires S::kNeedsModels;
};

template <class S>
concept CandidateScorer = PlainScorer<S> || ModelScorer<S>;

/// Values of all candidates, checked.
/// @throws ComponentError when there are more or fewer values than candidates, or one is NaN.
template <CandidateScorer S, class Models>
[[nodiscard]] std::vector<double> run_scorer(S& scorer, const ScoringRequest& request,
                                             Models& models) {
  std::vector<double> scores;
  if constexpr (ModelScorer<S>) {
    scores = scorer.score(request, models);
  } else {
    scores = scorer.score(request);
  }
  require<ComponentError>(scores.size() == request.candidates.size(), "the scorer gave ",
                          scores.size(), " values for ", request.candidates.size(),
                          " candidates: it must give one for each");
  for (std::size_t i = 0; i < scores.size(); ++i) {
    require<ComponentError>(!std::isnan(scores[i]), "the scorer gave candidate ", i, " of ",
                            scores.size(),
                            " the value NaN: give -infinity to what must not be picked");
  }
  return scores;
}

}  // namespace tutti
