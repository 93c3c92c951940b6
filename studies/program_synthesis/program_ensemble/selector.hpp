// SPDX-License-Identifier: Apache-2.0
#pragma once
// The selectors that the command line offers.

#include <string>

#include "program_ensemble/judge.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

/// @param judge must outlive the selector.
inline tutti::AnySelector make_selector(const std::string& name, Judge& judge) {
  if (name == "filter") return tutti::FilterThenBest(PassesShown{&judge});
  if (name == "majority") return tutti::MajorityVote(Behavior{&judge});
  if (name == "weighted-majority")
    return tutti::WeightedMajorityVote(tutti::VoteWeight::softmax, Behavior{&judge});
  if (name == "minimum-bayes-risk") return tutti::MinimumBayesRisk<>{};
  return tutti::BestOfN{};
}

}  // namespace program_ensemble
