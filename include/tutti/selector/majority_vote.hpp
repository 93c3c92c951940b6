// SPDX-License-Identifier: Apache-2.0
#pragma once
// Picks the answer that most candidates agree on: self-consistency (Wang et al. 2022), and its
// weighted form.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "tutti/selector/canonical_answer.hpp"
#include "tutti/selector/selector.hpp"

namespace tutti {

/// One vote a candidate, also one whose answer is empty: a canonical answer may give those that
/// should not agree different texts. A candidate's value is the number of votes for its answer.
/// Among the candidates with the most votes the best score wins, then the lowest index; scores that
/// are NaN, that is not given, only lose such ties.
template <CanonicalAnswer Canonical = TrimmedText>
class MajorityVote {
 public:
  explicit MajorityVote(Canonical canonical = {}) : canonical_(std::move(canonical)) {}

  /// @throws OptionError for no candidates.
  [[nodiscard]] Selection select(std::span<const Candidate> candidates) const {
    detail::require_candidates(candidates);
    const std::vector<std::size_t> answers = detail::number_answers(candidates, canonical_);
    std::vector<double> votes(candidates.size(), 0.0);
    for (const std::size_t answer : answers) votes[answer] += 1;
    Selection selection;
    for (const std::size_t answer : answers) selection.values.push_back(votes[answer]);
    selection.index = detail::index_of_largest(selection.values, detail::BetterScore{candidates});
    return selection;
  }

 private:
  Canonical canonical_;
};

/// What a candidate's vote weighs.
enum class VoteWeight : std::uint8_t {
  /// exp(score - best score): for log-probabilities, which are negative, and any other real scores.
  softmax,
  score,  ///< The score itself: for scores that are probabilities or rewards >= 0.
};

/// Votes weighted by score. A candidate's value is the sum of the weights of its answer; among
/// equals the best score wins, then the lowest index.
template <CanonicalAnswer Canonical = TrimmedText>
class WeightedMajorityVote {
 public:
  explicit WeightedMajorityVote(VoteWeight weight = VoteWeight::softmax, Canonical canonical = {})
      : weight_(weight), canonical_(std::move(canonical)) {}

  /// @throws OptionError for no candidates, ComponentError for a score that is NaN, or negative
  /// with VoteWeight::score.
  [[nodiscard]] Selection select(std::span<const Candidate> candidates) const {
    detail::require_scores(candidates);
    double best = -std::numeric_limits<double>::infinity();
    for (const Candidate& candidate : candidates) best = std::max(best, candidate.score);
    const std::vector<std::size_t> answers = detail::number_answers(candidates, canonical_);
    std::vector<double> weights(candidates.size(), 0.0);
    for (std::size_t i = 0; i < candidates.size(); ++i)
      weights[answers[i]] += weight_of(candidates[i].score, best, i);
    Selection selection;
    for (const std::size_t answer : answers) selection.values.push_back(weights[answer]);
    selection.index = detail::index_of_largest(selection.values, detail::BetterScore{candidates});
    return selection;
  }

 private:
  [[nodiscard]] double weight_of(double score, double best, std::size_t index) const {
    if (weight_ == VoteWeight::softmax) return score == best ? 1.0 : std::exp(score - best);
    require<ComponentError>(
        score >= 0, "candidate ", index, " has the score ", score,
        ", which cannot weigh a vote: use VoteWeight::softmax for negative scores");
    return score;
  }

  VoteWeight weight_;
  Canonical canonical_;
};

static_assert(CandidateSelector<MajorityVote<>> && CandidateSelector<WeightedMajorityVote<>>);

}  // namespace tutti
