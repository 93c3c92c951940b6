// SPDX-License-Identifier: Apache-2.0
#pragma once
// The experts, the scorer, the selector and the method that the command line asks for.

#include <filesystem>
#include <string>
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

/// The method that the command line names; empty for `generate`, the ensemble's own.
inline tutti::Method make_method(const Options& options) {
  const std::string& name = options.method;
  if (name == "adaptive-consistency") return tutti::AdaptiveConsistency<>();
  if (name == "deep-conf-offline") return tutti::DeepConfOffline<>();
  if (name == "deep-conf-online") return tutti::DeepConfOnline<>();
  if (name == "speculative-rejection")
    return tutti::SpeculativeRejection<tutti::AnyScorer>({}, make_scorer(options));
  if (name == "step-beam-search") return tutti::StepBeamSearch(make_scorer(options));
  if (name == "particle-filter") return tutti::ParticleFilter(make_scorer(options));
  if (name == "knockout") return tutti::Knockout();
  if (name == "recursive-self-aggregation") return tutti::RecursiveSelfAggregation<>();
  if (name == "model-switch") return tutti::ModelSwitch<>();
  return {};
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
