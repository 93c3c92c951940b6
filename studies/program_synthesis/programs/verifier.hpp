// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs a candidate on a problem's examples. Any tokens are safe: what is no program is refused
// before anything runs, and programs have neither loops nor effects.

#include <cstddef>
#include <span>
#include <string>

#include "programs/behavior.hpp"
#include "programs/interpreter.hpp"
#include "programs/problem.hpp"
#include "programs/vocabulary.hpp"
#include "tutti/base/types.hpp"

namespace programs {

struct Verdict {
  bool valid = false;             ///< The tokens are a well-typed program.
  std::size_t shown_passed = 0;   ///< Of kShownExamples.
  std::size_t hidden_passed = 0;  ///< Of kHiddenExamples.
  std::string error;              ///< Why it is not valid.
  /// What the program does, as a canonical answer to vote on: its outputs for the shown inputs and
  /// for the domain's probe inputs, none of which is labeled. Programs that write the same function
  /// differently share it. Empty if not valid.
  std::string behavior_key;

  [[nodiscard]] bool passes_shown() const { return shown_passed == kShownExamples; }
  [[nodiscard]] bool solves() const { return passes_shown() && hidden_passed == kHiddenExamples; }
};

/// Never throws on any sequence of tokens.
[[nodiscard]] inline Verdict verify(const Problem& problem, std::span<const tutti::Token> tokens,
                                    const Limits& limits = {}) {
  Verdict verdict;
  ParsedProgram parsed = parse_program(problem.signature, tokens, limits);
  verdict.error = std::move(parsed.error);
  if (!parsed.program) return verdict;
  verdict.valid = true;
  for (const Example& example : problem.shown) {
    const Value output = run(*parsed.program, example.inputs, limits);
    verdict.shown_passed += output == example.output ? 1U : 0U;
    verdict.behavior_key += to_text(output);
  }
  for (const Example& example : problem.hidden)
    verdict.hidden_passed += run(*parsed.program, example.inputs, limits) == example.output ? 1U
                                                                                            : 0U;
  for (const Value& output : outputs_on_probes(*parsed.program, problem.domain))
    verdict.behavior_key += to_text(output);
  return verdict;
}

}  // namespace programs
