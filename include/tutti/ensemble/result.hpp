// SPDX-License-Identifier: Apache-2.0
#pragma once
// The answer of an ensemble: the picked candidate, all candidates, and the cost.

#include <cstddef>
#include <string>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/cost.hpp"
#include "tutti/base/types.hpp"
#include "tutti/selector/selector.hpp"

namespace tutti {

/// The result of `Ensemble::generate` and of `Ensemble::fuse`.
struct Result {
  std::vector<Token> prompt_tokens;
  /// Ordered by expert, then sample. `fuse` returns one candidate; its log-probabilities are those
  /// of the fused distribution, and it has no score (NaN).
  std::vector<Candidate> candidates;
  /// The picked candidate and the selector's value of each. `fuse` selects nothing: index 0, no
  /// values.
  Selection selection;
  CostLedger cost;

  /// The picked candidate.
  [[nodiscard]] const Candidate& best() const { return candidates.at(selection.index); }
  /// The text of the picked candidate.
  [[nodiscard]] const std::string& text() const { return best().text; }
};

}  // namespace tutti
