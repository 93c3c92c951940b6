// SPDX-License-Identifier: Apache-2.0
#pragma once
// Search over steps with a process reward: a scorer that values partial candidates.
//
// StepBeamSearch: Snell, Lee, Xu and Kumar, "Scaling LLM test-time compute optimally can be more
// effective than scaling model parameters" (2024, arXiv:2408.03314). N candidates write one step;
// the max(1, N / m) with the best reward are kept and continued in m ways each.
//
// ParticleFilter: Puri, Sudalairaj, Xu, Xu and Srivastava, "A probabilistic inference approach to
// inference-time scaling of LLMs using particle-based Monte Carlo methods" (2025,
// arXiv:2502.01618). After each step the N particles are resampled with the probabilities
// softmax(w), where w is the scorer's value: for a reward r in (0, 1), return log(r / (1 - r)).
// Resampling is systematic: with p = softmax(w) a particle has floor(N p) or ceil(N p) copies
// (the paper draws N times independently, which has the same means and more variance).
//
// In both, a candidate that has ended stays as it is and is not continued. The answer is the
// candidate of the last population with the best reward.
//
// Cost: N rows per decode step, one scorer call per step. A branch shares the tokens and the KV
// cache of its source. The result holds stopped candidates and all branches.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/numeric/philox.hpp"
#include "tutti/engine/session.hpp"
#include "tutti/engine/task.hpp"
#include "tutti/method/detail/stages.hpp"
#include "tutti/scorer/scorer.hpp"

TUTTI_COROUTINES_BEGIN

namespace tutti {

struct StepOptions {
  std::string mark = "\n\n";   ///< A step ends after this text; empty: only after `tokens`.
  std::size_t tokens = 0;      ///< A step has at most so many tokens; 0: no limit.
  std::size_t max_steps = 40;  ///< The last step is written to the end.
  std::size_t branches = 4;    ///< StepBeamSearch: continuations of each kept candidate (m).
};

namespace detail {

/// @throws OptionError for an option out of range.
inline StepOptions checked(StepOptions options) {
  require<OptionError>(!options.mark.empty() || options.tokens > 0,
                       "the mark is empty and tokens is 0: a step needs one of them to end");
  require<OptionError>(options.max_steps >= 1 && options.branches >= 1, "max_steps is ",
                       options.max_steps, " and branches is ", options.branches,
                       ": both must be at least 1");
  return options;
}

[[nodiscard]] inline Until end_of_step(const StepOptions& options, std::size_t step) {
  Until until;
  if (step + 1 >= options.max_steps) return until;
  until.mark = options.mark;
  until.tokens = options.tokens;
  return until;
}

/// Writes the next step: candidate population[i] is continued copies[i] times, itself and by
/// branches, or stopped for 0 copies. One that has ended appears copies[i] times as it is.
/// @returns the next population.
inline Task<std::vector<std::size_t>> next_step(Session& session,
                                                std::vector<std::size_t> population,
                                                std::vector<std::size_t> copies, Until until) {
  std::vector<std::size_t> next, running;
  std::vector<Awaitable<std::vector<std::size_t>>> branches;
  for (std::size_t i = 0; i < population.size(); ++i) {
    const std::size_t index = population[i];
    const Candidate& candidate = session.candidates()[index];
    if (candidate.finish != FinishReason::running) {
      next.insert(next.end(), copies[i], index);
    } else if (copies[i] == 0) {
      session.stop(index);
    } else {
      running.push_back(index);
      if (copies[i] == 1) continue;
      const std::size_t length = candidate.tokens.size();
      branches.push_back(session.branch(index, length, copies[i] - 1, until));
    }
  }
  next.insert(next.end(), running.begin(), running.end());
  co_await session.resume(running, until);
  for (auto& branch : branches) {
    const std::vector<std::size_t> begun = co_await branch;
    next.insert(next.end(), begun.begin(), begun.end());
  }
  co_return next;
}

/// The numbers of copies of systematic resampling: copy k of N goes to the particle in whose
/// interval of the cumulative N p the point k + u lies, with u in (0, 1).
/// @throws ComponentError for a weight of +infinity.
[[nodiscard]] inline std::vector<std::size_t> resample(const std::vector<double>& weights,
                                                       double u) {
  const std::size_t count = weights.size();
  const double largest = *std::max_element(weights.begin(), weights.end());
  require<ComponentError>(largest < std::numeric_limits<double>::infinity(),
                          "the reward of one of ", count,
                          " particles is infinite: return a finite log-odds");
  // All are -infinity: all are kept.
  if (!std::isfinite(largest)) return std::vector<std::size_t>(count, 1);
  double sum = 0;
  for (const double weight : weights) sum += std::exp(weight - largest);
  std::vector<std::size_t> copies(count);
  double end = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    end += std::exp(weights[i] - largest) / sum * static_cast<double>(count);
    for (; next < count && (static_cast<double>(next) + u < end || i + 1 == count); ++next)
      ++copies[i];
  }
  return copies;
}

}  // namespace detail

/// N = the number of experts times Request::samples_per_expert. Copies share the reward.
template <CandidateScorer Reward>
class StepBeamSearch {
 public:
  /// @throws OptionError for an option out of range.
  explicit StepBeamSearch(Reward reward, StepOptions options = {})
      : options_(detail::checked(std::move(options))),
        reward_(std::make_shared<Reward>(std::move(reward))) {}

  Task<Selection> operator()(Session& session) const { return answer(session, *this); }

 private:
  static Task<Selection> answer(Session& session, StepBeamSearch self) {
    const Route route = detail::all_experts_route(session, session.request().samples_per_expert);
    Until until = detail::end_of_step(self.options_, 0);
    std::vector<std::size_t> beam = co_await session.write(route, until);
    const std::size_t kept = std::max<std::size_t>(1, beam.size() / self.options_.branches);
    for (std::size_t step = 1;; ++step) {
      auto scoring = detail::score_some(session, self.reward_, beam);
      const bool scored = co_await scoring;
      if (!scored || detail::running_among(session, beam).empty()) break;
      beam = detail::ranked(session, beam);
      std::vector<std::size_t> copies(beam.size());
      for (std::size_t i = 0; i < kept; ++i) {
        const bool ended = session.candidates()[beam[i]].finish != FinishReason::running;
        copies[i] = ended ? 1 : self.options_.branches;
      }
      auto writing = detail::next_step(session, beam, std::move(copies),
                                       detail::end_of_step(self.options_, step));
      beam = co_await writing;
    }
    co_return detail::best_among(session, beam);
  }

  StepOptions options_;
  std::shared_ptr<Reward> reward_;
};

/// N = the number of experts times Request::samples_per_expert. Copies share the reward.
template <CandidateScorer Reward>
class ParticleFilter {
 public:
  /// @throws OptionError for an option out of range.
  explicit ParticleFilter(Reward reward, StepOptions options = {})
      : options_(detail::checked(std::move(options))),
        reward_(std::make_shared<Reward>(std::move(reward))) {}

  Task<Selection> operator()(Session& session) const { return answer(session, *this); }

 private:
  static Task<Selection> answer(Session& session, ParticleFilter self) {
    const Route route = detail::all_experts_route(session, session.request().samples_per_expert);
    const Until until = detail::end_of_step(self.options_, 0);
    std::vector<std::size_t> particles = co_await session.write(route, until);
    for (std::size_t step = 1;; ++step) {
      auto scoring = detail::score_some(session, self.reward_, particles);
      const bool scored = co_await scoring;
      if (!scored || detail::running_among(session, particles).empty()) break;
      std::vector<double> weights;
      weights.reserve(particles.size());
      for (const std::size_t i : particles) weights.push_back(session.candidates()[i].score);
      // No expert has the number 65535, so that no candidate draws with this key.
      const DrawKey key{session.request().seed, session.request().draw_stream, 65535, 0,
                        static_cast<std::uint32_t>(step)};
      const auto u = static_cast<double>(to_open_unit(draw_block(key, 0)[0]));
      auto writing = detail::next_step(session, particles, detail::resample(weights, u),
                                       detail::end_of_step(self.options_, step));
      particles = co_await writing;
    }
    co_return detail::best_among(session, particles);
  }

  StepOptions options_;
  std::shared_ptr<Reward> reward_;
};

}  // namespace tutti

TUTTI_COROUTINES_END
