// SPDX-License-Identifier: Apache-2.0
#pragma once
// Values a candidate by what it explains: a language model reads the candidate first, and is asked
// how likely that makes what the prompt says.

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

/// What a channel model reads of a candidate: for instance the answer, and behind it the question.
struct ChannelReading {
  std::vector<Token> tokens;
  /// Positions in `tokens`, ascending, none of them 0: whose log p makes the value.
  std::vector<std::uint32_t> asked;

  friend bool operator==(const ChannelReading&, const ChannelReading&) = default;
  friend bool operator<(const ChannelReading& a, const ChannelReading& b) {
    return std::tie(a.tokens, a.asked) < std::tie(b.tokens, b.asked);
  }
};

/// The value is the sum of log p of the asked tokens, in nats, given all tokens before each: log
/// p(prompt | candidate), where the experts say log p(candidate | prompt). By Bayes' rule the two
/// together, or one of them alone, choose the candidate (Brown et al. 1993, "The mathematics of
/// statistical machine translation"; with neural language models Yee et al. 2019, "Simple and
/// effective noisy channel modeling"). A candidate of which nothing is asked gets -infinity. All
/// different readings run in one batch.
template <Backend B>
class NoisyChannel {
 public:
  using Read = std::function<ChannelReading(const ScoringRequest&, const Candidate&)>;

  /// @throws ModelError when the model has no language-model head.
  NoisyChannel(const Transformer<B>& model, Read read, typename B::Options backend_options = {},
               StackOptions options = {})
      : read_(std::move(read)) {
    detail::require_logits(model.weights());
    model_ = std::make_unique<BatchedTransformer<B>>(std::span(&model.weights(), 1),
                                                     backend_options, options);
  }

  /// One value a candidate.
  /// @throws ComponentError when a reading asks for what it does not have; CapacityError when one
  /// is longer than the context.
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) {
    std::map<ChannelReading, double> values;
    std::vector<std::pair<const ChannelReading, double>*> of_candidate;
    for (const Candidate& candidate : request.candidates) {
      of_candidate.push_back(
          &*values.try_emplace(read_(request, candidate), -std::numeric_limits<double>::infinity())
                .first);
      check(of_candidate.back()->first);
    }
    model_->clear();
    ask(values);
    std::vector<double> scores(of_candidate.size());
    std::transform(of_candidate.begin(), of_candidate.end(), scores.begin(),
                   [](const auto* entry) { return entry->second; });
    return scores;
  }

  /// What the last call of score() cost. It is no part of the experts' ledger.
  [[nodiscard]] const CostLedger& ledger() const { return model_->ledger(); }

 private:
  static void check(const ChannelReading& reading) {
    std::uint32_t last = 0;
    for (const std::uint32_t asked : reading.asked) {
      require<ComponentError>(asked >= 1 && asked < reading.tokens.size(), "a channel reading of ",
                              reading.tokens.size(), " tokens asks for position ", asked,
                              ": it must be 1 to ", reading.tokens.size() - 1);
      require<ComponentError>(asked > last, "a channel reading asks for position ", asked,
                              " behind position ", last, ": positions must ascend");
      last = asked;
    }
  }

  void ask(std::map<ChannelReading, double>& values) {
    std::vector<Row> rows;
    std::vector<TargetToken> targets;
    for (const auto& [reading, value] : values) {
      if (reading.asked.empty()) continue;
      const SequenceId sequence = model_->create();
      for (const std::uint32_t position : reading.asked) {
        targets.push_back(
            {static_cast<std::uint32_t>(rows.size() + position - 1), reading.tokens[position]});
      }
      // Nothing is asked behind the last position, so its token need not be read.
      for (std::uint32_t position = 0; position < reading.asked.back(); ++position) {
        rows.push_back({0, sequence, position, reading.tokens[position]});
      }
    }
    std::vector<float> log_probabilities(targets.size());
    model_->log_probabilities(rows, targets, log_probabilities);
    auto next = log_probabilities.begin();
    for (auto& [reading, value] : values) {
      if (reading.asked.empty()) continue;
      const auto end = next + static_cast<std::ptrdiff_t>(reading.asked.size());
      value = std::accumulate(
          next, end, 0.0, [](double sum, float term) { return sum + static_cast<double>(term); });
      next = end;
    }
  }

  Read read_;
  std::unique_ptr<BatchedTransformer<B>> model_;
};

}  // namespace tutti
