// SPDX-License-Identifier: Apache-2.0
#pragma once
// A scorer whose type is chosen at run time.

#include <concepts>
#include <memory>
#include <utility>
#include <vector>

#include "tutti/scorer/log_probability.hpp"
#include "tutti/scorer/scorer.hpp"

namespace tutti {

/// Owns any scorer, move-only ones and lambdas included. By default MeanLogProbability.
class AnyScorer {
 public:
  AnyScorer() : AnyScorer(MeanLogProbability{}) {}

  template <class S>
    requires(!std::same_as<S, AnyScorer>)
  &&CandidateScorer<S>  //
  AnyScorer(S scorer) : scorer_(std::make_unique<Holder<S>>(std::move(scorer))) {}

  [[nodiscard]] bool needs_models() const { return scorer_->needs_models(); }
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request, LikelihoodSource& models) {
    return scorer_->score(request, models);
  }

 private:
  struct Interface {
    Interface() = default;
    Interface(const Interface&) = delete;
    Interface& operator=(const Interface&) = delete;
    virtual ~Interface() = default;
    [[nodiscard]] virtual bool needs_models() const = 0;
    [[nodiscard]] virtual std::vector<double> score(const ScoringRequest& request,
                                                    LikelihoodSource& models) = 0;
  };

  template <class S>
  struct Holder final : Interface {
    explicit Holder(S held) : scorer(std::move(held)) {}
    [[nodiscard]] bool needs_models() const override { return scorer_needs_models(scorer); }
    [[nodiscard]] std::vector<double> score(const ScoringRequest& request,
                                            LikelihoodSource& models) override {
      return detail::scores_of(scorer, request, models);
    }
    S scorer;
  };

  std::unique_ptr<Interface> scorer_;
};

static_assert(ModelScorer<AnyScorer>);

}  // namespace tutti
