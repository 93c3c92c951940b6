// SPDX-License-Identifier: Apache-2.0
#pragma once
// The default method: a router decides which experts write how many candidates, all of them are
// written together, a scorer scores them, and a selector picks one.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/error.hpp"
#include "tutti/engine/session.hpp"
#include "tutti/router/all_experts.hpp"
#include "tutti/router/router.hpp"
#include "tutti/scorer/log_probability.hpp"
#include "tutti/scorer/scorer.hpp"
#include "tutti/selector/best_of_n.hpp"
#include "tutti/selector/selector.hpp"

namespace tutti {

namespace detail {

/// The experts as a scorer sees them: the table of a session, computed before the scorer runs.
class ComputedLikelihoods final : public LikelihoodSource {
 public:
  /// Both must outlive the source. An empty table: the scorer must not ask.
  ComputedLikelihoods(std::span<const Candidate> candidates, const LikelihoodTable& table,
                      std::size_t experts)
      : candidates_(candidates), table_(table), experts_(experts) {}

  [[nodiscard]] std::size_t experts() const override { return experts_; }

  /// @throws ComponentError for a text that is no candidate of the request, and when the scorer's
  /// needs_models() is false.
  [[nodiscard]] LikelihoodTable likelihoods(std::span<const Candidate> candidates) override {
    require<ComponentError>(table_.experts() == experts_, "a scorer asks ", experts_,
                            " experts for likelihoods, of which ", table_.experts(),
                            " have read the candidates: needs_models() must be true");
    LikelihoodTable result(candidates.size(), experts_);
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      const auto found = std::find_if(candidates_.begin(), candidates_.end(),
                                      [&](const Candidate& candidate) {
                                        return candidate.expert == candidates[c].expert &&
                                               candidate.sample == candidates[c].sample &&
                                               candidate.tokens == candidates[c].tokens;
                                      });
      require<ComponentError>(found != candidates_.end(), "a scorer asks for candidate ", c, " of ",
                              candidates.size(), ", which is none of the ", candidates_.size(),
                              " of the request: ask for those, or let a method score the text");
      for (std::size_t e = 0; e < experts_; ++e)
        result.at(c, e) = table_.at(static_cast<std::size_t>(found - candidates_.begin()), e);
    }
    return result;
  }

 private:
  std::span<const Candidate> candidates_;
  const LikelihoodTable& table_;
  std::size_t experts_;
};

/// The components of a method that generates, scores and selects, whatever their types.
class GenerateSteps {
 public:
  GenerateSteps() = default;
  GenerateSteps(const GenerateSteps&) = delete;
  GenerateSteps& operator=(const GenerateSteps&) = delete;
  virtual ~GenerateSteps() = default;

  [[nodiscard]] virtual Route route(const RouterQuery& query) = 0;
  [[nodiscard]] virtual bool needs_models() const = 0;
  [[nodiscard]] virtual std::vector<double> score(const ScoringRequest& request,
                                                  LikelihoodSource& models) = 0;
  [[nodiscard]] virtual Selection select(std::span<const Candidate> candidates) const = 0;
};

inline namespace TUTTI_ABI {

/// Route, write, score, select. Candidates of a request that was stopped keep the score NaN, and
/// none is selected, if the experts would have to be asked.
[[nodiscard]] Task<Selection> generate(Session& session, std::shared_ptr<GenerateSteps> steps);

}  // namespace TUTTI_ABI

}  // namespace detail

/// Route, write, score, select. Copies share their components.
template <CandidateScorer Scorer = MeanLogProbability, ExpertRouter Router = AllExperts,
          CandidateSelector Selector = BestOfN>
class Generate {
 public:
  struct Components final : detail::GenerateSteps {
    Components(Scorer with_scorer, Router with_router, Selector with_selector)
        : scorer(std::move(with_scorer)),
          router(std::move(with_router)),
          selector(std::move(with_selector)) {}

    [[nodiscard]] Route route(const RouterQuery& query) override { return router.route(query); }
    [[nodiscard]] bool needs_models() const override { return scorer_needs_models(scorer); }
    [[nodiscard]] std::vector<double> score(const ScoringRequest& request,
                                            LikelihoodSource& models) override {
      return run_scorer(scorer, request, models);
    }
    [[nodiscard]] Selection select(std::span<const Candidate> candidates) const override {
      return selector.select(candidates);
    }

    Scorer scorer;
    Router router;
    Selector selector;
  };

  explicit Generate(Scorer scorer = Scorer(), Router router = Router(),
                    Selector selector = Selector())
      : components_(std::make_shared<Components>(std::move(scorer), std::move(router),
                                                 std::move(selector))) {}

  [[nodiscard]] Components& components() const { return *components_; }

  Task<Selection> operator()(Session& session) const {
    return detail::generate(session, components_);
  }

 private:
  std::shared_ptr<Components> components_;
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/method/generate-inl.hpp"
#endif
