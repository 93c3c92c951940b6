// SPDX-License-Identifier: Apache-2.0
#pragma once
// The command line of `evaluate_programs`.

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace evaluate_programs {

struct Options {
  std::filesystem::path models = "studies/program_synthesis/models";
  std::filesystem::path out = "build/evaluation.json";
  std::size_t problems = 1000;
  std::size_t development = 200;
  std::size_t cost_problems = 50;
  std::size_t samples = 16;
  std::size_t alone_samples = 64;
  std::uint64_t seed = 20;
  std::vector<float> temperatures{0.3F, 0.5F, 0.7F, 1.0F};
  std::size_t threads = 1;
};

/// @throws CLI::ParseError, also for --help; see CLI::App::exit.
inline Options parse(CLI::App& app, int argc, char** argv) {
  Options options;
  app.add_option("--models", options.models, "Directory of the models")->capture_default_str();
  app.add_option("--out", options.out, "File to write")->capture_default_str();
  app.add_option("--problems", options.problems, "Test problems")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--development", options.development,
                 "Development problems, on which experts and temperatures are chosen")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--cost-problems", options.cost_problems,
                 "Test problems on which operations are counted")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--samples", options.samples, "Programs that each expert writes")
      ->check(CLI::Range(2, 4096))
      ->capture_default_str();
  app.add_option("--alone-samples", options.alone_samples,
                 "Programs that a model writes alone, enough to spend what the ensemble spends on "
                 "all its experts")
      ->check(CLI::Range(2, 4096))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Of the test problems and of all draws")
      ->capture_default_str();
  app.add_option(
         "--temperatures", options.temperatures,
         "Each system samples at that of these with which it solves most of the development set")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", options.threads, "0 takes all processors")->capture_default_str();
  app.parse(argc, argv);
  return options;
}

}  // namespace evaluate_programs
