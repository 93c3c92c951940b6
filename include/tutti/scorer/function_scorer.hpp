// SPDX-License-Identifier: Apache-2.0
#pragma once
// Makes a scorer of any callable.

#include <concepts>
#include <utility>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/scorer/scorer.hpp"

namespace tutti {

/// A callable that values one candidate (`double(const Candidate&)`), or all of them with the
/// prompt
/// (`std::vector<double>(const ScoringRequest&)`).
template <class Function>
concept ScoringFunction = requires(Function& function, const Candidate& candidate) {
  { function(candidate) } -> std::convertible_to<double>;
}
|| requires(Function& function, const ScoringRequest& request) {
  { function(request) } -> std::convertible_to<std::vector<double>>;
};

/// Calls the function. `FunctionScorer scorer{[](const Candidate& c) { return ...; }};`
template <ScoringFunction Function>
class FunctionScorer {
 public:
  FunctionScorer(Function function) : function_(std::move(function)) {}

  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) {
    if constexpr (std::invocable<Function&, const Candidate&>) {
      std::vector<double> scores;
      for (const Candidate& candidate : request.candidates)
        scores.push_back(static_cast<double>(function_(candidate)));
      return scores;
    } else {
      return function_(request);
    }
  }

 private:
  Function function_;
};

}  // namespace tutti
