// SPDX-License-Identifier: Apache-2.0
#pragma once
// Everything as JSON. What the machine decides (seconds) stands apart from what the seed decides.

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "program_ensemble/options.hpp"
#include "program_ensemble/summary.hpp"
#include "program_ensemble/trial.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

using Json = nlohmann::ordered_json;

inline Json to_json(const Options& options) {
  return {{"models", options.models.string()},
          {"adapters", options.adapters},
          {"experts", options.experts},
          {"samples", options.samples},
          {"scorer", score_kind_name(options.scorer)},
          {"selector", options.selector},
          {"fuse", options.fuse},
          {"temperature", options.temperature},
          {"seed", options.seed},
          {"problems", options.problems}};
}

inline Json to_json(const programs::Problem& problem) {
  Json shown = Json::array();
  Json hidden = Json::array();
  for (const programs::Example& example : problem.shown)
    shown.push_back(programs::to_text(example));
  for (const programs::Example& example : problem.hidden)
    hidden.push_back(programs::to_text(example));
  return {{"shown", shown}, {"hidden", hidden}, {"solution", programs::to_text(problem.solution)}};
}

inline Json to_json(const tutti::Cost& cost) {
  return {{"prompt_tokens", cost.prompt_tokens},
          {"generated_tokens", cost.generated_tokens},
          {"scored_tokens", cost.scored_tokens},
          {"flops", cost.flops},
          {"weight_bytes", cost.weight_bytes},
          {"kv_bytes", cost.kv_bytes},
          {"seconds", cost.seconds}};
}

/// A candidate and what came of it. Tokens are the model's, the end included.
inline Json to_json(const programs::Problem& problem, const tutti::Candidate& candidate,
                    const programs::Verdict& verdict) {
  return {{"expert", candidate.expert},
          {"sample", candidate.sample},
          {"program", program_text(problem, candidate.tokens)},
          {"tokens", candidate.tokens},
          {"log_probabilities", candidate.log_probabilities},
          {"finish", tutti::finish_reason_name(candidate.finish)},
          {"valid", verdict.valid},
          {"shown_passed", verdict.shown_passed},
          {"hidden_passed", verdict.hidden_passed},
          {"solved", verdict.solves()}};
}

inline Json to_json(const Trial& trial) {
  Json candidates = Json::array();
  for (std::size_t i = 0; i < trial.verdicts.size(); ++i) {
    Json candidate = to_json(*trial.problem, trial.result.candidates[i], trial.verdicts[i]);
    for (std::size_t k = 0; k < trial.scores.size(); ++k)
      candidate[kScoreKindNames[k]] = trial.scores[k][i];
    candidate["selector_value"] = trial.result.selection.selector_scores[i];
    candidates.push_back(candidate);
  }
  return {{"index", trial.index},
          {"problem", to_json(*trial.problem)},
          {"candidates", candidates},
          {"picked", trial.result.selection.index},
          {"none_passed", trial.result.selection.none_passed},
          {"solved", trial.solved()},
          {"cost", to_json(trial.result.cost.total())}};
}

/// null for what has no value.
inline Json to_json(const tutti::Interval& interval) {
  return {{"estimate", interval.estimate}, {"low", interval.low}, {"high", interval.high}};
}

inline Json to_json(const Summary& summary) {
  const tutti::SelectionSummary first = summary.lines().front().report.summary();
  Json picks = Json::array();
  for (const Summary::Line& line : summary.lines()) {
    const tutti::SelectionSummary result = line.report.summary();
    picks.push_back({{"name", line.name},
                     {"solved", to_json(result.selected)},
                     {"gap_recovered", to_json(result.gap_recovered)}});
  }
  return {{"problems", summary.lines().front().report.problems()},
          {"candidates", summary.candidates()},
          {"random", to_json(first.random)},
          {"picks", picks},
          {"oracle", to_json(first.oracle)}};
}

}  // namespace program_ensemble
