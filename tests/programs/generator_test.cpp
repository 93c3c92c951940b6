// SPDX-License-Identifier: Apache-2.0
#include "programs/generator.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "programs/enumeration.hpp"
#include "programs/verifier.hpp"
#include "tests/support/catch.hpp"

using namespace programs;

namespace {

using Outputs = std::vector<Value>;

/// The program's outputs on the probes of all domains whose inputs it takes, computed
/// independently.
Outputs outputs_everywhere(const Program& program) {
  Outputs all;
  for (const Domain& domain : domains()) {
    if (domain.types != program.signature.inputs) continue;
    for (const Inputs& inputs : domain.probes) all.push_back(run(program, inputs));
  }
  return all;
}

/// A function's signature: the types of its inputs, with its outputs on one domain's probes or on
/// all.
using Behavior = std::pair<std::vector<Type>, Outputs>;

std::vector<Problem> of_several_seeds(Split split, std::size_t count) {
  std::vector<Problem> all;
  for (const std::uint64_t seed : {1U, 2U, 77U}) {
    for (Problem& problem : make_problems(split, seed, count)) all.push_back(std::move(problem));
  }
  return all;
}

}  // namespace

// The values themselves are compared, not the hashes that the generator uses.
TEST_CASE(
    "no function of one split is a function of another, whatever the seed, the language and the "
    "length") {
  std::map<Behavior, Split> everywhere;
  std::map<std::pair<std::size_t, Outputs>, Split> in_domain;
  std::map<std::pair<Split, std::size_t>, std::size_t> lengths;
  std::size_t leaks = 0;
  for (const Split split : {Split::training, Split::development, Split::test}) {
    for (const Problem& problem : of_several_seeds(split, 1200)) {
      const Program& program = problem.solution;
      ++lengths[{split, program.statements.size()}];
      leaks += everywhere.try_emplace({program.signature.inputs, outputs_everywhere(program)},
                                      split)
                           .first->second != split
                   ? 1U
                   : 0U;
      leaks += in_domain.try_emplace({problem.domain, outputs_on_probes(program, problem.domain)},
                                     split)
                           .first->second != split
                   ? 1U
                   : 0U;
    }
  }
  CHECK(leaks == 0);
  CHECK(everywhere.size() > 6000);
  CHECK(lengths.size() == 9);
}

TEST_CASE("the leak test would find a leak") {
  const Problem problem = make_problems(Split::test, 1, 2)[1];
  Program rewritten = problem.solution;
  rewritten.statements[0].modifier = Modifier::lower;
  CHECK(outputs_everywhere(problem.solution) == outputs_everywhere(problem.solution));
  CHECK(outputs_everywhere(problem.solution) != outputs_everywhere(rewritten));
}

TEST_CASE("no two problems of a set have the same function") {
  for (const Split split : {Split::training, Split::development, Split::test}) {
    std::set<std::pair<std::size_t, Outputs>> functions;
    std::set<std::uint64_t> behaviors;
    for (const Problem& problem : make_problems(split, 4, 1500)) {
      const Outputs outputs = outputs_on_probes(problem.solution, problem.domain);
      CHECK(functions.emplace(problem.domain, outputs).second);
      CHECK(behaviors.insert(problem.behavior).second);
      CHECK(problem.behavior == hash_values(outputs));
    }
  }
}

TEST_CASE("examples are of the solution, all different, and fit into a prompt") {
  for (const Problem& problem : make_problems(Split::development, 5, 1000)) {
    CAPTURE(to_text(problem.solution));
    REQUIRE(problem.shown.size() == kShownExamples);
    REQUIRE(problem.hidden.size() == kHiddenExamples);
    std::vector<Example> all = problem.shown;
    all.insert(all.end(), problem.hidden.begin(), problem.hidden.end());
    std::set<std::vector<Value>> inputs;
    for (const Example& example : all) {
      CHECK(run(problem.solution, example.inputs) == example.output);
      CHECK(has_type(example.output, problem.signature.output));
      CHECK(size_of(example.output) > 0);
      CHECK(inputs.insert(example.inputs).second);
      REQUIRE(example.inputs.size() == problem.signature.inputs.size());
      for (std::size_t v = 0; v < example.inputs.size(); ++v)
        CHECK(has_type(example.inputs[v], problem.signature.inputs[v]));
    }
    CHECK(problem.shown[0].output != problem.shown[1].output);
    CHECK(problem.shown[0].output != problem.shown[2].output);
    CHECK(problem.shown[1].output != problem.shown[2].output);
    CHECK(encode_prompt(problem).size() + encode_program(problem.solution).size() <=
          kLongestSequence);
  }
}

TEST_CASE("no shorter program behaves like a solution on the probes") {
  for (const Problem& problem : make_problems(Split::test, 6, 60)) {
    CAPTURE(to_text(problem.solution));
    Problem probed = problem;
    probed.shown.clear();
    for (const Inputs& inputs : domains()[problem.domain].probes)
      probed.shown.push_back({inputs, run(problem.solution, inputs)});
    const EnumerationResult shortest = enumerate_programs(probed);
    REQUIRE(shortest.program);
    CHECK(shortest.program->statements.size() == problem.solution.statements.size());
  }
}

TEST_CASE("sets have both languages, all lengths and all families") {
  std::map<Language, std::size_t> languages;
  std::map<std::pair<Language, std::size_t>, std::size_t> lengths;
  std::map<int, std::size_t> families;
  for (const Problem& problem : make_problems(Split::test, 8, 1000)) {
    ++languages[problem.signature.language()];
    ++lengths[{problem.signature.language(), problem.solution.statements.size()}];
    ++families[family_of(problem.solution)];
  }
  CHECK(languages[Language::list] == 500);
  CHECK(languages[Language::string] == 500);
  CHECK(lengths.size() == 6);
  REQUIRE(families.size() == 8);
  for (const auto& [family, count] : families) {
    CAPTURE(family);
    CHECK(count >= 40);
  }
}

TEST_CASE("the same split, seed and count give the same problems, another seed others") {
  const auto tokens = [](Split split, std::uint64_t seed) {
    std::vector<std::vector<tutti::Token>> all;
    for (const Problem& problem : make_problems(split, seed, 50)) {
      all.push_back(encode_prompt(problem));
      all.push_back(encode_program(problem.solution));
    }
    return all;
  };
  CHECK(tokens(Split::test, 1) == tokens(Split::test, 1));
  CHECK(tokens(Split::test, 1) != tokens(Split::test, 2));
  CHECK(tokens(Split::test, 1) != tokens(Split::development, 1));
}

// The models in studies/program_synthesis/models were trained on these sets, so they must not
// change. If this fails, retrain or revert the change.
TEST_CASE("the first problems of a set are as they are written here") {
  const auto written = [](Split split, std::size_t index) {
    const Problem problem = make_problems(split, 1, 4)[index];
    std::string text;
    for (const Example& example : problem.shown) text += to_text(example) + "; ";
    return text + to_text(problem.solution);
  };
  CHECK(written(Split::training, 0) ==
        "[3, 7, 3, 2, 4, -6] -> 3; [7, 7, -5, -2] -> 2; [-7, -9, 3, 8, -9] -> 4; b = MAP(*2) a; c "
        "= ZIPWITH(min) b a; d = COUNT(even) c");
  CHECK(written(Split::training, 1) ==
        R"("john@post.net" -> "#John"; "tim_0@mit.edu" -> "#Tim"; "t.curie@cern.ch" -> "#Curie"; )"
        R"(CONST '#' & PROPER WORD -3)");
  CHECK(written(Split::development, 0) ==
        "[-12, 8, -7, -6, -4] -> [-36, -21, -18, -12]; [-1, 7, 9, 7] -> [-3]; [2, 16, 9, -14, 12] "
        "-> [-42]; b = MAP(*3) a; c = FILTER(<0) b");
  CHECK(written(Split::development, 1) ==
        R"("noether, john" -> "NOETHER, "; "perlman, ada" -> "PERLMAN, "; )"
        R"("conway, radia" -> "CONWAY, "; UPPER UPTO ' ' & CONST ' ')");
  CHECK(written(Split::test, 1) ==
        R"("Bread: 2.22 GBP" -> "B:bread"; "Pasta: 4.91 SEK" -> "P:pasta"; )"
        R"("Corn: 20.10 GBP" -> "C:corn"; INITIAL CAPITALS & CONST ':' & LOWER WORD 1)");
  CHECK(written(Split::test, 2) ==
        "1, [-11, -7, -6, -4] -> [-14, -12, -8]; 0, [-16, 1, 3, 9, 15, -7] -> [-32, 2, 6, 18, 30, "
        "30]; 2, [11, -15, 6, 9] -> [12, 18]; "
        "c = DROP a b; d = MAP(*2) c; e = SCANL1(max) d");

  const auto fingerprint = [](Split split) {
    std::uint64_t hash = 0;
    for (const Problem& problem : make_problems(split, 1, 1000)) {
      hash = programs::detail::mix(hash, problem.behavior);
      for (const std::vector<Example>* examples : {&problem.shown, &problem.hidden}) {
        for (const Example& example : *examples) {
          for (const tutti::Token token : encode_example(example))
            hash = programs::detail::mix(hash, static_cast<std::uint64_t>(token));
        }
      }
      for (const tutti::Token token : encode_program(problem.solution))
        hash = programs::detail::mix(hash, static_cast<std::uint64_t>(token));
    }
    return hash;
  };
  CHECK(fingerprint(Split::training) == 0xddefe53a997bc684U);
  CHECK(fingerprint(Split::development) == 0x8c719bad31022b5aU);
  CHECK(fingerprint(Split::test) == 0x3886de155c52d540U);
}

TEST_CASE("a generator that finds no further function says how many it found") {
  programs::detail::ProblemGenerator hasty(Split::test, 1, /*tries=*/1);
  CHECK_THROWS_WITH(
      [&] {
        for (;;) (void)hasty.next(Language::list);
      }(),
      tutti::test::contains("no further function after ") &&
          tutti::test::contains(": ask for fewer"));
}
