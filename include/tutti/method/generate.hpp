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

/// Scores all candidates of a session. Those of a request that was stopped keep the score NaN if
/// the experts would have to be asked.
/// @returns whether there are scores.
template <CandidateScorer Scorer>
Task<bool> score_candidates(Session& session, Scorer& scorer) {
  LikelihoodTable table;
  if (scorer_needs_models(scorer)) {
    if (session.stop_requested()) co_return false;
    bool stopped = false;
    try {
      table = co_await session.likelihoods();
    } catch (const CanceledError&) {
      stopped = true;
    }
    if (stopped) co_return false;
  }
  ComputedLikelihoods models(session.candidates(), table, session.experts());
  const ScoringRequest request{session.prompt(), session.prompt_text(), session.candidates()};
  const std::vector<double> scores = run_scorer(scorer, request, models);
  for (std::size_t i = 0; i < scores.size(); ++i) session.candidate(i).score = scores[i];
  co_return true;
}

}  // namespace detail

/// Route, write, score, select. Copies share their components.
template <CandidateScorer Scorer = MeanLogProbability, ExpertRouter Router = AllExperts,
          CandidateSelector Selector = BestOfN>
class Generate {
 public:
  struct Components {
    Scorer scorer;
    Router router;
    Selector selector;
  };

  explicit Generate(Scorer scorer = Scorer(), Router router = Router(),
                    Selector selector = Selector())
      : components_(std::make_shared<Components>(
            Components{std::move(scorer), std::move(router), std::move(selector)})) {}

  [[nodiscard]] Components& components() const { return *components_; }

  Task<Selection> operator()(Session& session) const { return answer(session, components_); }

 private:
  static Task<Selection> answer(Session& session, std::shared_ptr<Components> components) {
    const Route route = check_route(components->router.route(RouterQuery{
                                        session.prompt(), session.prompt_text(), session.experts(),
                                        session.request().samples_per_expert}),
                                    session.experts());
    co_await session.write(route);
    auto scoring = detail::score_candidates(session, components->scorer);
    const bool scored = co_await scoring;
    if (!scored) co_return Selection{};
    Selection selection = components->selector.select(session.candidates());
    require<ComponentError>(selection.index < session.candidates().size(),
                            "the selector picked candidate ", selection.index, " of ",
                            session.candidates().size(), ": candidates count from 0");
    co_return selection;
  }

  std::shared_ptr<Components> components_;
};

}  // namespace tutti
