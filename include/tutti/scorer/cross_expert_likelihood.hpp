// SPDX-License-Identifier: Apache-2.0
#pragma once
// Scores a candidate by its mean log-probability under all experts. Every expert reads every
// candidate, in one batched pass.

#include <cstddef>
#include <limits>
#include <vector>

#include "tutti/scorer/scorer.hpp"

namespace tutti {

/// Mean of log p(token) over experts and tokens, in nats: minus the logarithm of the cross-expert
/// perplexity exp(-mean log p). A candidate without tokens scores -infinity.
struct CrossExpertLikelihood {
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request,
                                          LikelihoodSource& models) const {
    const LikelihoodTable table = models.likelihoods(request.candidates);
    std::vector<double> scores;
    scores.reserve(request.candidates.size());
    for (std::size_t c = 0; c < request.candidates.size(); ++c) {
      double sum = 0;
      std::size_t count = 0;
      for (std::size_t e = 0; e < table.experts(); ++e) {
        for (const float log_probability : table.at(c, e))
          sum += static_cast<double>(log_probability);
        count += table.at(c, e).size();
      }
      scores.push_back(count == 0 ? -std::numeric_limits<double>::infinity()
                                  : sum / static_cast<double>(count));
    }
    return scores;
  }
};

static_assert(ModelScorer<CrossExpertLikelihood>);

}  // namespace tutti
