// SPDX-License-Identifier: Apache-2.0
#pragma once
// Log-probabilities of given candidates under every expert (teacher forcing). All (expert,
// candidate) pairs run in one batched pass after the prompts, which are in the KV cache already.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/base/types.hpp"
#include "tutti/scorer/likelihood_source.hpp"
#include "tutti/transformer/batched_transformer.hpp"

namespace tutti {

/// The prompt in the experts' KV caches after prefill.
struct CachedPrompt {
  std::size_t length = 0;
  /// Instead of a sequence, for an expert that has not processed the prompt.
  static constexpr SequenceId kNoSequence = std::numeric_limits<SequenceId>::max();

  std::vector<SequenceId> sequences;  ///< One per expert; equal experts share one.
  /// [experts, vocabulary]: logits after the last token of the prompt.
  MatrixView<const float> last_logits;
};

/// The LikelihoodSource that an ensemble passes to its scorer.
template <class Stack>
class CandidateRescorer final : public LikelihoodSource {
 public:
  /// Both arguments must outlive the rescorer.
  CandidateRescorer(Stack& stack, const CachedPrompt& prompt) : stack_(stack), prompt_(prompt) {}

  [[nodiscard]] std::size_t experts() const override { return stack_.size(); }

  /// Log-probabilities of `candidates` after the prompt. Those under a candidate's own expert are
  /// copied from the candidate; computed again they would be the same, bit for bit.
  /// @throws ComponentError for a candidate that does not have one log-probability per token, and
  /// when an expert has not processed the prompt because the scorer's needs_models() is false.
  [[nodiscard]] LikelihoodTable likelihoods(std::span<const Candidate> candidates) override {
    LikelihoodTable table(candidates.size(), experts());
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      require<ComponentError>(candidates[c].tokens.size() == candidates[c].log_probabilities.size(),
                              "candidate ", c, " of ", candidates.size(), " has ",
                              candidates[c].tokens.size(), " tokens and ",
                              candidates[c].log_probabilities.size(),
                              " log-probabilities: give one log-probability per token");
    }
    for (std::uint32_t e = 0; e < experts(); ++e) {
      require<ComponentError>(prompt_.sequences[e] != CachedPrompt::kNoSequence,
                              "a scorer asks expert ", e, " of ", experts(),
                              ", which has not processed the prompt: needs_models() must be true");
      for (std::size_t c = 0; c < candidates.size(); ++c) {
        std::vector<float>& entry = table.at(c, e);
        entry.resize(candidates[c].tokens.size());
        if (stack_.representative(e) != e || entry.empty()) continue;
        if (stack_.representative(candidates[c].expert) == e) {
          entry = candidates[c].log_probabilities;
        } else {
          enqueue_candidate(e, candidates[c], entry);
        }
      }
    }
    run_batch();
    for (std::uint32_t e = 0; e < experts(); ++e) {
      const std::uint32_t same = stack_.representative(e);
      for (std::size_t c = 0; same != e && c < candidates.size(); ++c)
        table.at(c, e) = table.at(c, same);
    }
    return table;
  }

 private:
  /// Maximum number of rows per batch, which bounds the KV cache that the candidates need.
  static constexpr std::size_t kMaxRowsPerBatch = 4096;

  /// Appends a candidate to the batch. The prompt's last logits give log p of its first token;
  /// every token but the last is a row, whose logits give log p of the next token.
  void enqueue_candidate(std::uint32_t expert, const Candidate& candidate,
                         std::vector<float>& entry) {
    if (rows_.size() + candidate.tokens.size() > kMaxRowsPerBatch) run_batch();
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

  /// Runs the rows and stores their log-probabilities in the table.
  void run_batch() {
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
