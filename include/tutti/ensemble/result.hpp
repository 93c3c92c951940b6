// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an ensemble answers: the pick, everything it was picked from, and what it cost.

#include <cstddef>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/cost.hpp"
#include "tutti/base/types.hpp"
#include "tutti/selector/selector.hpp"

namespace tutti {

/// The outcome of `Ensemble::generate`.
struct Result {
  std::vector<Token> prompt_tokens;
  std::vector<Candidate> candidates;  ///< Ordered by expert, then sample.
  Selection selection;  ///< Which candidate was picked, and the selector's value of each.
  CostLedger cost;

  /// The picked candidate.
  [[nodiscard]] const Candidate& best() const { return candidates.at(selection.index); }
  /// The picked text.
  [[nodiscard]] const std::string& text() const { return best().text; }
};

/// The outcome of `Ensemble::fuse`: one sequence, its log-probabilities those of the fused
/// distribution.
struct FusedResult {
  std::vector<Token> prompt_tokens;
  Candidate candidate;
  CostLedger cost;

  [[nodiscard]] const std::string& text() const { return candidate.text; }
};

}  // namespace tutti
