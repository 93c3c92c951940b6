// SPDX-License-Identifier: Apache-2.0
#pragma once
// Candidates for tests of selectors.

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tutti/base/candidate.hpp"

namespace tutti::test {

inline const double kNotScored = std::nan("");

inline std::vector<Candidate> scored_candidates(
    const std::vector<std::pair<std::string, double>>& texts_and_scores) {
  std::vector<Candidate> candidates;
  for (const auto& [text, score] : texts_and_scores) {
    candidates.emplace_back().text = text;
    candidates.back().score = score;
  }
  return candidates;
}

/// The text that the selector picks among candidates with equal scores.
template <class Selector>
std::string picked_text(const Selector& selector, const std::vector<std::string>& texts) {
  std::vector<Candidate> candidates;
  for (const std::string& text : texts) {
    candidates.emplace_back().text = text;
    candidates.back().score = 0;
  }
  return candidates[selector.select(candidates).index].text;
}

}  // namespace tutti::test
