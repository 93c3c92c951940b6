// SPDX-License-Identifier: Apache-2.0
#pragma once
// Picks the answer on which most candidates agree: self-consistency (Wang et al. 2022), and its
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

namespace detail {

/// Adds weights[i] to the answer of candidate i; every candidate's value is the sum for its answer,
/// 0 for one that abstains.
[[nodiscard]] inline Selection count_votes(std::span<const Candidate> candidates,
                                           std::span<const std::size_t> answers,
                                           std::span<const double> weights) {
  std::vector<double> sums(candidates.size(), 0.0);
  std::vector<bool> voted;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    voted.push_back(answers[i] != kAbstains);
    if (voted[i]) sums[answers[i]] += weights[i];
  }
  Selection selection;
  for (const std::size_t answer : answers)
    selection.selector_scores.push_back(answer == kAbstains ? 0.0 : sums[answer]);
  selection.index = index_of_winner(selection.selector_scores, candidates, voted);
  return selection;
}

}  // namespace detail

/// One vote per candidate. These do not vote: canceled candidates, empty candidates (no tokens, no
/// text), and candidates for which the canonical answer abstains. Other candidates that were cut
/// off, for instance at max_new_tokens, do vote; see PreferFinished. A candidate's value is the
/// number of votes for its answer, 0 without a vote. Among the candidates with the most votes the
/// best score wins, then the lowest index; NaN (not scored) loses to any score. When no candidate
/// votes, the best score wins.
template <CanonicalAnswer Canonical = TrimmedText>
class MajorityVote {
 public:
  MajorityVote(Canonical canonical = Canonical()) : canonical_(std::move(canonical)) {}

  /// @throws OptionError for no candidates.
  [[nodiscard]] Selection select(std::span<const Candidate> candidates) const {
    detail::require_candidates(candidates);
    const std::vector<double> weights(candidates.size(), 1.0);
    return detail::count_votes(candidates, detail::number_answers(candidates, canonical_), weights);
  }

 private:
  Canonical canonical_;
};

/// The weight of a candidate's vote.
enum class VoteWeight : std::uint8_t {
  softmax,  ///< exp(score - best score): for log-probabilities and other real numbers.
  score,    ///< The score itself: for probabilities and rewards >= 0.
};

/// Votes weighted by score; the same candidates vote as in MajorityVote. A candidate's value is the
/// sum of the weights of its answer; among equal ones the best score wins, then the lowest index.
template <CanonicalAnswer Canonical = TrimmedText>
class WeightedMajorityVote {
 public:
  explicit WeightedMajorityVote(VoteWeight weight, Canonical canonical = Canonical())
      : weight_(weight), canonical_(std::move(canonical)) {}
  WeightedMajorityVote() : WeightedMajorityVote(VoteWeight::softmax) {}

  /// @throws OptionError for no candidates, ComponentError for a score that is NaN, or negative
  /// with VoteWeight::score.
  [[nodiscard]] Selection select(std::span<const Candidate> candidates) const {
    detail::require_scores(candidates);
    const std::vector<std::size_t> answers = detail::number_answers(candidates, canonical_);
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (answers[i] != detail::kAbstains) best = std::max(best, candidates[i].score);
    }
    std::vector<double> weights(candidates.size(), 0.0);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (answers[i] != detail::kAbstains) weights[i] = weight_of(candidates[i].score, best, i);
    }
    return detail::count_votes(candidates, answers, weights);
  }

 private:
  [[nodiscard]] double weight_of(double score, double best, std::size_t index) const {
    if (weight_ == VoteWeight::softmax) return score == best ? 1.0 : std::exp(score - best);
    require<ComponentError>(
        score >= 0, "candidate ", index, " has the score ", score,
        ", which cannot be the weight of a vote: use VoteWeight::softmax for negative scores");
    return score;
  }

  VoteWeight weight_;
  Canonical canonical_;
};

static_assert(CandidateSelector<MajorityVote<>> && CandidateSelector<WeightedMajorityVote<>>);

}  // namespace tutti
