// SPDX-License-Identifier: Apache-2.0
#pragma once
// Values a candidate by what all experts think of it: every candidate is read by every expert, in
// one batched pass.

#include <cstddef>
#include <limits>
#include <vector>

#include "tutti/scorer/scorer.hpp"

namespace tutti {

/// Mean over experts and tokens of log p(token), in nats: minus the logarithm of the cross-expert
/// perplexity exp(-mean log p). A candidate without tokens gets -infinity.
struct CrossExpertLikelihood {
  static constexpr bool kNeedsModels = true;

  template <class Models>
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request, Models& models) const {
    const auto table = models.likelihoods(request.candidates);
    std::vector<double> scores;
    for (std::size_t c = 0; c < request.candidates.size(); ++c) {
      double sum = 0;
      std::size_t count = 0;
      for (std::size_t e = 0; e < table.experts(); ++e) {
        for (const float log_probability : table.of(c, e))
          sum += static_cast<double>(log_probability);
        count += table.of(c, e).size();
      }
      scores.push_back(count == 0 ? -std::numeric_limits<double>::infinity()
                                  : sum / static_cast<double>(count));
    }
    return scores;
  }
};

}  // namespace tutti
