// SPDX-License-Identifier: Apache-2.0
#pragma once
// The noisy-channel score: a language model reads the candidate first; the score is the
// log-probability that it then gives to the prompt.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "tutti/base/cost.hpp"
#include "tutti/base/error.hpp"
#include "tutti/scorer/scorer.hpp"
#include "tutti/transformer/batched_transformer.hpp"
#include "tutti/transformer/transformer.hpp"

namespace tutti {

/// The text that the channel model reads for one candidate: for instance the answer, followed by
/// the question.
struct ChannelReading {
  std::vector<Token> tokens;
  /// Positions in `tokens` whose log p is summed: ascending, none of them 0.
  std::vector<std::uint32_t> scored_positions;

  friend bool operator==(const ChannelReading&, const ChannelReading&) = default;
  friend bool operator<(const ChannelReading& a, const ChannelReading& b) {
    return std::tie(a.tokens, a.scored_positions) < std::tie(b.tokens, b.scored_positions);
  }
};

/// The score is the sum of log p of the tokens at `scored_positions`, in nats, each given all
/// tokens before it: log p(prompt | candidate), while the experts give log p(candidate | prompt).
/// By Bayes' rule the two can be combined, or used alone, to rank candidates (Brown et al. 1993,
/// "The mathematics of statistical machine translation"; with neural language models Yee et al.
/// 2019, "Simple and effective noisy channel modeling"). A candidate without scored positions gets
/// -infinity. All distinct readings run in one batch.
template <Backend B>
class NoisyChannel {
 public:
  using MakeReading = std::function<ChannelReading(const ScoringRequest&, const Candidate&)>;

  /// @throws ModelError when the model has no language-model head.
  NoisyChannel(const Transformer<B>& model, MakeReading make_reading,
               typename B::Options backend_options = {}, StackOptions options = {})
      : make_reading_(std::move(make_reading)) {
    detail::require_logits(model.weights());
    model_ = std::make_unique<BatchedTransformer<B>>(std::span(&model.weights(), 1),
                                                     backend_options, options);
  }

  /// One score per candidate.
  /// @throws ComponentError when scored positions are outside the reading or do not ascend;
  /// CapacityError when a reading is longer than the context.
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) {
    std::map<ChannelReading, double> values;
    std::vector<std::pair<const ChannelReading, double>*> of_candidate;
    for (const Candidate& candidate : request.candidates) {
      of_candidate.push_back(&*values
                                   .try_emplace(make_reading_(request, candidate),
                                                -std::numeric_limits<double>::infinity())
                                   .first);
      check_positions(of_candidate.back()->first);
    }
    model_->clear();
    compute_scores(values);
    std::vector<double> scores(of_candidate.size());
    std::transform(of_candidate.begin(), of_candidate.end(), scores.begin(),
                   [](const auto* entry) { return entry->second; });
    return scores;
  }

  /// The cost of the last call of score(). The experts' ledger does not include it.
  [[nodiscard]] const CostLedger& ledger() const { return model_->ledger(); }

 private:
  static void check_positions(const ChannelReading& reading) {
    std::uint32_t last = 0;
    for (const std::uint32_t position : reading.scored_positions) {
      require<ComponentError>(position >= 1 && position < reading.tokens.size(),
                              "a channel reading of ", reading.tokens.size(),
                              " tokens scores position ", position, ": it must be 1 to ",
                              reading.tokens.size() - 1);
      require<ComponentError>(position > last, "a channel reading scores position ", position,
                              " after position ", last, ": positions must ascend");
      last = position;
    }
  }

  void compute_scores(std::map<ChannelReading, double>& values) {
    std::vector<Row> rows;
    std::vector<TargetToken> targets;
    for (const auto& [reading, value] : values) {
      if (reading.scored_positions.empty()) continue;
      const SequenceId sequence = model_->create();
      for (const std::uint32_t position : reading.scored_positions) {
        targets.push_back(
            {static_cast<std::uint32_t>(rows.size() + position - 1), reading.tokens[position]});
      }
      // The last scored token is a target only: no later token depends on it.
      for (std::uint32_t position = 0; position < reading.scored_positions.back(); ++position) {
        rows.push_back({0, sequence, position, reading.tokens[position]});
      }
    }
    std::vector<float> log_probabilities(targets.size());
    model_->log_probabilities(rows, targets, log_probabilities);
    auto next = log_probabilities.begin();
    for (auto& [reading, value] : values) {
      if (reading.scored_positions.empty()) continue;
      const auto end = next + static_cast<std::ptrdiff_t>(reading.scored_positions.size());
      value = std::accumulate(
          next, end, 0.0, [](double sum, float term) { return sum + static_cast<double>(term); });
      next = end;
    }
  }

  MakeReading make_reading_;
  std::unique_ptr<BatchedTransformer<B>> model_;
};

}  // namespace tutti
