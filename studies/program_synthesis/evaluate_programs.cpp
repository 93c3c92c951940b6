// SPDX-License-Identifier: Apache-2.0
// Puts every system that docs/evaluation.md compares to the same fresh test problems, and writes
// what became of each candidate.
//
//   build/demo/studies/program_synthesis/evaluate_programs && python3
//   studies/program_synthesis/programs/report.py
//
// Writes one JSON file: for each system columns of valid, shown, solved, own_sum, length, all_mean,
// value and behavior, problem after problem, expert after expert, sample after sample. report.py
// makes the report of it. --help lists the options.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "evaluate_programs/costs.hpp"
#include "evaluate_programs/development.hpp"
#include "evaluate_programs/options.hpp"
#include "evaluate_programs/team.hpp"
#include "program_ensemble/models.hpp"
#include "programs/enumeration.hpp"
#include "programs/generator.hpp"
#include "tutti/tutti.hpp"

namespace evaluate_programs {

class Evaluation {
 public:
  explicit Evaluation(const Options& options)
      : options_(options),
        value_model_(program_ensemble::load_value_model(options.models, options.threads)),
        development_(programs::make_problems(programs::Split::development, options.seed,
                                             options.development)),
        test_(programs::make_problems(programs::Split::test, options.seed, options.problems)),
        few_(test_.begin(), test_.begin() + static_cast<std::ptrdiff_t>(
                                                std::min(test_.size(), options.cost_problems))) {}

  /// Experts as a team of eight, two programs each (and all that pass@k needs); the best of them
  /// alone; all of them fused.
  void add_experts(const std::string& name, bool adapters) {
    const std::vector<Model> experts = program_ensemble::load_experts(options_.models, 8, adapters);
    const Team team = whole_team(name, experts);
    const Choice choice = choose(team, 2, development_, options_);
    development_choices_.push_back(choice.record);
    add(team, choice.temperature);
    const auto best = static_cast<std::uint32_t>(choice.best_writer);
    add({name + ": best expert", experts, {best}, false}, choice.best_writer_temperature);
    systems_.back()["expert"] = best;
    add({name + ": best expert, greedy", {experts[choice.best_greedy_writer]}, {0}, false}, 0.0F);
    systems_.back()["expert"] = choice.best_greedy_writer;

    Team fused = team;
    fused.name = name + ": fusion";
    fused.fused = true;
    add_alone(fused);
  }

  /// One model alone.
  void add_model(const std::string& name, const std::string& directory) {
    add_alone(whole_team(name, {Model::load(options_.models / directory)}));
  }

  [[nodiscard]] Json report() {
    Json problems = Json::array();
    for (const programs::Problem& problem : test_) {
      problems.push_back(
          {{"language",
            problem.signature.language() == programs::Language::list ? "list" : "string"},
           {"length", problem.solution.statements.size()},
           {"family", programs::family_of(problem.solution)}});
    }
    return {{"seed", options_.seed},
            {"problems", problems},
            {"development", development_choices_},
            {"systems", systems_},
            {"enumeration", enumeration()}};
  }

 private:
  /// What writes one program a time: sampled at the temperature that suits it, and greedily.
  void add_alone(const Team& team) {
    const Choice choice = choose(team, options_.samples, development_, options_);
    development_choices_.push_back(choice.record);
    add(team, choice.temperature);
    Team greedy = team;
    greedy.name += ", greedy";
    add(greedy, 0.0F);
  }

  void add(const Team& team, float temperature) {
    const bool alone = team.writers.size() == 1;
    const std::size_t samples = temperature == 0 ? 1
                                : alone          ? options_.alone_samples
                                                 : options_.samples;
    const std::vector<Outcomes> outcomes = write(team, test_, samples, temperature, options_.seed,
                                                 options_.threads, &value_model_);
    Options counted = options_;
    counted.samples = samples;
    systems_.push_back({{"name", team.name},
                        {"experts", team.experts.size()},
                        {"writers", team.writer_count()},
                        {"samples", samples},
                        {"temperature", temperature},
                        {"costs", measure_costs(team, temperature, few_, counted, value_model_)},
                        {"outcomes", to_json(outcomes)}});
  }

  /// The honest baseline: the shortest program that fits the shown examples, by trying them all.
  [[nodiscard]] Json enumeration() const {
    std::fprintf(stderr, "enumeration: %zu problems\n", test_.size());
    Json solved = Json::array();
    Json tried = Json::array();
    const auto start = std::chrono::steady_clock::now();
    for (const programs::Problem& problem : test_) {
      const programs::EnumerationResult found = programs::enumerate_programs(problem);
      solved.push_back(
          found.program &&
                  programs::verify(problem, programs::encode_program(*found.program)).solves()
              ? 1
              : 0);
      tried.push_back(found.programs);
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return {{"solved", solved}, {"programs", tried}, {"seconds", seconds}};
  }

  Options options_;
  program_ensemble::ValueModel value_model_;
  std::vector<programs::Problem> development_;
  std::vector<programs::Problem> test_;
  std::vector<programs::Problem> few_;  ///< On which operations are counted.
  Json development_choices_ = Json::array();
  Json systems_ = Json::array();
};

void run(const Options& options) {
  std::ofstream file(options.out);  // before the work, which takes long
  tutti::require<tutti::FormatError>(file.good(), options.out.string(), ": cannot be written");
  Evaluation evaluation(options);
  evaluation.add_experts("experts", false);
  evaluation.add_experts("adapters", true);
  evaluation.add_model("single", "single");
  evaluation.add_model("base", "base");
  file << evaluation.report().dump() << "\n";
  file.close();
  tutti::require<tutti::FormatError>(file.good(), options.out.string(), ": cannot be written");
}

}  // namespace evaluate_programs

int main(int argc, char** argv) {
  CLI::App app(
      "Evaluates the program-writing ensemble and its opponents; "
      "studies/program_synthesis/programs/report.py makes the report.");
  try {
    evaluate_programs::run(evaluate_programs::parse(app, argc, argv));
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
