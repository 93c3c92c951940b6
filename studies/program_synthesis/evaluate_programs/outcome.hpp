// SPDX-License-Identifier: Apache-2.0
#pragma once
// What became of candidates, kept as numbers: everything that selectors can choose by, and whether
// they were right.

#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "program_ensemble/judge.hpp"
#include "programs/problem.hpp"
#include "tutti/tutti.hpp"

namespace evaluate_programs {

using Json = nlohmann::ordered_json;

struct Outcome {
  bool valid = false;
  std::size_t shown = 0;  ///< Shown examples passed.
  bool solved = false;
  /// Programs of a problem that do the same have the same number; -1 is no program.
  int behavior = -1;
  double own_sum = 0;  ///< log p of the tokens, the end included, under whoever wrote them.
  std::size_t length = 0;
  /// Mean log p a token under all experts; NaN if they were not asked.
  double all_mean = std::numeric_limits<double>::quiet_NaN();
  /// Of the value model; NaN if it was not asked.
  double value = std::numeric_limits<double>::quiet_NaN();

  [[nodiscard]] double own_mean() const { return own_sum / static_cast<double>(length); }
};

/// Of one problem: all samples of the first writer, then those of the next.
using Outcomes = std::vector<Outcome>;

inline Outcomes outcomes_of(const programs::Problem& problem,
                            std::span<const tutti::Candidate> candidates) {
  program_ensemble::Judge judge;
  judge.begin(problem);
  std::map<std::string, int> behaviors;
  Outcomes outcomes;
  for (const tutti::Candidate& candidate : candidates) {
    const programs::Verdict& verdict = judge(candidate.tokens);
    Outcome outcome;
    outcome.valid = verdict.valid;
    outcome.shown = verdict.shown_passed;
    outcome.solved = verdict.solves();
    if (verdict.valid)
      outcome.behavior = behaviors
                             .try_emplace(verdict.behavior_key, static_cast<int>(behaviors.size()))
                             .first->second;
    for (const float log_probability : candidate.log_probabilities)
      outcome.own_sum += static_cast<double>(log_probability);
    outcome.length = candidate.tokens.size();
    outcomes.push_back(outcome);
  }
  return outcomes;
}

/// Whether filtering by the shown examples, then taking the best own mean log p, finds a solution
/// among the candidates from `first` on, every `stride`-th up to `count` of them. What experts and
/// temperatures are chosen by on the development set.
inline bool filter_solves(const Outcomes& outcomes, std::span<const std::size_t> chosen) {
  const auto better = [&](std::size_t a, std::size_t b) {
    const bool passes_a = outcomes[a].shown == programs::kShownExamples;
    const bool passes_b = outcomes[b].shown == programs::kShownExamples;
    return passes_a != passes_b ? passes_a : outcomes[a].own_mean() > outcomes[b].own_mean();
  };
  std::size_t best = chosen.front();
  for (const std::size_t i : chosen) {
    if (better(i, best)) best = i;
  }
  return outcomes[best].solved;
}

/// One column for each field, problem after problem. Four decimals are kept.
inline Json to_json(const std::vector<Outcomes>& problems) {
  const auto column = [&](auto&& field) {
    Json values = Json::array();
    for (const Outcomes& outcomes : problems) {
      for (const Outcome& outcome : outcomes) values.push_back(field(outcome));
    }
    return values;
  };
  const auto rounded = [](double value) -> Json {
    if (std::isnan(value)) return nullptr;
    return std::round(value * 1e4) / 1e4;
  };
  return {{"valid", column([](const Outcome& o) { return o.valid ? 1 : 0; })},
          {"shown", column([](const Outcome& o) { return o.shown; })},
          {"solved", column([](const Outcome& o) { return o.solved ? 1 : 0; })},
          {"behavior", column([](const Outcome& o) { return o.behavior; })},
          {"own_sum", column([&](const Outcome& o) { return rounded(o.own_sum); })},
          {"length", column([](const Outcome& o) { return o.length; })},
          {"all_mean", column([&](const Outcome& o) { return rounded(o.all_mean); })},
          {"value", column([&](const Outcome& o) { return rounded(o.value); })}};
}

}  // namespace evaluate_programs
