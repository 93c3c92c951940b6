// SPDX-License-Identifier: Apache-2.0
#pragma once
// The experts, the scorer and the selector that the command line asks for.

#include <filesystem>
#include <utility>
#include <vector>

#include "complete/options.hpp"
#include "tutti/tutti.hpp"

namespace complete {

inline tutti::AnyScorer make_scorer(const Options& options) {
  if (options.scorer == "sum-log-probability") return tutti::SumLogProbability{};
  if (options.scorer == "cross-expert-likelihood") return tutti::CrossExpertLikelihood{};
  if (options.scorer == "value-model") {
    tutti::require<tutti::OptionError>(!options.value_model.empty(),
                                       "--scorer value-model needs --value-model DIRECTORY");
    return tutti::ValueModel<tutti::Cpu>(tutti::Transformer<tutti::Cpu>::load(options.value_model),
                                         0, {options.threads});
  }
  return tutti::MeanLogProbability{};
}

inline tutti::AnySelector make_selector(const Options& options) {
  tutti::AnySelector selector;
  if (options.selector == "majority") selector = tutti::MajorityVote<>{};
  if (options.selector == "weighted-majority") selector = tutti::WeightedMajorityVote<>{};
  if (options.selector == "minimum-bayes-risk") selector = tutti::MinimumBayesRisk<>{};
  if (options.any_candidate) return selector;
  return tutti::PreferFinished<tutti::AnySelector>(std::move(selector));
}

/// One expert per model or adapter; a single model is used for all experts.
inline tutti::Experts<tutti::Cpu> load_experts(const Options& options) {
  std::vector<std::filesystem::path> paths(options.models.begin(), options.models.end());
  paths.insert(paths.end(), options.adapters.begin(), options.adapters.end());
  tutti::ExpertPaths found = tutti::find_experts(paths);
  if (found.models.size() == 1 && found.adapters.empty())
    found.models.resize(options.experts, found.models.front());
  return tutti::load_experts<tutti::Cpu>(found);
}

}  // namespace complete
