// SPDX-License-Identifier: Apache-2.0
#include "programs/enumeration.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "programs/generator.hpp"
#include "programs/verifier.hpp"
#include "tests/support/catch.hpp"

using namespace programs;

namespace {

Problem list_problem(const std::vector<std::pair<List, Value>>& examples) {
  Problem problem;
  problem.signature = {{Type::list},
                       has_type(examples[0].second, Type::number) ? Type::number : Type::list};
  for (const auto& [input, output] : examples) problem.shown.push_back({{input}, output});
  return problem;
}

Problem text_problem(const std::vector<std::pair<std::string, std::string>>& examples) {
  Problem problem;
  problem.signature = {{Type::text}, Type::text};
  for (const auto& [input, output] : examples) problem.shown.push_back({{input}, output});
  return problem;
}

std::string found(const Problem& problem, const EnumerationLimits& limits = {}) {
  const EnumerationResult result = enumerate_programs(problem, limits);
  return result.program ? to_text(*result.program) : "none";
}

}  // namespace

TEST_CASE("the shortest program comes first") {
  CHECK(found(list_problem({{{3, 1, 2}, List{1, 2, 3}}, {{5, 4}, List{4, 5}}})) == "b = SORT a");
  CHECK(found(list_problem(
            {{{3, -1, 2}, List{3, 2, -1}}, {{4, 5}, List{5, 4}}, {{1, 2, -7}, List{2, 1, -7}}})) ==
        "b = SORT a; c = REVERSE b");
  CHECK(found(list_problem({{{3, 6, 2}, 8}, {{4, 5, -6, 1}, -2}, {{1, 7}, 0}})) ==
        "b = FILTER(even) a; c = SUM b");
  CHECK(found(text_problem({{"Ada King", "King"}, {"Alan M. Turing", "Turing"}})) == "WORD -1");
  CHECK(found(text_problem({{"ada king", "King A"}, {"kurt von godel", "Godel K"}})) ==
        "PROPER WORD -1 & CONST ' ' & UPPER SUBSTR 1 1");
}

TEST_CASE("what no program does is not found") {
  CHECK(found(list_problem({{{1}, List{9, 9}}})) == "none");
  CHECK(found(text_problem({{"ada", "xyzzy"}})) == "none");
  CHECK(found(text_problem({{"ada", "xyz"}})) == "CONST 'x' & CONST 'y' & CONST 'z'");
}

TEST_CASE("the search stops at its limits and says so") {
  const Problem problem = list_problem({{{1}, List{9, 9}}});
  const EnumerationResult cut = enumerate_programs(problem, {.statements = 3, .programs = 10});
  CHECK((!cut.complete && cut.programs == 10 && !cut.program));
  const EnumerationResult all = enumerate_programs(problem, {.statements = 2});
  CHECK((all.complete && all.programs > 10 && !all.program));
}

TEST_CASE("what is found passes the shown examples and is no longer than the solution") {
  std::size_t solved = 0;
  const std::vector<Problem> problems = make_problems(Split::test, 12, 300);
  for (const Problem& problem : problems) {
    CAPTURE(to_text(problem.solution));
    const EnumerationResult result = enumerate_programs(problem);
    REQUIRE(result.program);
    CHECK(result.complete);
    CHECK(result.program->statements.size() <= problem.solution.statements.size());
    const Verdict verdict = verify(problem, encode_program(*result.program));
    CHECK(verdict.passes_shown());
    solved += verdict.solves() ? 1U : 0U;
  }
  // Three examples nearly determine the function: solving a problem is not a guess between equally
  // good answers.
  CHECK(solved > problems.size() * 8 / 10);
}
