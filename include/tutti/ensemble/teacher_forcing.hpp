// SPDX-License-Identifier: Apache-2.0
#pragma once
// The likelihood of given texts under every expert. All (expert, text) pairs run in one batched
// pass behind the prompts that the experts have in their cache already.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/probability.hpp"
#include "tutti/base/types.hpp"
#include "tutti/transformer/batched_transformer.hpp"

namespace tutti {

/// log p of every token of every candidate under every expert.
class LikelihoodTable {
 public:
  LikelihoodTable(std::size_t candidates, std::size_t experts)
      : experts_(experts), entries_(candidates * experts) {}

  [[nodiscard]] std::size_t candidates() const { return entries_.size() / experts_; }
  [[nodiscard]] std::size_t experts() const { return experts_; }
  /// One log-probability a token, in nats.
  [[nodiscard]] const std::vector<float>& of(std::size_t candidate, std::size_t expert) const {
    return entries_.at(candidate * experts_ + expert);
  }
  [[nodiscard]] std::vector<float>& of(std::size_t candidate, std::size_t expert) {
    return entries_.at(candidate * experts_ + expert);
  }

 private:
  std::size_t experts_;
  std::vector<std::vector<float>> entries_;
};

/// A prompt as the experts hold it after prefill.
struct CachedPrompt {
  std::size_t length = 0;
  std::vector<SequenceId> sequences;  ///< One for each expert; equal experts share one.
  /// [experts, vocabulary], after the last token of the prompt.
  MatrixView<const float> last_logits;
};

/// What scorers may ask of the experts that wrote the candidates.
template <class Stack>
class TeacherForcing {
 public:
  TeacherForcing(Stack& stack, const CachedPrompt& prompt) : stack_(stack), prompt_(prompt) {}

  [[nodiscard]] std::size_t experts() const { return stack_.size(); }

  /// Log-probabilities of `candidates` behind the prompt. What an expert wrote itself it need not
  /// read again: those values are the candidate's own, which are the same to the bit.
  /// @throws ComponentError for a candidate without one log-probability for each token.
  [[nodiscard]] LikelihoodTable likelihoods(std::span<const Candidate> candidates) {
    LikelihoodTable table(candidates.size(), experts());
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      require<ComponentError>(candidates[c].tokens.size() == candidates[c].log_probabilities.size(),
                              "candidate ", c, " of ", candidates.size(), " has ",
                              candidates[c].tokens.size(), " tokens and ",
                              candidates[c].log_probabilities.size(),
                              " log-probabilities: a scorer must not change one of them alone");
    }
    for (std::uint32_t e = 0; e < experts(); ++e) {
      for (std::size_t c = 0; c < candidates.size(); ++c) {
        std::vector<float>& entry = table.of(c, e);
        entry.resize(candidates[c].tokens.size());
        if (stack_.representative(e) != e || entry.empty()) continue;
        if (stack_.representative(candidates[c].expert) == e) {
          entry = candidates[c].log_probabilities;
        } else {
          add(e, candidates[c], entry);
        }
      }
    }
    run();
    for (std::uint32_t e = 0; e < experts(); ++e) {
      const std::uint32_t same = stack_.representative(e);
      for (std::size_t c = 0; same != e && c < candidates.size(); ++c)
        table.of(c, e) = table.of(c, same);
    }
    return table;
  }

 private:
  /// Rows that are run together at most: bounds the cache that the texts need.
  static constexpr std::size_t kRowsAtOnce = 4096;

  /// Queues a candidate. Its first token is judged by the prompt's last logits; every token but the
  /// last makes a row.
  void add(std::uint32_t expert, const Candidate& candidate, std::vector<float>& entry) {
    if (rows_.size() + candidate.tokens.size() > kRowsAtOnce) run();
    entry.front() = log_probability_of(prompt_.last_logits.row_span(expert),
                                       candidate.tokens.front());
    if (candidate.tokens.size() == 1) return;
    const SequenceId sequence = stack_.fork(prompt_.sequences[expert], prompt_.length);
    sequences_.push_back(sequence);
    for (std::size_t t = 0; t + 1 < candidate.tokens.size(); ++t) {
      targets_.push_back({static_cast<std::uint32_t>(rows_.size()), candidate.tokens[t + 1]});
      destinations_.push_back(&entry[t + 1]);
      rows_.push_back(
          {expert, sequence, static_cast<std::uint32_t>(prompt_.length + t), candidate.tokens[t]});
    }
  }

  void run() {
    std::vector<float> values(targets_.size());
    stack_.log_probabilities(rows_, targets_, values);
    for (std::size_t i = 0; i < values.size(); ++i) *destinations_[i] = values[i];
    for (const Row& row : rows_) ++stack_.ledger().per_expert[row.expert].scored_tokens;
    for (const SequenceId sequence : sequences_) stack_.release(sequence);
    rows_.clear();
    targets_.clear();
    destinations_.clear();
    sequences_.clear();
  }

  Stack& stack_;
  const CachedPrompt& prompt_;
  std::vector<Row> rows_;
  std::vector<TargetToken> targets_;
  std::vector<float*> destinations_;
  std::vector<SequenceId> sequences_;
};

}  // namespace tutti
