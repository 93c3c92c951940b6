// SPDX-License-Identifier: Apache-2.0
#pragma once
// Compile-time checks of an ensemble's components. Each violation is one static_assert that says
// what the component lacks; the checks after it are skipped.

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/router/router.hpp"
#include "tutti/scorer/scorer.hpp"
#include "tutti/selector/selector.hpp"
#include "tutti/transformer/language_model.hpp"

namespace tutti::detail {

template <class S>
concept HasScoreOfRequest = requires(S& s, const ScoringRequest& request) {
  s.score(request);
};
template <class S>
concept HasScoreOfModels = requires(S& s, const ScoringRequest& request, LikelihoodSource& models) {
  s.score(request, models);
};
template <class R>
concept HasRoute = requires(R& router, const RouterQuery& query) {
  router.route(query);
};
template <class S>
concept HasSelect = requires(const S& s, std::span<const Candidate> all) {
  s.select(all);
};
template <class S>
concept HasMutableSelect = requires(S& s, std::span<const Candidate> all) {
  s.select(all);
};

template <class Scorer>
struct CheckScorer {
  static constexpr bool kFits = CandidateScorer<Scorer>;
  static constexpr bool kWrongResult = !kFits &&
                                       (HasScoreOfRequest<Scorer> || HasScoreOfModels<Scorer>);
  static_assert(!kWrongResult,
                "the scorer's score() must return std::vector<double>, one value per candidate");
  static_assert(kFits || kWrongResult,
                "the scorer lacks std::vector<double> score(const tutti::ScoringRequest&), or "
                "score(const tutti::ScoringRequest&, tutti::LikelihoodSource&) to ask the experts; "
                "a callable double(const tutti::Candidate&) will also do");
};

template <class Router>
struct CheckRouter {
  static constexpr bool kFits = ExpertRouter<Router>;
  static constexpr bool kWrongResult = !kFits && HasRoute<Router>;
  static_assert(!kWrongResult,
                "the router's route() must return tutti::Route, one number of samples per expert");
  static_assert(kFits || kWrongResult,
                "the router lacks tutti::Route route(const tutti::RouterQuery&); the order is "
                "Ensemble<N, Model, Scorer, Router, Selector>");
};

template <class Selector>
struct CheckSelector {
  static constexpr bool kFits = CandidateSelector<Selector>;
  static constexpr bool kWrongResult = !kFits && HasSelect<Selector>;
  static constexpr bool kNotConst = !kFits && !kWrongResult && HasMutableSelect<Selector>;
  static_assert(!kWrongResult, "the selector's select() must return tutti::Selection");
  static_assert(!kNotConst, "the selector's select() must be const");
  static_assert(kFits || kWrongResult || kNotConst,
                "the selector lacks tutti::Selection select(std::span<const tutti::Candidate>) "
                "const; the order is Ensemble<N, Model, Scorer, Router, Selector>");
};

struct NothingToCheck {};

/// The check of the first component that does not fit: a base class of the ensemble, so that the
/// check's static_assert is evaluated with it.
template <class Model, class Scorer, class Router, class Selector>
using FirstFailedCheck = std::conditional_t<
    !LanguageModel<Model>, CheckLanguageModel<Model>,
    std::conditional_t<
        !CandidateScorer<Scorer>, CheckScorer<Scorer>,
        std::conditional_t<!ExpertRouter<Router>, CheckRouter<Router>,
                           std::conditional_t<!CandidateSelector<Selector>, CheckSelector<Selector>,
                                              NothingToCheck>>>>;

}  // namespace tutti::detail
