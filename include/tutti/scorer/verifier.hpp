// SPDX-License-Identifier: Apache-2.0
#pragma once
// Scores a candidate by an external check: a program's tests, a proof checker, a schema.

#include <concepts>
#include <utility>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/error.hpp"
#include "tutti/scorer/scorer.hpp"

namespace tutti {

/// The check returns `bool` (1 for passed, 0 for failed) or the fraction of its parts that passed,
/// 0 to 1.
template <std::invocable<const Candidate&> Check>
class Verifier {
 public:
  Verifier(Check check) : check_(std::move(check)) {}

  /// @throws ComponentError when the check returns a number outside [0, 1].
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) {
    std::vector<double> scores;
    scores.reserve(request.candidates.size());
    for (const Candidate& candidate : request.candidates) {
      const auto passed = static_cast<double>(check_(candidate));
      require<ComponentError>(passed >= 0 && passed <= 1, "the verifier returned ", passed,
                              " for candidate ", scores.size(), " of ", request.candidates.size(),
                              ": return a bool or a fraction between 0 and 1");
      scores.push_back(passed);
    }
    return scores;
  }

 private:
  Check check_;
};

}  // namespace tutti
