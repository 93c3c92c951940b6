// SPDX-License-Identifier: Apache-2.0
#pragma once
// Combines several scorers into one: the weighted sum of their scores.

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/scorer/scorer.hpp"

namespace tutti {

namespace detail {

/// Passed to scorers that do not need the experts.
class NoLikelihoodSource final : public LikelihoodSource {
 public:
  [[nodiscard]] std::size_t experts() const override { return 0; }
  [[nodiscard]] LikelihoodTable likelihoods(std::span<const Candidate> candidates) override {
    fail<ComponentError>("likelihoods of ", candidates.size(),
                         " candidates were requested, and there are 0 experts to compute them");
  }
};

}  // namespace detail

/// sum_i weight_i * score_i(candidate). Scorers have different scales: log-probabilities are a few
/// nats, verifiers 0 or 1. A scorer of weight 0 is not run. A candidate to which any other scorer
/// gives -infinity has the sum -infinity, whatever the weight.
template <CandidateScorer... Scorers>
class WeightedSum {
  static constexpr bool kMayNeedModels = (ModelScorer<Scorers> || ...);

 public:
  /// @throws OptionError for a weight that is not finite.
  WeightedSum(std::array<double, sizeof...(Scorers)> weights, Scorers... scorers)
      : weights_(weights), scorers_(std::move(scorers)...) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      require<OptionError>(std::isfinite(weights[i]), "weight ", i, " of ", weights.size(), " is ",
                           weights[i], ": it must be finite");
    }
  }

  /// Whether any scorer with a weight needs the experts.
  [[nodiscard]] bool needs_models() const {
    bool needed = false;
    std::size_t index = 0;
    const auto check_scorer = [&](const auto& scorer) {
      const bool runs = weights_[index++] != 0;
      needed = needed || (runs && scorer_needs_models(scorer));
    };
    std::apply([&](const Scorers&... members) { (check_scorer(members), ...); }, scorers_);
    return needed;
  }

  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) requires(!kMayNeedModels) {
    detail::NoLikelihoodSource no_models;
    return sum_scores(request, no_models);
  }

  /// @throws ComponentError when a scorer breaks its contract.
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request,
                                          LikelihoodSource& models) requires kMayNeedModels {
    return sum_scores(request, models);
  }

 private:
  static constexpr double kNever = -std::numeric_limits<double>::infinity();

  std::vector<double> sum_scores(const ScoringRequest& request, LikelihoodSource& models) {
    std::vector<double> sums(request.candidates.size(), 0.0);
    std::size_t index = 0;
    const auto add_scores = [&](auto& scorer) {
      const double weight = weights_[index++];
      if (weight == 0) return;
      const std::vector<double> scores = run_scorer(scorer, request, models);
      for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i] = scores[i] == kNever || sums[i] == kNever ? kNever : sums[i] + weight * scores[i];
    };
    std::apply([&](Scorers&... members) { (add_scores(members), ...); }, scorers_);
    return sums;
  }

  std::array<double, sizeof...(Scorers)> weights_;
  std::tuple<Scorers...> scorers_;
};

template <class... Scorers>
WeightedSum(std::array<double, sizeof...(Scorers)>, Scorers...) -> WeightedSum<Scorers...>;

}  // namespace tutti
