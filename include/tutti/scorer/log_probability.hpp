// SPDX-License-Identifier: Apache-2.0
#pragma once
// Scores a candidate by the log-probabilities that its own expert gave its tokens while generating
// them. No extra forward pass.

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/scorer/scorer.hpp"

namespace tutti {

namespace detail {

/// function(sum of log p, number of tokens) for each candidate; -infinity for one without tokens,
/// so that an empty answer never beats another.
template <class Function>
std::vector<double> score_log_probabilities(const ScoringRequest& request, Function function) {
  std::vector<double> scores;
  scores.reserve(request.candidates.size());
  for (const Candidate& candidate : request.candidates) {
    double sum = 0;
    for (const float log_probability : candidate.log_probabilities)
      sum += static_cast<double>(log_probability);
    const std::size_t count = candidate.log_probabilities.size();
    scores.push_back(count == 0 ? -std::numeric_limits<double>::infinity()
                                : function(sum, static_cast<double>(count)));
  }
  return scores;
}

}  // namespace detail

/// Mean of log p per token, in nats: the ranking of Chen et al., "Evaluating large language models
/// trained on code" (2021).
struct MeanLogProbability {
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) const {
    return detail::score_log_probabilities(request,
                                           [](double sum, double count) { return sum / count; });
  }
};

/// Sum of log p, in nats: the log-probability of the whole text. Favors short texts.
struct SumLogProbability {
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) const {
    return detail::score_log_probabilities(request, [](double sum, double) { return sum; });
  }
};

/// sum log p / length^alpha: alpha 0 is the sum, 1 the mean.
struct LengthNormalizedLogProbability {
  double alpha = 0.6;

  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) const {
    return detail::score_log_probabilities(
        request, [this](double sum, double count) { return sum / std::pow(count, alpha); });
  }
};

static_assert(PlainScorer<MeanLogProbability> && PlainScorer<SumLogProbability> &&
              PlainScorer<LengthNormalizedLogProbability>);

}  // namespace tutti
