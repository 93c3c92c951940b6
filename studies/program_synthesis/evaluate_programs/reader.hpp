// SPDX-License-Identifier: Apache-2.0
#pragma once
// Asks all experts and the value model what they think of a problem's candidates, each different
// program once.

#include <cstddef>
#include <map>
#include <vector>

#include "evaluate_programs/outcome.hpp"
#include "program_ensemble/models.hpp"
#include "tutti/tutti.hpp"

namespace evaluate_programs {

/// A scorer that keeps what it hears; its own scores are the experts'.
class Reader {
 public:
  /// @param value_model must outlive the reader.
  explicit Reader(program_ensemble::ValueModel& value_model) : value_model_(&value_model) {}

  std::vector<double> score(const tutti::ScoringRequest& request, tutti::LikelihoodSource& models) {
    std::map<std::vector<tutti::Token>, std::size_t> numbers;
    std::vector<tutti::Candidate> different;
    std::vector<std::size_t> number_of;
    for (const tutti::Candidate& candidate : request.candidates) {
      const auto [entry, is_new] = numbers.try_emplace(candidate.tokens, different.size());
      if (is_new) different.push_back(candidate);
      number_of.push_back(entry->second);
    }
    const tutti::ScoringRequest reduced{request.prompt, request.prompt_text, different};
    const std::vector<double> likelihoods = tutti::CrossExpertLikelihood{}.score(reduced, models);
    const std::vector<double> values = value_model_->score(reduced);
    likelihoods_.clear();
    values_.clear();
    for (const std::size_t number : number_of) {
      likelihoods_.push_back(likelihoods[number]);
      values_.push_back(values[number]);
    }
    return likelihoods_;
  }

  /// Fills in what was heard of the last request's candidates.
  void tell(Outcomes& outcomes) const {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      outcomes[i].all_mean = likelihoods_[i];
      outcomes[i].value = values_[i];
    }
  }

 private:
  program_ensemble::ValueModel* value_model_;
  std::vector<double> likelihoods_;
  std::vector<double> values_;
};

}  // namespace evaluate_programs
