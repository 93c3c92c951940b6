// SPDX-License-Identifier: Apache-2.0
#pragma once
// Several scorers as one: the weighted sum of their values.

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/scorer/scorer.hpp"

namespace tutti {

/// sum_i weight_i * score_i(candidate). Scorers have different scales: log-probabilities are a few
/// nats, verifiers 0 or 1. A scorer of weight 0 is not asked. What any other says must not be
/// picked, with -infinity, has the sum -infinity, whatever the weight.
template <CandidateScorer... Scorers>
class WeightedSum {
 public:
  /// Experts that write nothing compute the prompt too only when some member asks them.
  static constexpr bool kNeedsModels = (ModelScorer<Scorers> || ...);

  /// @throws OptionError for a weight that is not finite.
  WeightedSum(std::array<double, sizeof...(Scorers)> weights, Scorers... scorers)
      : weights_(weights), scorers_(std::move(scorers)...) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      require<OptionError>(std::isfinite(weights[i]), "weight ", i, " of ", weights.size(), " is ",
                           weights[i], ": it must be finite");
    }
  }

  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) requires(!kNeedsModels) {
    std::nullptr_t no_models = nullptr;
    return score(request, no_models);
  }

  /// @throws ComponentError when a member breaks its contract.
  template <class Models>
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request, Models& models) {
    std::vector<double> sums(request.candidates.size(), 0.0);
    std::size_t index = 0;
    const auto add = [&](auto& scorer) {
      const double weight = weights_[index++];
      if (weight == 0) return;
      const std::vector<double> scores = run_scorer(scorer, request, models);
      for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i] = scores[i] == kNever || sums[i] == kNever ? kNever : sums[i] + weight * scores[i];
    };
    std::apply([&](Scorers&... members) { (add(members), ...); }, scorers_);
    return sums;
  }

 private:
  static constexpr double kNever = -std::numeric_limits<double>::infinity();

  std::array<double, sizeof...(Scorers)> weights_;
  std::tuple<Scorers...> scorers_;
};

template <class... Scorers>
WeightedSum(std::array<double, sizeof...(Scorers)>, Scorers...) -> WeightedSum<Scorers...>;

}  // namespace tutti
