// SPDX-License-Identifier: Apache-2.0
#pragma once
// Scorers and selectors chosen at run time: variants that model the same concepts as their members.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "complete/options.hpp"
#include "tutti/tutti.hpp"

namespace complete {

/// Any of the scorers that the command line offers.
struct AnyScorer {
  static constexpr bool kNeedsModels = true;

  std::variant<tutti::MeanLogProbability, tutti::SumLogProbability, tutti::CrossExpertLikelihood,
               tutti::ValueModel<tutti::Cpu>>
      chosen;

  template <class Models>
  std::vector<double> score(const tutti::ScoringRequest& request, Models& models) {
    return std::visit([&](auto& scorer) { return tutti::run_scorer(scorer, request, models); },
                      chosen);
  }
};

inline AnyScorer make_scorer(const Options& options) {
  if (options.scorer == "sum-log-probability") return {tutti::SumLogProbability{}};
  if (options.scorer == "cross-expert-likelihood") return {tutti::CrossExpertLikelihood{}};
  if (options.scorer == "value-model") {
    tutti::require<tutti::OptionError>(!options.value_model.empty(),
                                       "--scorer value-model needs --value-model DIRECTORY");
    return {tutti::ValueModel<tutti::Cpu>(tutti::Transformer<tutti::Cpu>::load(options.value_model),
                                          0, {options.threads})};
  }
  return {tutti::MeanLogProbability{}};
}

/// Any of the selectors that the command line offers.
struct AnySelector {
  std::variant<tutti::BestOfN, tutti::MajorityVote<>, tutti::WeightedMajorityVote<>,
               tutti::MinimumBayesRisk<>>
      chosen;

  [[nodiscard]] tutti::Selection select(std::span<const tutti::Candidate> candidates) const {
    return std::visit([&](const auto& selector) { return selector.select(candidates); }, chosen);
  }
};

inline AnySelector make_selector(const std::string& name) {
  if (name == "majority") return {tutti::MajorityVote<>{}};
  if (name == "weighted-majority") return {tutti::WeightedMajorityVote<>{}};
  if (name == "minimum-bayes-risk") return {tutti::MinimumBayesRisk<>{}};
  return {tutti::BestOfN{}};
}

/// One model for each expert: those that the paths name or hold, or one model for all.
inline tutti::Experts<tutti::Cpu> load_experts(const Options& options) {
  std::vector<std::filesystem::path> paths(options.models.begin(), options.models.end());
  paths.insert(paths.end(), options.adapters.begin(), options.adapters.end());
  const tutti::ExpertPaths found = tutti::find_experts(paths);
  tutti::Experts<tutti::Cpu> experts = tutti::load_experts<tutti::Cpu>(found);
  if (experts.models.size() == 1 && found.adapters.empty())
    experts.models.resize(options.experts, experts.models.front());
  return experts;
}

}  // namespace complete
