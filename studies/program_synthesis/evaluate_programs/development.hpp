// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is chosen on the development set, so that nothing is chosen on the test set: which expert is
// the best one, and at which temperature each system samples.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "evaluate_programs/options.hpp"
#include "evaluate_programs/team.hpp"

namespace evaluate_programs {

/// Share of problems solved by filter + own mean log p among the candidates that `chosen` names.
inline double solved_share(const std::vector<Outcomes>& problems,
                           const std::vector<std::size_t>& chosen) {
  double solved = 0;
  for (const Outcomes& outcomes : problems) solved += filter_solves(outcomes, chosen) ? 1.0 : 0.0;
  return solved / static_cast<double>(problems.size());
}

/// Candidates first, ..., first + count - 1 of each of `writers` writers with `samples` each.
inline std::vector<std::size_t> samples_of(std::size_t writers, std::size_t samples,
                                           std::size_t first, std::size_t count) {
  std::vector<std::size_t> chosen;
  for (std::size_t w = 0; w < writers; ++w) {
    for (std::size_t s = first; s < first + count; ++s) chosen.push_back(w * samples + s);
  }
  return chosen;
}

struct Choice {
  float temperature = 1.0F;  ///< For the team as a whole: `together` programs from each writer.
  /// For one writer alone, with all samples; with the temperature that suits it.
  std::size_t best_writer = 0;
  float best_writer_temperature = 1.0F;
  std::size_t best_greedy_writer = 0;
  Json record;  ///< All shares, for the report.
};

/// @param together programs that each writer contributes when the team writes as one; its share is
/// averaged over the disjoint draws
///        that the samples allow.
inline Choice choose(const Team& team, std::size_t together,
                     const std::vector<programs::Problem>& problems, const Options& options) {
  Choice choice;
  choice.record = {{"name", team.name}, {"problems", problems.size()}};
  const std::size_t writers = team.writer_count();
  double best_team = -1;
  double best_alone = -1;
  for (const float temperature : options.temperatures) {
    const std::vector<Outcomes> outcomes = write(team, problems, options.samples, temperature,
                                                 options.seed, options.threads);
    double share = 0;
    const std::size_t draws = options.samples / together;
    for (std::size_t d = 0; d < draws; ++d)
      share += solved_share(outcomes,
                            samples_of(writers, options.samples, d * together, together)) /
               static_cast<double>(draws);
    if (share > best_team) {
      best_team = share;
      choice.temperature = temperature;
    }
    std::vector<double> alone;
    for (std::size_t w = 0; w < writers; ++w) {
      std::vector<std::size_t> own(options.samples);
      std::iota(own.begin(), own.end(), w * options.samples);
      alone.push_back(solved_share(outcomes, own));
      if (alone.back() > best_alone) {
        best_alone = alone.back();
        choice.best_writer = w;
        choice.best_writer_temperature = temperature;
      }
    }
    choice.record["sampled"].push_back(
        {{"temperature", temperature}, {"together", share}, {"alone", alone}});
  }
  const std::vector<Outcomes> greedy = write(team, problems, 1, 0.0F, options.seed,
                                             options.threads);
  std::vector<double> shares;
  for (std::size_t w = 0; w < writers; ++w) shares.push_back(solved_share(greedy, {w}));
  choice.best_greedy_writer = static_cast<std::size_t>(
      std::max_element(shares.begin(), shares.end()) - shares.begin());
  choice.record["greedy"] = shares;
  return choice;
}

}  // namespace evaluate_programs
