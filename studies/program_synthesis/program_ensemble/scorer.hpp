// SPDX-License-Identifier: Apache-2.0
#pragma once
// The value functions that the command line offers. All are asked, so that they can be compared;
// one decides.

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "program_ensemble/models.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

enum class ScoreKind : std::uint8_t {
  mean_log_probability,
  sum_log_probability,
  cross_expert_likelihood,
  value_model,
  noisy_channel
};

inline constexpr std::array<const char*, 5> kScoreKindNames{
    "mean-log-probability", "sum-log-probability", "cross-expert-likelihood", "value-model",
    "noisy-channel"};

inline std::string score_kind_name(ScoreKind kind) {
  return kScoreKindNames[static_cast<std::size_t>(kind)];
}

inline std::map<std::string, ScoreKind> score_kinds() {
  std::map<std::string, ScoreKind> kinds;
  for (std::size_t k = 0; k < kScoreKindNames.size(); ++k)
    kinds.emplace(kScoreKindNames[k], static_cast<ScoreKind>(k));
  return kinds;
}

/// What each value function says of each candidate of the last request.
using ScoreTable = std::array<std::vector<double>, kScoreKindNames.size()>;

/// A scorer made of the library's: it asks each of them, keeps the answers, and gives those of the
/// one that was chosen.
class ProgramScorer {
 public:
  ProgramScorer(ValueModel value_model, ScoreKind decides)
      : value_model_(std::move(value_model)), decides_(decides) {}

  std::vector<double> score(const tutti::ScoringRequest& request, tutti::LikelihoodSource& models) {
    tutti::MeanLogProbability mean;
    tutti::SumLogProbability sum;
    tutti::CrossExpertLikelihood cross;
    table_ = {tutti::run_scorer(mean, request, models), tutti::run_scorer(sum, request, models),
              tutti::run_scorer(cross, request, models),
              tutti::run_scorer(value_model_, request, models)};
    table_.back() = with_all_experts(
        request, table_[static_cast<std::size_t>(ScoreKind::value_model)],
        table_[static_cast<std::size_t>(ScoreKind::cross_expert_likelihood)]);
    return table_[static_cast<std::size_t>(decides_)];
  }

  [[nodiscard]] const ScoreTable& table() const { return table_; }

 private:
  /// log p(outputs | program) + log p(program | examples), the second by the mean of all experts.
  static std::vector<double> with_all_experts(const tutti::ScoringRequest& request,
                                              std::vector<double> values,
                                              const std::vector<double>& mean_log_probabilities) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] += mean_log_probabilities[i] *
                   static_cast<double>(request.candidates[i].tokens.size());
    }
    return values;
  }

  ValueModel value_model_;
  ScoreKind decides_;
  ScoreTable table_;
};

}  // namespace program_ensemble
