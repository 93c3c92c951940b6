// SPDX-License-Identifier: Apache-2.0
#pragma once
// Values a candidate by a check from outside: a program's tests, a proof checker, a schema.

#include <concepts>
#include <utility>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/error.hpp"
#include "tutti/scorer/scorer.hpp"

namespace tutti {

/// A check gives `bool` (passed or not: 1 or 0) or the fraction of its parts that passed, 0 to 1.
template <std::invocable<const Candidate&> Check>
class VerifierScorer {
 public:
  VerifierScorer(Check check) : check_(std::move(check)) {}

  /// @throws ComponentError when the check gives a number outside [0, 1].
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) {
    std::vector<double> scores;
    for (const Candidate& candidate : request.candidates) {
      const auto passed = static_cast<double>(check_(candidate));
      require<ComponentError>(passed >= 0 && passed <= 1, "the verifier gave candidate ",
                              scores.size(), " the value ", passed,
                              ": it must be a bool or a fraction between 0 and 1");
      scores.push_back(passed);
    }
    return scores;
  }

 private:
  Check check_;
};

}  // namespace tutti
