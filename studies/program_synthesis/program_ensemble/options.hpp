// SPDX-License-Identifier: Apache-2.0
#pragma once
// The command line of `program_ensemble`.

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "program_ensemble/scorer.hpp"

namespace program_ensemble {

struct Options {
  std::filesystem::path models = "studies/program_synthesis/models";
  bool adapters = false;
  std::size_t experts = 8;
  std::size_t samples = 2;
  ScoreKind scorer = ScoreKind::cross_expert_likelihood;
  std::string selector = "filter";
  std::string fuse;
  float temperature = 0.5F;
  std::uint64_t seed = 3;
  std::size_t problems = 400;
  std::size_t show = 2;
  std::size_t threads = 1;
  bool json = false;
};

/// @throws CLI::ParseError, also for --help; see CLI::App::exit.
inline Options parse(CLI::App& app, int argc, char** argv) {
  Options options;
  app.add_option("--models", options.models,
                 "Directory with expert_0 ..., base, adapter_0 ..., and value")
      ->capture_default_str();
  app.add_flag("--adapters", options.adapters,
               "Experts that share one base (LoRA) instead of eight whole models");
  app.add_option("-n,--experts", options.experts, "Number of experts")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option("-m,--samples", options.samples, "Programs that each expert writes")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--scorer",
         [&options](const std::string& name) { options.scorer = score_kinds().at(name); },
         "The value function: mean-log-probability, sum-log-probability, "
         "cross-expert-likelihood, value-model or noisy-channel (the last two together)")
      ->check(CLI::IsMember(kScoreKindNames).description(""))
      ->default_str(score_kind_name(options.scorer));
  app.add_option("--selector", options.selector,
                 "What picks: best-of-n, filter (by the shown examples, then the best), majority, "
                 "weighted-majority, minimum-bayes-risk")
      ->check(CLI::IsMember(
                  {"best-of-n", "filter", "majority", "weighted-majority", "minimum-bayes-risk"})
                  .description(""))
      ->capture_default_str();
  app.add_option(
         "--fuse", options.fuse,
         "Write one program from all experts' distributions instead of selecting: mean or product")
      ->check(CLI::IsMember({"mean", "product"}).description(""));
  const CLI::Option* temperature = app.add_option(
      "-t,--temperature", options.temperature,
      "0 takes the likeliest token; 0.5, the best on the development set, but 0 with --fuse, "
      "unless given");
  app.add_option("--seed", options.seed, "Of the problems and of the draws")->capture_default_str();
  app.add_option("--problems", options.problems, "Test problems of the summary")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--show", options.show, "Problems shown in full")->capture_default_str();
  app.add_option("--threads", options.threads,
                 "0 takes all processors; for models this small one is quickest")
      ->capture_default_str();
  app.add_flag("--json", options.json, "Print everything as JSON");
  app.parse(argc, argv);
  if (temperature->count() == 0 && !options.fuse.empty()) options.temperature = 0.0F;
  return options;
}

}  // namespace program_ensemble
