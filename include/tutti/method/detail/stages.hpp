// SPDX-License-Identifier: Apache-2.0
#pragma once
// What methods that write in stages share: limits, scores of partial candidates, the final pick.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/error.hpp"
#include "tutti/engine/session.hpp"
#include "tutti/engine/task.hpp"
#include "tutti/method/generate.hpp"
#include "tutti/scorer/scorer.hpp"
#include "tutti/selector/selector.hpp"

TUTTI_COROUTINES_BEGIN

namespace tutti::detail {

/// Whether the request's budget, deadline or StopToken ended one of the candidates: then a method
/// begins no further ones.
[[nodiscard]] inline bool limit_reached(const Session& session,
                                        std::span<const std::size_t> candidates) {
  return session.stop_requested() ||
         std::any_of(candidates.begin(), candidates.end(), [&](std::size_t i) {
           const FinishReason finish = session.candidates()[i].finish;
           return finish == FinishReason::budget || finish == FinishReason::canceled;
         });
}

/// The candidates among `indices` that are paused, not ended.
[[nodiscard]] inline std::vector<std::size_t> running_among(const Session& session,
                                                            std::span<const std::size_t> indices) {
  std::vector<std::size_t> running;
  for (const std::size_t i : indices) {
    if (session.candidates()[i].finish == FinishReason::running) running.push_back(i);
  }
  return running;
}

/// Scores the candidates `indices`, ended or paused; other candidates keep their scores.
/// @returns false if the request was stopped and the experts would have to be asked.
template <CandidateScorer Scorer>
Task<bool> score_some(Session& session, std::shared_ptr<Scorer> scorer,
                      std::vector<std::size_t> indices) {
  LikelihoodTable table;
  if (scorer_needs_models(*scorer)) {
    if (session.stop_requested()) co_return false;
    bool stopped = false;
    try {
      table = co_await session.likelihoods();
    } catch (const CanceledError&) {
      stopped = true;
    }
    if (stopped) co_return false;
  }
  std::vector<Candidate> some;
  some.reserve(indices.size());
  for (const std::size_t i : indices) some.push_back(session.candidates()[i]);
  ComputedLikelihoods models(session.candidates(), table, session.experts());
  const ScoringRequest request{session.prompt(), session.prompt_text(), some};
  const std::vector<double> scores = run_scorer(*scorer, request, models);
  for (std::size_t i = 0; i < scores.size(); ++i) session.candidate(indices[i]).score = scores[i];
  co_return true;
}

/// The candidate with the best score among `indices`, which must not be empty; among equal scores
/// the one that comes first. All other candidates of the session have the value -infinity.
[[nodiscard]] inline Selection best_among(const Session& session,
                                          std::span<const std::size_t> indices) {
  const std::span<const Candidate> candidates = session.candidates();
  const BetterScore better{candidates};
  Selection selection;
  selection.index = indices.front();
  selection.selector_scores.assign(candidates.size(), -std::numeric_limits<double>::infinity());
  for (const std::size_t i : indices) {
    if (!std::isnan(candidates[i].score)) selection.selector_scores[i] = candidates[i].score;
    if (better(i, selection.index)) selection.index = i;
  }
  return selection;
}

/// The indices ordered by score, best first; equal scores keep their order.
[[nodiscard]] inline std::vector<std::size_t> ranked(const Session& session,
                                                     std::vector<std::size_t> indices) {
  std::stable_sort(indices.begin(), indices.end(), BetterScore{session.candidates()});
  return indices;
}

/// `samples` of every expert.
[[nodiscard]] inline Route all_experts_route(const Session& session, std::size_t samples) {
  return Route(session.experts(), static_cast<std::uint32_t>(samples));
}

}  // namespace tutti::detail

TUTTI_COROUTINES_END
