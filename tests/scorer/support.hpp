// SPDX-License-Identifier: Apache-2.0
#pragma once
// Three candidates for tests of scorers, and experts that must not be used.

#include <span>
#include <stdexcept>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/scorer/scorer.hpp"

namespace tutti::test {

/// The last one is empty.
inline std::vector<Candidate> three_candidates() {
  std::vector<Candidate> candidates(3);
  candidates[0].text = "yes";
  candidates[0].log_probabilities = {-1.0F, -3.0F};
  candidates[1].text = "no";
  candidates[1].log_probabilities = {-1.5F, -1.5F, -1.5F, -1.5F};
  return candidates;
}

/// Fails the test if a scorer uses it.
class NoModels final : public LikelihoodSource {
 public:
  [[nodiscard]] std::size_t experts() const override { return 0; }
  [[nodiscard]] LikelihoodTable likelihoods(std::span<const Candidate>) override {
    throw std::logic_error("this scorer must not ask the experts");
  }
};

/// Two experts that give every token of every candidate log p = -1 and -2.
class TwoModels final : public LikelihoodSource {
 public:
  [[nodiscard]] std::size_t experts() const override { return 2; }
  [[nodiscard]] LikelihoodTable likelihoods(std::span<const Candidate> candidates) override {
    LikelihoodTable table(candidates.size(), 2);
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      table.at(c, 0).assign(candidates[c].log_probabilities.size(), -1.0F);
      table.at(c, 1).assign(candidates[c].log_probabilities.size(), -2.0F);
    }
    return table;
  }
};

template <class Scorer>
std::vector<double> scores_of(Scorer scorer) {
  const std::vector<Candidate> candidates = three_candidates();
  NoModels no_models;
  return run_scorer(scorer, {{}, "question", candidates}, no_models);
}

template <class Scorer>
std::vector<double> scores_with_two_models(Scorer scorer) {
  const std::vector<Candidate> candidates = three_candidates();
  TwoModels models;
  return run_scorer(scorer, {{}, "question", candidates}, models);
}

}  // namespace tutti::test
