// SPDX-License-Identifier: Apache-2.0
#pragma once
// A cascade gated by consistency, as ModelSwitch: Chen, Xun, Zhou, Qi, Zhang, Zhang, Chen, Hu, Qu,
// Ouyang and Hu, "Do we truly need so many samples? Multi-LLM repeated sampling efficiently scales
// test-time compute" (AAAI 2026, arXiv:2504.00762). One expert after another writes k samples; when
// the samples of one agree, the next ones are not asked.
//
// Consistency of an expert whose k samples give the answers with shares p_j:
//     c = 1 - H / log k,  H = -sum_j p_j log p_j,
// 1 when all agree, 0 when all differ. The cascade stops at c >= `consistency`. The final vote is
// over all samples, each with the weight c of its expert times the weight given for that expert.
// (The paper weights by an internal factor that falls with H; this normalization is ours.)
//
// Cost: k = Request::samples_per_expert samples of every expert that is asked; at worst the full
// run. The candidates are those of the full run for the experts asked. Nothing is scored.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
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

/// 1 - H / log n of n answers given by number; abstentions count as answers of their own. 1 for one
/// answer, 0 if it abstains.
[[nodiscard]] inline double answer_consistency(std::span<const std::size_t> answers) {
  const auto count = static_cast<double>(answers.size());
  if (answers.size() == 1) return answers[0] == detail::kAbstains ? 0.0 : 1.0;
  double entropy = 0;
  for (const std::size_t answer : answers) {
    const auto equal = answer == detail::kAbstains
                           ? std::ptrdiff_t{1}
                           : std::count(answers.begin(), answers.end(), answer);
    entropy -= std::log(static_cast<double>(equal) / count) / count;
  }
  return 1 - entropy / std::log(count);
}

struct ModelSwitchOptions {
  double consistency = 1.0;          ///< At which the cascade stops: all samples agree.
  std::vector<double> weights;       ///< One per expert, not negative; empty: equal.
  std::vector<std::uint32_t> order;  ///< Experts to ask, the first one first; empty: 0, 1, ...
};

template <CanonicalAnswer Canonical = TrimmedText>
class ModelSwitch {
 public:
  explicit ModelSwitch(ModelSwitchOptions options = {}, Canonical canonical = Canonical())
      : options_(std::move(options)), canonical_(std::move(canonical)) {}

  Task<Selection> operator()(Session& session) const { return answer(session, *this); }

 private:
  /// @throws OptionError for weights or an order that do not fit the session.
  static Task<Selection> answer(Session& session, ModelSwitch self) {
    const std::vector<std::uint32_t> order = self.checked_order(session.experts());
    std::vector<double> weights;  // by candidate
    for (const std::uint32_t expert : order) {
      Route route(session.experts());
      route[expert] = static_cast<std::uint32_t>(session.request().samples_per_expert);
      const std::vector<std::size_t> written = co_await session.write(route);
      const std::vector<std::size_t> answers = detail::number_answers(
          session.candidates().subspan(written.front()), self.canonical_);
      const double consistency = answer_consistency(answers);
      const double weight = self.options_.weights.empty() ? 1.0 : self.options_.weights[expert];
      weights.resize(weights.size() + written.size(), weight * consistency);
      if (consistency >= self.options_.consistency || detail::limit_reached(session, written))
        break;
    }
    // No expert agrees with itself at all: every sample counts alike.
    if (std::all_of(weights.begin(), weights.end(), [](double weight) { return weight <= 0; }))
      weights.assign(weights.size(), 1.0);
    const std::vector<std::size_t> answers = detail::number_answers(session.candidates(),
                                                                    self.canonical_);
    co_return detail::count_votes(session.candidates(), answers, weights);
  }

  [[nodiscard]] std::vector<std::uint32_t> checked_order(std::size_t experts) const {
    require<OptionError>(options_.weights.empty() || options_.weights.size() == experts,
                         options_.weights.size(), " weights were given to a session of ", experts,
                         " experts: give one per expert, or none");
    for (const double weight : options_.weights)
      require<OptionError>(weight >= 0, "a weight is ", weight, ": it must be 0 or positive");
    std::vector<std::uint32_t> order = options_.order;
    for (const std::uint32_t expert : order) {
      require<OptionError>(expert < experts, "the order names expert ", expert, " of ", experts,
                           ": experts count from 0");
    }
    for (std::uint32_t e = 0; options_.order.empty() && e < experts; ++e) order.push_back(e);
    return order;
  }

  ModelSwitchOptions options_;
  Canonical canonical_;
};

}  // namespace tutti

TUTTI_COROUTINES_END
