// SPDX-License-Identifier: Apache-2.0
#pragma once
// The selectors that the command line offers, as one: a variant that models the same concept as its
// members.

#include <span>
#include <string>
#include <variant>

#include "program_ensemble/judge.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

struct AnySelector {
  std::variant<tutti::BestOfN, tutti::FilterThenBest<PassesShown>, tutti::MajorityVote<Behavior>,
               tutti::WeightedMajorityVote<Behavior>, tutti::MinimumBayesRisk<>>
      chosen;

  [[nodiscard]] tutti::Selection select(std::span<const tutti::Candidate> candidates) const {
    return std::visit([&](const auto& selector) { return selector.select(candidates); }, chosen);
  }
};

/// @param judge must outlive the selector.
inline AnySelector make_selector(const std::string& name, Judge& judge) {
  if (name == "filter") return {tutti::FilterThenBest(PassesShown{&judge})};
  if (name == "majority") return {tutti::MajorityVote(Behavior{&judge})};
  if (name == "weighted-majority")
    return {tutti::WeightedMajorityVote(tutti::VoteWeight::softmax, Behavior{&judge})};
  if (name == "minimum-bayes-risk") return {tutti::MinimumBayesRisk<>{}};
  return {tutti::BestOfN{}};
}

}  // namespace program_ensemble
