// SPDX-License-Identifier: Apache-2.0
#pragma once
// One problem put to the ensemble, and what became of it.

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "program_ensemble/judge.hpp"
#include "program_ensemble/scorer.hpp"
#include "programs/problem.hpp"
#include "programs/verifier.hpp"
#include "programs/vocabulary.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

struct Trial {
  std::size_t index = 0;
  const programs::Problem* problem = nullptr;
  tutti::Result result;
  ScoreTable scores;
  std::vector<programs::Verdict> verdicts;  ///< One for each candidate.

  [[nodiscard]] bool solved() const { return verdicts[result.selection.index].solves(); }
};

inline Trial make_trial(std::size_t index, const programs::Problem& problem, tutti::Result result,
                        ScoreTable scores, Judge& judge) {
  Trial trial{index, &problem, std::move(result), std::move(scores), {}};
  for (const tutti::Candidate& candidate : trial.result.candidates)
    trial.verdicts.push_back(judge(candidate.tokens));
  return trial;
}

/// The program as people write it; what is no program, as the model wrote it.
inline std::string program_text(const programs::Problem& problem,
                                std::span<const tutti::Token> tokens) {
  const programs::ParsedProgram parsed = programs::parse_program(problem.signature, tokens);
  if (parsed.program) return programs::to_text(*parsed.program);
  std::string text;
  if (!tokens.empty() && tokens.back() == programs::kEndToken)
    tokens = tokens.first(tokens.size() - 1);
  for (const tutti::Token token : tokens) text += programs::token_text(token) + ' ';
  return text + "(no program: " + parsed.error + ")";
}

}  // namespace program_ensemble
