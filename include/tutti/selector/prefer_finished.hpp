// SPDX-License-Identifier: Apache-2.0
#pragma once
// Restricts another selector to candidates that ended by themselves.

#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/selector/best_of_n.hpp"
#include "tutti/selector/selector.hpp"

namespace tutti {

/// Candidates that were cut off (`is_cut_off`: by max_new_tokens, the context, a budget, or
/// cancellation) take no part in the selection and have the value -infinity. When all were cut off,
/// all take part. Without this, selectors treat both kinds alike: a text that was cut off in the
/// middle can win.
template <CandidateSelector Selector = BestOfN>
class PreferFinished {
 public:
  PreferFinished(Selector selector = Selector()) : selector_(std::move(selector)) {}

  [[nodiscard]] Selection select(std::span<const Candidate> candidates) const {
    std::vector<Candidate> finished;
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (is_cut_off(candidates[i].finish)) continue;
      finished.push_back(candidates[i]);
      indices.push_back(i);
    }
    if (finished.empty()) return selector_.select(candidates);
    const Selection among_finished = selector_.select(std::span<const Candidate>(finished));
    Selection selection = among_finished;
    selection.index = indices[among_finished.index];
    selection.selector_scores.assign(candidates.size(), -std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < indices.size(); ++i)
      selection.selector_scores[indices[i]] = among_finished.selector_scores[i];
    return selection;
  }

 private:
  Selector selector_;
};

static_assert(CandidateSelector<PreferFinished<>>);

}  // namespace tutti
