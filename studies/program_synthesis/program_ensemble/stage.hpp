// SPDX-License-Identifier: Apache-2.0
#pragma once
// One problem as a person sees it: its examples, the programs as they come, what the value
// functions say of them, the pick.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "program_ensemble/judge.hpp"
#include "program_ensemble/options.hpp"
#include "program_ensemble/trial.hpp"
#include "programs/problem.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

inline void show_problem(std::size_t index, const programs::Problem& problem) {
  std::printf("problem %zu: which program does this?\n", index);
  for (const programs::Example& example : problem.shown)
    std::printf("    %s\n", to_text(example).c_str());
  std::printf("\n");
}

/// Shows each program when its end has been written. The listener of a request's stream.
class Stage {
 public:
  /// @param judge must outlive the stage, and the problem must have begun.
  Stage(const programs::Problem& problem, Judge& judge) : problem_(&problem), judge_(&judge) {}

  void operator()(const tutti::StreamEvent& event) {
    std::vector<tutti::Token>& tokens = tokens_[{event.expert, event.sample}];
    if (event.token >= 0) tokens.push_back(event.token);
    if (event.finish == tutti::FinishReason::running) return;
    std::printf("  expert %u, sample %u: passes %zu of %zu   %s\n", event.expert, event.sample,
                (*judge_)(tokens).shown_passed, problem_->shown.size(),
                program_text(*problem_, tokens).c_str());
    std::fflush(stdout);
  }

 private:
  const programs::Problem* problem_;
  Judge* judge_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<tutti::Token>> tokens_;
};

/// The different programs, the pick first, then as the selector values them; `written` is how many
/// candidates are this program.
inline void show_values(const Trial& trial) {
  constexpr std::size_t kRows = 6;
  const std::vector<tutti::Candidate>& candidates = trial.result.candidates;
  const tutti::Selection& selection = trial.result.selection;
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(a == selection.index, selection.selector_scores[a]) >
           std::pair(b == selection.index, selection.selector_scores[b]);
  });
  std::map<std::vector<tutti::Token>, std::size_t> written;
  for (const tutti::Candidate& candidate : candidates) ++written[candidate.tokens];
  std::printf("\n  written  shown   log p  all experts   value  program\n");
  std::size_t different = 0;
  for (const std::size_t i : order) {
    const std::size_t times = std::exchange(written[candidates[i].tokens], 0);
    if (times == 0 || ++different > kRows) continue;
    const auto score = [&](ScoreKind kind) {
      return trial.scores[static_cast<std::size_t>(kind)][i];
    };
    std::printf("%c %6zux   %zu/%zu %8.3f %12.3f %7.3f  %s\n", i == selection.index ? '*' : ' ',
                times, trial.verdicts[i].shown_passed, trial.problem->shown.size(),
                score(ScoreKind::mean_log_probability), score(ScoreKind::cross_expert_likelihood),
                score(ScoreKind::value_model),
                program_text(*trial.problem, candidates[i].tokens).c_str());
  }
  if (different > kRows) std::printf("          ... and %zu others\n", different - kRows);
}

inline void show_verdict(const programs::Problem& problem, const tutti::Candidate& pick,
                         const programs::Verdict& verdict) {
  std::printf("\npick (expert %u, sample %u): %s\n", pick.expert, pick.sample,
              program_text(problem, pick.tokens).c_str());
  std::printf("  it passes %zu of %zu shown examples and %zu of %zu hidden tests: %s\n",
              verdict.shown_passed, problem.shown.size(), verdict.hidden_passed,
              problem.hidden.size(), verdict.solves() ? "solved" : "not solved");
  std::printf("  the examples were made with: %s\n", to_text(problem.solution).c_str());
}

inline void show_cost(const tutti::CostLedger& ledger) {
  const tutti::Cost cost = ledger.total();
  std::printf(
      "  cost: %llu prompt, %llu generated and %llu scored tokens in %llu passes, %.0f Mflop, %.1f "
      "ms\n\n",
      static_cast<unsigned long long>(cost.prompt_tokens),
      static_cast<unsigned long long>(cost.generated_tokens),
      static_cast<unsigned long long>(cost.scored_tokens),
      static_cast<unsigned long long>(ledger.steps), cost.flops / 1e6, cost.seconds * 1e3);
}

inline void show_trial(const Trial& trial) {
  show_values(trial);
  show_verdict(*trial.problem, trial.result.best(), trial.verdicts[trial.result.selection.index]);
  show_cost(trial.result.cost);
}

inline void show_fused(const programs::Problem& problem, const tutti::Result& result,
                       const programs::Verdict& verdict) {
  show_verdict(problem, result.best(), verdict);
  show_cost(result.cost);
}

inline void show_introduction(const Options& options) {
  std::printf(
      "%zu small language models write programs from three examples. Exhaustive search over all "
      "short programs solves such problems\n"
      "better than any model here (docs/evaluation.md): this shows how an ensemble works, it is no "
      "way to write programs.\n\n",
      options.experts);
}

}  // namespace program_ensemble
