// SPDX-License-Identifier: Apache-2.0
#pragma once
// The concept of a scorer: it sees the prompt and all candidates and gives each candidate a number;
// larger is better. A lambda is a scorer too.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/scorer/likelihood_source.hpp"

namespace tutti {

/// The input of a scorer. The caller owns all of it.
struct ScoringRequest {
  std::span<const Token> prompt;
  /// The user's prompt; the last user message of a chat; empty for a prompt given as tokens.
  std::string_view prompt_text;
  std::span<const Candidate> candidates;
};

/// A scorer that needs texts, tokens and log-probabilities only. One value per candidate.
template <class S>
concept PlainScorer = requires(S& scorer, const ScoringRequest& request) {
  { scorer.score(request) } -> std::convertible_to<std::vector<double>>;
};

/// A scorer that also asks the experts for likelihoods. One value per candidate.
template <class S>
concept ModelScorer = requires(S& scorer, const ScoringRequest& request, LikelihoodSource& models) {
  { scorer.score(request, models) } -> std::convertible_to<std::vector<double>>;
};

/// A callable that scores one candidate (`double(const Candidate&)`), or all candidates of a
/// request (`std::vector<double>(const ScoringRequest&)`).
template <class F>
concept ScoringFunction = requires(F& function, const Candidate& candidate) {
  { function(candidate) } -> std::convertible_to<double>;
}
|| requires(F& function, const ScoringRequest& request) {
  { function(request) } -> std::convertible_to<std::vector<double>>;
};

template <class S>
concept CandidateScorer = PlainScorer<S> || ModelScorer<S> || ScoringFunction<S>;

/// Whether the scorer will ask the experts. A type that decides at run time, such as AnyScorer, has
/// a member `bool needs_models() const`. Experts that write no candidate process the prompt only
/// when the scorer needs them.
template <CandidateScorer S>
[[nodiscard]] bool scorer_needs_models(const S& scorer) {
  if constexpr (requires { static_cast<bool>(scorer.needs_models()); }) {
    return static_cast<bool>(scorer.needs_models());
  } else {
    return ModelScorer<S>;
  }
}

namespace detail {

template <CandidateScorer S>
[[nodiscard]] std::vector<double> scores_of(S& scorer, const ScoringRequest& request,
                                            LikelihoodSource& models) {
  if constexpr (ModelScorer<S>) {
    return scorer.score(request, models);
  } else if constexpr (PlainScorer<S>) {
    return scorer.score(request);
  } else if constexpr (std::invocable<S&, const Candidate&>) {
    std::vector<double> scores;
    scores.reserve(request.candidates.size());
    for (const Candidate& candidate : request.candidates)
      scores.push_back(static_cast<double>(scorer(candidate)));
    return scores;
  } else {
    return scorer(request);
  }
}

}  // namespace detail

/// The scores of all candidates, checked.
/// @throws ComponentError when there are more or fewer scores than candidates, or one is NaN.
template <CandidateScorer S>
[[nodiscard]] std::vector<double> run_scorer(S& scorer, const ScoringRequest& request,
                                             LikelihoodSource& models) {
  std::vector<double> scores = detail::scores_of(scorer, request, models);
  require<ComponentError>(scores.size() == request.candidates.size(), "the scorer returned ",
                          scores.size(), " values for ", request.candidates.size(),
                          " candidates: return one value per candidate");
  for (std::size_t i = 0; i < scores.size(); ++i) {
    require<ComponentError>(!std::isnan(scores[i]), "the scorer returned NaN for candidate ", i,
                            " of ", scores.size(),
                            ": return -infinity for a candidate that must not be selected");
  }
  return scores;
}

}  // namespace tutti
