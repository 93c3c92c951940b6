// SPDX-License-Identifier: Apache-2.0
#pragma once
// Adaptive-Consistency: Aggarwal, Madaan, Yang and Mausam, "Let's sample step by step:
// adaptive-consistency for efficient reasoning and coding with LLMs" (EMNLP 2023,
// arXiv:2305.11860). A majority vote that writes a few samples at a time and stops when the
// majority is unlikely to change.
//
// With a votes for the most frequent answer and b for the second, the share p of the first among
// the two has the posterior Beta(a + 1, b + 1) under a uniform prior. Writing stops when
//     P(p > 1/2) = 2^-(a+b+1) * sum over i = 0..a of binomial(a + b + 1, i) >= confidence.
// This is the paper's Beta criterion; it has a Dirichlet criterion over all answers too.
//
// Cost: at most that of Generate with MajorityVote, of whose candidates it writes the first samples
// of every expert. Nothing is scored.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/engine/session.hpp"
#include "tutti/engine/task.hpp"
#include "tutti/method/detail/stages.hpp"
#include "tutti/selector/canonical_answer.hpp"
#include "tutti/selector/majority_vote.hpp"

TUTTI_COROUTINES_BEGIN

namespace tutti {

/// P(p > 1/2) for p ~ Beta(first + 1, second + 1).
[[nodiscard]] inline double probability_of_majority(std::size_t first, std::size_t second) {
  const auto trials = static_cast<double>(first + second + 1);
  double log_term = -trials * std::log(2.0);
  double sum = 0;
  for (std::size_t i = 0; i <= first; ++i) {
    sum += std::exp(log_term);
    log_term += std::log((trials - static_cast<double>(i)) / static_cast<double>(i + 1));
  }
  return sum;
}

struct AdaptiveConsistencyOptions {
  double confidence = 0.95;
  std::size_t per_stage = 1;  ///< Samples of every expert between two looks at the votes.
};

/// Writes at most Request::samples_per_expert samples of every expert.
template <CanonicalAnswer Canonical = TrimmedText>
class AdaptiveConsistency {
 public:
  /// @throws OptionError for an option out of range.
  explicit AdaptiveConsistency(AdaptiveConsistencyOptions options = {},
                               Canonical canonical = Canonical())
      : options_(options), canonical_(std::move(canonical)) {
    require<OptionError>(options.confidence > 0 && options.confidence < 1, "the confidence is ",
                         options.confidence, ": it must be between 0 and 1, for instance 0.95");
    require<OptionError>(options.per_stage >= 1, "per_stage is ", options.per_stage,
                         ": it must be at least 1");
  }

  Task<Selection> operator()(Session& session) const { return answer(session, *this); }

 private:
  static Task<Selection> answer(Session& session, AdaptiveConsistency self) {
    const std::size_t limit = session.request().samples_per_expert;
    for (std::size_t written = 0; written < limit;) {
      const std::size_t stage = std::min(self.options_.per_stage, limit - written);
      const std::vector<std::size_t> candidates = co_await session.write(stage);
      written += stage;
      if (detail::limit_reached(session, candidates) || self.decided(session)) break;
    }
    co_return MajorityVote<Canonical>(self.canonical_).select(session.candidates());
  }

  [[nodiscard]] bool decided(const Session& session) const {
    std::vector<std::size_t> votes(2 + session.candidates().size());
    for (const std::size_t number : detail::number_answers(session.candidates(), canonical_)) {
      if (number != detail::kAbstains) ++votes[number];
    }
    std::partial_sort(votes.begin(), votes.begin() + 2, votes.end(), std::greater<>());
    return probability_of_majority(votes[0], votes[1]) >= options_.confidence;
  }

  AdaptiveConsistencyOptions options_;
  Canonical canonical_;
};

}  // namespace tutti

TUTTI_COROUTINES_END
