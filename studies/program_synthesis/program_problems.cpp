// SPDX-License-Identifier: Apache-2.0
// Writes problem sets and the vocabulary for training in another language, and checks candidates
// that were written there.
//
//   build/demo/studies/program_synthesis/program_problems --split test --count 4
//   build/demo/studies/program_synthesis/program_problems --split training --seed 1 --count 6000
//   --out training.jsonl build/demo/studies/program_synthesis/program_problems --vocabulary
//   vocabulary.json build/demo/studies/program_synthesis/program_problems --verify <
//   candidates.jsonl > verdicts.jsonl
//
// The first prints problems for people. Programs and examples are written as token ids:
// studies/program_synthesis/programs/vocabulary.hpp.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <span>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "programs/generator.hpp"
#include "programs/verifier.hpp"
#include "tutti/base/error.hpp"

namespace {

const std::map<std::string, programs::Split> kSplits{{"training", programs::Split::training},
                                                     {"development", programs::Split::development},
                                                     {"test", programs::Split::test}};

void print_problem(std::ostream& out, const programs::Problem& problem) {
  for (const programs::Example& example : problem.shown) out << "  " << to_text(example) << "\n";
  for (const programs::Example& example : problem.hidden)
    out << "    hidden: " << to_text(example) << "\n";
  out << "  " << to_text(problem.solution) << "\n\n";
}

nlohmann::json to_json(const programs::Problem& problem) {
  std::vector<std::vector<tutti::Token>> examples;
  for (const programs::Example& example : problem.shown)
    examples.push_back(encode_example(example));
  for (const programs::Example& example : problem.hidden)
    examples.push_back(encode_example(example));
  std::ostringstream behavior;
  behavior << std::hex << std::setw(16) << std::setfill('0') << problem.behavior;
  return {
      {"prompt", encode_prompt(problem)},
      {"program", encode_program(problem.solution)},
      {"language", problem.signature.language() == programs::Language::list ? "list" : "string"},
      {"family", family_of(problem.solution)},
      {"length", problem.solution.statements.size()},
      {"examples", examples},
      {"behavior", behavior.str()}};
}

nlohmann::json vocabulary_to_json() {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < programs::kVocabularySize; ++i)
    texts.push_back(programs::token_text(static_cast<tutti::Token>(i)));
  const auto& numbers = programs::detail::kNumberTokens;
  return {{"tokens", texts},
          {"integers",
           {{"first_id", numbers.first},
            {"first_value", programs::kSmallest},
            {"count", numbers.count}}},
          {"begin", programs::kBeginToken},
          {"end", programs::kEndToken},
          {"pad", programs::kPadToken},
          {"program", programs::kProgramToken},
          {"equals", programs::kEqualsToken},
          {"separator", programs::kSeparatorToken}};
}

/// What a candidate does with the inputs of a problem: its function's split and, token ids,
/// examples of it. Null where no problem could be made of them, or where the function belongs to no
/// split.
nlohmann::json behavior_to_json(const programs::Problem& problem,
                                std::span<const tutti::Token> tokens) {
  const std::optional<programs::Program> program = parse_program(problem.signature, tokens).program;
  if (!program) return nullptr;
  std::vector<std::vector<tutti::Token>> examples;
  for (const std::vector<programs::Example>* part : {&problem.shown, &problem.hidden}) {
    for (const programs::Example& example : *part) {
      const programs::Example own{example.inputs, run(*program, example.inputs)};
      if (!programs::detail::is_good_example(own)) return nullptr;
      examples.push_back(encode_example(own));
    }
  }
  const auto split = split_of(*program,
                              programs::hash_values(outputs_on_probes(*program, problem.domain)));
  const auto named = std::find_if(kSplits.begin(), kSplits.end(),
                                  [&](const auto& entry) { return entry.second == split; });
  if (named == kSplits.end()) return nullptr;
  return {{"split", named->first}, {"examples", examples}};
}

/// @throws FormatError for what is no token's number; whether there is such a token is for the
/// verifier to say.
std::vector<tutti::Token> tokens_of(const nlohmann::json& values) {
  std::vector<tutti::Token> tokens;
  for (const nlohmann::json& value : values) {
    const bool whole = value.is_number_integer();
    const std::int64_t token = whole ? value.get<std::int64_t>() : -1;
    tutti::require<tutti::FormatError>(
        whole && token >= 0 && token <= std::numeric_limits<tutti::Token>::max(), "token ",
        value.dump(), " is not a whole number from 0 to ",
        std::numeric_limits<tutti::Token>::max());
    tokens.push_back(static_cast<tutti::Token>(token));
  }
  return tokens;
}

/// One candidate a line: {"split", "seed", "count", "index", "tokens"}; one verdict a line.
void verify_lines(std::istream& in, std::ostream& out, bool with_behavior) {
  std::map<std::tuple<std::string, std::uint64_t, std::size_t>, std::vector<programs::Problem>>
      sets;
  for (std::string line; std::getline(in, line);) {
    const nlohmann::json candidate = nlohmann::json::parse(line);
    const auto [split, seed, count] = std::tuple(candidate.at("split").get<std::string>(),
                                                 candidate.at("seed").get<std::uint64_t>(),
                                                 candidate.at("count").get<std::size_t>());
    std::vector<programs::Problem>& problems = sets[{split, seed, count}];
    if (problems.empty()) problems = programs::make_problems(kSplits.at(split), seed, count);
    const std::vector<tutti::Token> tokens = tokens_of(candidate.at("tokens"));
    const programs::Problem& problem = problems.at(candidate.at("index").get<std::size_t>());
    const programs::Verdict verdict = verify(problem, tokens);
    nlohmann::json result{{"valid", verdict.valid},
                          {"shown", verdict.shown_passed},
                          {"hidden", verdict.hidden_passed},
                          {"solves", verdict.solves()}};
    if (with_behavior) result["behavior"] = behavior_to_json(problem, tokens);
    out << result << "\n";
  }
}

int write(const std::string& path, const auto& write_to) {
  if (path.empty()) {
    write_to(std::cout);
    return 0;
  }
  std::ofstream file(path);
  write_to(file);
  file.close();
  tutti::require<tutti::OptionError>(file.good(), "cannot write ", path,
                                     ": is its folder there, and the disk not full?");
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Writes problem sets and the vocabulary for training, and checks candidates.");
  std::string split = "training";
  std::uint64_t seed = 1;
  std::size_t count = 10;
  std::string out;
  std::string vocabulary;
  bool check = false;
  bool with_behavior = false;
  app.add_option("--split", split, "training, development or test: no two share a function")
      ->transform(CLI::IsMember({"training", "development", "test"}));
  app.add_option("--seed", seed, "Another seed, another set");
  app.add_option("--count", count, "Number of problems, half of each language");
  app.add_option(
      "--out", out,
      "Write the set to this file, one JSON object a line, instead of printing it for people");
  app.add_option("--vocabulary", vocabulary, "Write the vocabulary to this file, as JSON");
  app.add_flag("--verify", check,
               "Read candidates from the standard input, one JSON object a line, and write a "
               "verdict for each");
  app.add_flag("--behavior", with_behavior,
               "With --verify: what each candidate does with the problem's inputs, and its "
               "function's split");
  CLI11_PARSE(app, argc, argv);

  if (check) {
    std::ios::sync_with_stdio(false);
    verify_lines(std::cin, std::cout, with_behavior);
    return 0;
  }
  if (!vocabulary.empty())
    return write(vocabulary, [](std::ostream& to) { to << vocabulary_to_json() << "\n"; });
  const std::vector<programs::Problem> problems = programs::make_problems(kSplits.at(split), seed,
                                                                          count);
  return write(out, [&](std::ostream& to) {
    for (const programs::Problem& problem : problems) {
      if (out.empty()) {
        print_problem(to, problem);
      } else {
        to << to_json(problem) << "\n";
      }
    }
  });
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
