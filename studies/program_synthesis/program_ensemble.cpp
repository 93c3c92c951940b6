// SPDX-License-Identifier: Apache-2.0
// Eight small language models write programs from three examples, two each; a value function and a
// check pick one of the sixteen.
//
//   build/demo/studies/program_synthesis/program_ensemble          (program_ensemble --help lists
//   what can be chosen)
//
// Shows one problem in full: the sixteen programs as they come, which of them pass the shown
// examples, what the value functions say, the pick, and whether it passes the hidden tests. Then
// what the ensemble and other ways to pick solve of a set of problems.
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "program_ensemble/fusion.hpp"
#include "program_ensemble/json.hpp"
#include "program_ensemble/models.hpp"
#include "program_ensemble/options.hpp"
#include "program_ensemble/progress.hpp"
#include "program_ensemble/selector.hpp"
#include "program_ensemble/stage.hpp"
#include "program_ensemble/summary.hpp"
#include "programs/generator.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

/// N experts; std::dynamic_extent is any number.
template <std::size_t N>
using ProgramEnsemble =
    tutti::Ensemble<N, Model, ProgramScorer, tutti::AllExperts, tutti::AnySelector>;

/// Every expert writes, and one program of each problem is picked.
template <class Ensemble>
Json select(const Options& options, const std::vector<programs::Problem>& problems,
            Ensemble& ensemble, Judge& judge) {
  Summary summary(options.scorer, options.selector, judge);
  ProgressBar bar(problems.size());
  Json trials = Json::array();
  for (std::size_t i = 0; i < problems.size(); ++i) {
    judge.begin(problems[i]);
    tutti::Request request = request_for(problems[i], i, options.seed, options.temperature);
    request.samples_per_expert = options.samples;
    const bool shown = !options.json && i < options.show;
    if (shown) {
      show_problem(i, problems[i]);
      request.stream = Stage(problems[i], judge);
    }
    tutti::Result result = ensemble.generate(request);
    const Trial trial = make_trial(i, problems[i], std::move(result), ensemble.scorer().table(),
                                   judge);
    summary.add(trial);
    bar.count(trial.solved());
    if (shown) {
      show_trial(trial);
    } else {
      bar.draw();
    }
    if (options.json) trials.push_back(to_json(trial));
  }
  bar.clear();
  if (!options.json) print_summary(summary);
  return {{"trials", trials}, {"summary", to_json(summary)}, {"cost", to_json(summary.cost())}};
}

/// All experts write one program of each problem together.
template <class Ensemble>
Json fuse(const Options& options, const std::vector<programs::Problem>& problems,
          Ensemble& ensemble, Judge& judge) {
  FusionSummary summary;
  ProgressBar bar(problems.size());
  Json trials = Json::array();
  for (std::size_t i = 0; i < problems.size(); ++i) {
    judge.begin(problems[i]);
    const bool shown = !options.json && i < options.show;
    if (shown) show_problem(i, problems[i]);
    const tutti::Result result = ensemble.fuse(
        request_for(problems[i], i, options.seed, options.temperature), fusion_of(options.fuse));
    const programs::Verdict& verdict = judge(result.best().tokens);
    summary.add(verdict, result.cost);
    bar.count(verdict.solves());
    if (shown) {
      show_fused(problems[i], result, verdict);
    } else {
      bar.draw();
    }
    if (options.json) trials.push_back(to_json(i, problems[i], result, verdict));
  }
  bar.clear();
  if (!options.json) print_summary(summary);
  return {{"trials", trials}, {"summary", to_json(summary)}, {"cost", to_json(summary.cost())}};
}

template <std::size_t N>
void run(const Options& options) {
  std::vector<Model> experts = load_experts(options.models, options.experts, options.adapters);
  ProgramScorer scorer(load_value_model(options.models, options.threads), options.scorer);
  Judge judge;
  ProgramEnsemble<N> ensemble(tutti::ExpertStack<N, Model>(std::move(experts), {options.threads}),
                              codec_that_keeps_the_end(), std::move(scorer), {},
                              make_selector(options.selector, judge));
  const std::vector<programs::Problem> problems = programs::make_problems(
      programs::Split::test, options.seed, options.problems);
  if (!options.json) show_introduction(options);
  Json report = options.fuse.empty() ? select(options, problems, ensemble, judge)
                                     : fuse(options, problems, ensemble, judge);
  if (!options.json) return;
  report["options"] = to_json(options);
  std::printf("%s\n", report.dump(1).c_str());
}

}  // namespace program_ensemble

int main(int argc, char** argv) {
  CLI::App app("Eight small language models write programs, and one of the sixteen is picked.");
  try {
    const program_ensemble::Options options = program_ensemble::parse(app, argc, argv);
    if (options.experts == 8) {
      program_ensemble::run<8>(options);
    } else {
      program_ensemble::run<std::dynamic_extent>(options);
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
