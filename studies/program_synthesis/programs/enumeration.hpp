// SPDX-License-Identifier: Apache-2.0
#pragma once
// The shortest program that is consistent with the shown examples, by exhaustive search: what a
// problem of these languages is solved with when no model is at hand, and the baseline that a model
// must be compared with.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "programs/list_search.hpp"
#include "programs/problem.hpp"
#include "programs/string_search.hpp"

namespace programs {

struct EnumerationLimits {
  std::size_t statements = 3;
  /// List programs tried on the first example before the search gives up.
  std::size_t programs = 1'000'000;
};

struct EnumerationResult {
  std::optional<Program> program;  ///< The first found of the shortest, or nothing.
  /// Tried: list programs, or expressions of the string language that the examples left to combine.
  std::size_t programs = 0;
  bool complete = true;  ///< Whether no limit on `programs` ended the search.
};

namespace detail {

[[nodiscard]] inline EnumerationResult enumerate_list_programs(const Problem& problem,
                                                               const EnumerationLimits& limits) {
  std::vector<Inputs> inputs;
  for (const Example& example : problem.shown) inputs.push_back(example.inputs);
  ListSearch search(problem.signature.inputs, inputs);
  EnumerationResult result;
  const auto visit = [&](const std::vector<Statement>& statements, const auto& evaluate) {
    if (result.programs == limits.programs) {
      result.complete = false;
      return true;
    }
    ++result.programs;
    for (std::size_t i = 0; i < problem.shown.size(); ++i) {
      if (evaluate(i) != problem.shown[i].output) return false;
    }
    result.program = Program{problem.signature, statements};
    return true;
  };
  for (std::size_t length = 1; length <= limits.statements; ++length) {
    if (search.visit_programs(length, visit)) break;
  }
  return result;
}

[[nodiscard]] inline EnumerationResult enumerate_string_programs(const Problem& problem,
                                                                 const EnumerationLimits& limits) {
  std::vector<Inputs> inputs;
  std::vector<std::string> outputs;
  for (const Example& example : problem.shown) {
    inputs.push_back(example.inputs);
    outputs.push_back(std::get<std::string>(example.output));
  }
  const ExpressionTable table(inputs);
  EnumerationResult result;
  result.programs = table.entries().size();
  if (auto statements = table.shortest(outputs, limits.statements))
    result.program = Program{problem.signature, std::move(*statements)};
  return result;
}

}  // namespace detail

/// Shorter programs before longer ones; among programs of one length, in the order of the
/// language's tables.
[[nodiscard]] inline EnumerationResult enumerate_programs(const Problem& problem,
                                                          const EnumerationLimits& limits = {}) {
  return problem.signature.language() == Language::list
             ? detail::enumerate_list_programs(problem, limits)
             : detail::enumerate_string_programs(problem, limits);
}

}  // namespace programs
