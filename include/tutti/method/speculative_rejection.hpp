// SPDX-License-Identifier: Apache-2.0
#pragma once
// Speculative rejection: Sun, Haider, Zhang, Yang, Qiu, Yin, Wang, Bartlett and Zanette, "Fast
// best-of-N decoding via speculative rejection" (NeurIPS 2024, arXiv:2410.20290). Best of N that
// scores partial candidates and continues the good ones only.
//
// After every `stage_tokens` tokens the n candidates that are left are scored, and the
// max(1, round((1 - alpha) n)) best are kept; the others are stopped. A candidate that has ended
// keeps its place in that order. (The paper rejects when the memory of the GPU is full; here the
// number of tokens decides, so that the result depends on the request only.)
//
// Cost: with alpha = 1/2, N candidates and stages of s tokens: s (N + N/2 + N/4 + ...) < 2 s N
// tokens until one is left, which is written to its end; and one scorer call per stage. Best of N
// writes N whole candidates. Kept candidates are those of the full run, rejected ones a prefix.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/engine/session.hpp"
#include "tutti/engine/task.hpp"
#include "tutti/method/detail/stages.hpp"
#include "tutti/scorer/log_probability.hpp"
#include "tutti/scorer/scorer.hpp"

TUTTI_COROUTINES_BEGIN

namespace tutti {

struct SpeculativeRejectionOptions {
  std::size_t stage_tokens = 64;  ///< Tokens per candidate between two rejections.
  double alpha = 0.5;             ///< Share of the candidates that each rejection stops.
};

/// The scorer must be able to score texts that are not complete; copies share it.
template <CandidateScorer Scorer = MeanLogProbability>
class SpeculativeRejection {
 public:
  /// @throws OptionError for an option out of range.
  explicit SpeculativeRejection(SpeculativeRejectionOptions options = {}, Scorer scorer = Scorer())
      : options_(options), scorer_(std::make_shared<Scorer>(std::move(scorer))) {
    require<OptionError>(options.alpha >= 0 && options.alpha < 1, "alpha is ", options.alpha,
                         ": it must be at least 0 and less than 1, for instance 0.5");
    require<OptionError>(options.stage_tokens >= 1, "stage_tokens is ", options.stage_tokens,
                         ": it must be at least 1, for instance 64");
  }

  Task<Selection> operator()(Session& session) const { return answer(session, *this); }

 private:
  static Task<Selection> answer(Session& session, SpeculativeRejection self) {
    const Route route = detail::all_experts_route(session, session.request().samples_per_expert);
    Until until;
    until.tokens = self.options_.stage_tokens;
    std::vector<std::size_t> left = co_await session.write(route, until);
    while (true) {
      auto scoring = detail::score_some(session, self.scorer_, left);
      const bool scored = co_await scoring;
      if (!scored || detail::running_among(session, left).empty()) break;
      left = self.reject(session, left);
      const std::vector<std::size_t> running = detail::running_among(session, left);
      if (running.empty()) break;
      if (left.size() == 1) until.tokens = 0;
      co_await session.resume(running, until);
    }
    co_return detail::best_among(session, left);
  }

  /// @returns the candidates that are kept, in their order.
  [[nodiscard]] std::vector<std::size_t> reject(Session& session,
                                                const std::vector<std::size_t>& left) const {
    const double share = (1 - options_.alpha) * static_cast<double>(left.size());
    const auto kept = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(share)));
    std::vector<std::size_t> order = detail::ranked(session, left);
    for (std::size_t i = kept; i < order.size(); ++i) session.stop(order[i]);
    order.resize(std::min(kept, order.size()));
    std::sort(order.begin(), order.end());
    return order;
  }

  SpeculativeRejectionOptions options_;
  std::shared_ptr<Scorer> scorer_;
};

}  // namespace tutti

TUTTI_COROUTINES_END
