// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs the candidates of one problem after the other.

#include <map>
#include <string>
#include <vector>

#include "programs/problem.hpp"
#include "programs/verifier.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

/// Keeps what came out: of the candidates of a problem many are the same program.
class Judge {
 public:
  /// @param problem must outlive its verdicts.
  void begin(const programs::Problem& problem) {
    problem_ = &problem;
    verdicts_.clear();
  }

  /// Valid until the next problem begins. @pre a problem has begun.
  const programs::Verdict& operator()(const std::vector<tutti::Token>& tokens) {
    const auto [entry, is_new] = verdicts_.try_emplace(tokens);
    if (is_new) entry->second = programs::verify(*problem_, tokens);
    return entry->second;
  }

 private:
  const programs::Problem* problem_ = nullptr;
  std::map<std::vector<tutti::Token>, programs::Verdict> verdicts_;
};

/// The check of tutti::FilterThenBest. It sees no hidden example.
struct PassesShown {
  Judge* judge;
  bool operator()(const tutti::Candidate& candidate) const {
    return (*judge)(candidate.tokens).passes_shown();
  }
};

/// What votes are counted by: programs that do the same are the same answer. What is no program
/// shares its answer with nobody.
struct Behavior {
  Judge* judge;
  std::string operator()(const tutti::Candidate& candidate) const {
    const programs::Verdict& verdict = (*judge)(candidate.tokens);
    if (verdict.valid) return verdict.behavior_key;
    return "no program: " + std::to_string(candidate.expert) + " " +
           std::to_string(candidate.sample);
  }
};

}  // namespace program_ensemble
