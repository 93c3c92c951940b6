// SPDX-License-Identifier: Apache-2.0
#pragma once
// Scores a candidate with a reward model: a transformer with a value head that reads prompt and
// answer.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tutti/base/cost.hpp"
#include "tutti/base/error.hpp"
#include "tutti/scorer/scorer.hpp"
#include "tutti/transformer/batched_transformer.hpp"
#include "tutti/transformer/transformer.hpp"

namespace tutti {

/// The score is the head's output at the last token of prompt and candidate, as transformers'
/// AutoModelForSequenceClassification computes it. The model must have the experts' tokenizer. The
/// prompt is processed once; all candidates follow it in one batch.
template <Backend B>
class ValueModel {
 public:
  /// @param label the output to use of a head with several.
  /// @throws ModelError when the model has no value head; OptionError when `label` is not below the
  /// number of labels.
  explicit ValueModel(const Transformer<B>& model, std::size_t label = 0,
                      typename B::Options backend_options = {}, StackOptions options = {})
      : label_(label) {
    require<ModelError>(model.weights().value_head.has_value(), model.weights().source,
                        ": has no value head (score.weight): a value model is a checkpoint for "
                        "sequence classification");
    model_ = std::make_unique<BatchedTransformer<B>>(std::span(&model.weights(), 1),
                                                     backend_options, options);
    require<OptionError>(label < model_->output_width(), "label ", label, " of a value head with ",
                         model_->output_width(), " labels: labels count from 0");
  }

  /// One score per candidate.
  /// @throws CapacityError when prompt and candidate are longer than the value model's context.
  [[nodiscard]] std::vector<double> score(const ScoringRequest& request) {
    model_->clear();
    const SequenceId prompt = model_->create();
    std::vector<Row> rows;
    std::vector<std::uint32_t> outputs;
    append_rows(rows, prompt, request.prompt);
    const auto last = static_cast<std::uint32_t>(rows.size() - 1);
    const double empty_value = static_cast<double>(
        model_->forward(rows, std::span(&last, 1)).row(0)[label_]);

    rows.clear();
    for (const Candidate& candidate : request.candidates) {
      if (candidate.tokens.empty()) continue;
      append_rows(rows, model_->fork(prompt, request.prompt.size()), candidate.tokens);
      outputs.push_back(static_cast<std::uint32_t>(rows.size() - 1));
    }
    const MatrixView<const float> values = model_->forward(rows, outputs);
    std::vector<double> scores;
    for (std::size_t next = 0; const Candidate& candidate : request.candidates) {
      scores.push_back(candidate.tokens.empty() ? empty_value
                                                : static_cast<double>(values.row(next++)[label_]));
    }
    return scores;
  }

  /// The cost of the last call of score(). The experts' ledger does not include it.
  [[nodiscard]] const CostLedger& ledger() const { return model_->ledger(); }

 private:
  void append_rows(std::vector<Row>& rows, SequenceId sequence,
                   std::span<const Token> tokens) const {
    std::size_t position = model_->length(sequence);
    for (const Token token : tokens)
      rows.push_back({0, sequence, static_cast<std::uint32_t>(position++), token});
  }

  std::size_t label_;
  std::unique_ptr<BatchedTransformer<B>> model_;
};

}  // namespace tutti
