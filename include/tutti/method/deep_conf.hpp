// SPDX-License-Identifier: Apache-2.0
#pragma once
// DeepConf: Fu, Wang, Tian and Zhao, "Deep think with confidence" (2025, arXiv:2508.15260). A vote
// weighted by the candidates' own confidence, without a reward model.
//
// Offline: write all candidates, keep the share `keep` with the highest confidence C, and take the
//     answer with the largest sum of C over its kept candidates.
// Online: write `warm_up` candidates; the threshold s is the (1 - keep) quantile of their lowest
//     group confidence. Each further candidate is stopped when the mean over its last group of
//     tokens falls below s. Candidates below s do not vote. Sampling ends when the leading answer
//     has at least the share `consensus` of all weight.
//
// A VARIANT: the paper's token confidence is -(1/k) sum log p of the k = 20 most likely tokens. A
// candidate keeps log p of the drawn token only, so the default here is p of the drawn token; set
// DeepConfOptions::token to use other statistics. Each expert has its own threshold, since the
// confidences of different models are on different scales.
//
// Cost: offline, the full run; no forward pass for the scores. Online, the full run less what
// stopped candidates did not write; the others are equal to those of the full run. `group` values
// are averaged after each token on the host.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/engine/session.hpp"
#include "tutti/engine/task.hpp"
#include "tutti/method/candidate_confidence.hpp"
#include "tutti/method/detail/stages.hpp"
#include "tutti/selector/canonical_answer.hpp"
#include "tutti/selector/majority_vote.hpp"

TUTTI_COROUTINES_BEGIN

namespace tutti {

struct DeepConfOptions {
  TokenConfidence token = DrawnTokenProbability{};
  std::size_t group = 2048;  ///< Tokens of a group.
  /// The weight of a vote, and what the offline method filters by.
  CandidateConfidence measure = CandidateConfidence::lowest_tenth;
  double keep = 0.1;          ///< Share of the candidates to keep; the paper uses 0.1 and 0.9.
  std::size_t warm_up = 16;   ///< Online: samples per expert that set the threshold.
  std::size_t per_stage = 0;  ///< Online: samples per expert between two looks; 0: all the rest.
  double consensus = 0.95;    ///< Online.
};

namespace detail {

/// @throws OptionError for an option out of range.
inline DeepConfOptions checked(DeepConfOptions options) {
  require<OptionError>(options.keep > 0 && options.keep <= 1, "keep is ", options.keep,
                       ": it must be more than 0 and at most 1, for instance 0.1");
  require<OptionError>(options.group >= 1 && options.warm_up >= 1, "group is ", options.group,
                       " and warm_up is ", options.warm_up, ": both must be at least 1");
  return options;
}

/// Scores all candidates by their confidence.
inline void score_by_confidence(Session& session, const DeepConfOptions& options) {
  for (std::size_t i = 0; i < session.candidates().size(); ++i) {
    session.candidate(i).score = candidate_confidence(session.candidates()[i], options.measure,
                                                      options.group, options.token);
  }
}

/// A vote weighted by score, in which the candidates without `votes[i]` abstain.
template <CanonicalAnswer Canonical>
[[nodiscard]] Selection vote_by_score(const Session& session, const Canonical& canonical,
                                      const std::vector<bool>& votes) {
  std::vector<std::size_t> answers = number_answers(session.candidates(), canonical);
  std::vector<double> weights;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    weights.push_back(session.candidates()[i].score);
    if (!votes[i]) answers[i] = kAbstains;
  }
  return count_votes(session.candidates(), answers, weights);
}

}  // namespace detail

template <CanonicalAnswer Canonical = TrimmedText>
class DeepConfOffline {
 public:
  explicit DeepConfOffline(DeepConfOptions options = {}, Canonical canonical = Canonical())
      : options_(detail::checked(std::move(options))), canonical_(std::move(canonical)) {}

  Task<Selection> operator()(Session& session) const { return answer(session, *this); }

 private:
  static Task<Selection> answer(Session& session, DeepConfOffline self) {
    std::vector<std::size_t> order = co_await session.write(session.request().samples_per_expert);
    detail::score_by_confidence(session, self.options_);
    order = detail::ranked(session, std::move(order));
    const double kept = std::ceil(self.options_.keep * static_cast<double>(order.size()) - 1e-9);
    std::vector<bool> votes(order.size());
    for (std::size_t i = 0; i < static_cast<std::size_t>(kept); ++i) votes[order[i]] = true;
    co_return detail::vote_by_score(session, self.canonical_, votes);
  }

  DeepConfOptions options_;
  Canonical canonical_;
};

template <CanonicalAnswer Canonical = TrimmedText>
class DeepConfOnline {
 public:
  explicit DeepConfOnline(DeepConfOptions options = {}, Canonical canonical = Canonical())
      : options_(detail::checked(std::move(options))), canonical_(std::move(canonical)) {}

  Task<Selection> operator()(Session& session) const { return answer(session, *this); }

 private:
  static Task<Selection> answer(Session& session, DeepConfOnline self) {
    const DeepConfOptions& options = self.options_;
    const std::size_t limit = session.request().samples_per_expert;
    std::size_t written = std::min(options.warm_up, limit);
    std::vector<std::size_t> stage = co_await session.write(written);
    const std::vector<double> thresholds = self.thresholds(session);
    Until until;
    until.predicate = [thresholds, options](const Candidate& candidate) {
      return candidate.tokens.size() >= options.group &&
             detail::last_group_confidence(candidate, options.group, options.token) <
                 thresholds[candidate.expert];
    };
    while (written < limit && !detail::limit_reached(session, stage) &&
           !self.agree(session, thresholds)) {
      const std::size_t rest = limit - written;
      const std::size_t count = options.per_stage == 0 ? rest : std::min(options.per_stage, rest);
      const Route route = detail::all_experts_route(session, count);
      stage = co_await session.write(route, until);
      for (const std::size_t i : detail::running_among(session, stage)) session.stop(i);
      written += count;
    }
    co_return self.vote(session, thresholds);
  }

  [[nodiscard]] double lowest_group(const Candidate& candidate) const {
    return detail::candidate_confidence(candidate, CandidateConfidence::lowest_group,
                                        options_.group, options_.token);
  }

  /// By expert.
  [[nodiscard]] std::vector<double> thresholds(const Session& session) const {
    std::vector<std::vector<double>> lowest(session.experts());
    for (const Candidate& candidate : session.candidates())
      lowest[candidate.expert].push_back(lowest_group(candidate));
    std::vector<double> result;
    result.reserve(lowest.size());
    for (std::vector<double>& values : lowest)
      result.push_back(detail::quantile(std::move(values), 1 - options_.keep));
    return result;
  }

  /// Whether each candidate may vote.
  [[nodiscard]] std::vector<bool> passed(const Session& session,
                                         const std::vector<double>& thresholds) const {
    std::vector<bool> result;
    for (const Candidate& candidate : session.candidates()) {
      result.push_back(candidate.finish != FinishReason::pruned &&
                       lowest_group(candidate) >= thresholds[candidate.expert]);
    }
    return result;
  }

  [[nodiscard]] Selection vote(Session& session, const std::vector<double>& thresholds) const {
    detail::score_by_confidence(session, options_);
    return detail::vote_by_score(session, canonical_, passed(session, thresholds));
  }

  /// Whether the leading answer has the share `consensus` of the weight of all votes.
  [[nodiscard]] bool agree(Session& session, const std::vector<double>& thresholds) const {
    const Selection selection = vote(session, thresholds);
    const std::vector<bool> votes = passed(session, thresholds);
    const auto answers = detail::number_answers(session.candidates(), canonical_);
    double all = 0;
    for (std::size_t i = 0; i < votes.size(); ++i) {
      if (votes[i] && answers[i] != detail::kAbstains) all += session.candidates()[i].score;
    }
    return all > 0 && selection.selector_scores[selection.index] >= options_.consensus * all;
  }

  DeepConfOptions options_;
  Canonical canonical_;
};

}  // namespace tutti

TUTTI_COROUTINES_END
