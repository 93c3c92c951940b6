// SPDX-License-Identifier: Apache-2.0
#pragma once
// Experts, those of them that write, and how: each for itself, or all together by fused
// distributions.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "evaluate_programs/outcome.hpp"
#include "evaluate_programs/reader.hpp"
#include "program_ensemble/models.hpp"
#include "programs/problem.hpp"
#include "tutti/tutti.hpp"

namespace evaluate_programs {

using program_ensemble::Model;

struct Team {
  std::string name;
  std::vector<Model> experts;          ///< All of them read what is written.
  std::vector<std::uint32_t> writers;  ///< Those that write.
  bool fused = false;                  ///< All write together, one program a time.

  [[nodiscard]] std::size_t writer_count() const { return fused ? 1 : writers.size(); }
};

inline Team whole_team(std::string name, std::vector<Model> experts) {
  std::vector<std::uint32_t> all(experts.size());
  std::iota(all.begin(), all.end(), 0U);
  return {std::move(name), std::move(experts), std::move(all), false};
}

template <tutti::CandidateScorer Scorer>
using TeamEnsemble = tutti::Ensemble<std::dynamic_extent, Model, Scorer, tutti::FixedSubset>;

template <tutti::CandidateScorer Scorer>
TeamEnsemble<Scorer> make_ensemble(const Team& team, Scorer scorer, std::size_t threads) {
  return TeamEnsemble<Scorer>(
      tutti::ExpertStack<std::dynamic_extent, Model>(team.experts, {threads}),
      program_ensemble::codec_that_keeps_the_end(), std::move(scorer),
      tutti::FixedSubset(team.writers));
}

/// `samples` fused programs. Each is a request of its own, since a fused ensemble writes one
/// sequence; nobody is asked to read them.
template <class Ensemble>
std::vector<tutti::Candidate> write_fused(Ensemble& ensemble, tutti::Request request,
                                          std::size_t samples) {
  std::vector<tutti::Candidate> candidates;
  for (std::size_t s = 0; s < samples; ++s) {
    candidates.push_back(ensemble.fuse(request).best());
    request.seed += std::uint64_t{1} << 32;  // requests with equal ids differ by their seeds
  }
  return candidates;
}

/// What the team writes for each problem. `value_model` null asks no reader.
inline std::vector<Outcomes> write(const Team& team, const std::vector<programs::Problem>& problems,
                                   std::size_t samples, float temperature, std::uint64_t seed,
                                   std::size_t threads,
                                   program_ensemble::ValueModel* value_model = nullptr) {
  std::vector<Outcomes> outcomes;
  const auto run = [&](auto ensemble) {
    for (std::size_t i = 0; i < problems.size(); ++i) {
      tutti::Request request = program_ensemble::request_for(problems[i], i, seed, temperature);
      request.samples_per_expert = samples;
      outcomes.push_back(
          outcomes_of(problems[i], team.fused ? write_fused(ensemble, std::move(request), samples)
                                              : ensemble.generate(request).candidates));
      if constexpr (requires { ensemble.scorer().tell(outcomes.back()); })
        ensemble.scorer().tell(outcomes.back());
    }
  };
  std::fprintf(stderr, "%s: %zu problems, %zu x %zu programs at temperature %.2g\n",
               team.name.c_str(), problems.size(), team.writer_count(), samples,
               static_cast<double>(temperature));
  if (value_model != nullptr && !team.fused) {
    run(make_ensemble(team, Reader(*value_model), threads));
  } else {
    run(make_ensemble(team, tutti::MeanLogProbability{}, threads));
  }
  return outcomes;
}

}  // namespace evaluate_programs
