// SPDX-License-Identifier: Apache-2.0
#pragma once
// N experts as one object that computes rows of any of them. Transformers run as one batched
// forward pass; for other language models the stack keeps each sequence's tokens and calls the
// experts one after the other.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tutti/base/cost.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/transformer/batched_transformer.hpp"
#include "tutti/transformer/language_model.hpp"
#include "tutti/transformer/transformer.hpp"

namespace tutti {

namespace detail {

/// @throws ModelError when `found` experts cannot make a stack of N.
template <std::size_t N>
void check_expert_count(std::size_t found) {
  require<ModelError>(found > 0, "an ensemble needs at least one expert, and there is none");
  require<ModelError>(N == std::dynamic_extent || found == N, "an ensemble of ", N,
                      " experts was given ", found, ": give one model for each");
}

}  // namespace detail

/// N experts of any type that models LanguageModel; N may be std::dynamic_extent. The members are
/// documented in BatchedTransformer.
template <std::size_t N, class Model>
class ExpertStack : detail::CheckLanguageModel<Model> {
 public:
  /// @throws ModelError when there are not N models, or their vocabularies differ.
  explicit ExpertStack(std::vector<Model> models) : models_(std::move(models)) {
    detail::check_expert_count<N>(models_.size());
    if constexpr (LanguageModel<Model>) {
      for (std::size_t e = 1; e < models_.size(); ++e) {
        require<ModelError>(models_[e].vocabulary_size() == models_[0].vocabulary_size(), "expert ",
                            e, " has a vocabulary of ", models_[e].vocabulary_size(),
                            ", expert 0 one of ", models_[0].vocabulary_size(),
                            ": experts must share a tokenizer");
      }
    }
    clear();
  }

  [[nodiscard]] std::size_t size() const { return models_.size(); }
  [[nodiscard]] std::size_t vocabulary_size() const { return models_.front().vocabulary_size(); }
  [[nodiscard]] std::size_t context_length() const {
    std::size_t length = models_.front().context_length();
    for (const Model& model : models_)
      length = std::min<std::size_t>(length, model.context_length());
    return length;
  }
  [[nodiscard]] std::uint32_t representative(std::uint32_t expert) const { return expert; }

  [[nodiscard]] SequenceId create() { return add({}); }
  /// As `create`: nothing is cached.
  [[nodiscard]] SequenceId open(std::uint32_t, std::span<const Token>) { return create(); }
  [[nodiscard]] std::size_t length(SequenceId sequence) const {
    return sequences_.at(sequence).size();
  }
  [[nodiscard]] SequenceId fork(SequenceId parent, std::size_t length) {
    const std::vector<Token>& tokens = sequences_.at(parent);
    require<CapacityError>(length <= tokens.size(), "cannot share ", length,
                           " positions of a sequence that has ", tokens.size());
    return add(
        std::vector<Token>(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(length)));
  }
  void truncate(SequenceId sequence, std::size_t length) {
    const std::size_t found = this->length(sequence);
    require<CapacityError>(length <= found, "cannot truncate a sequence of ", found,
                           " positions to ", length, ": it has fewer");
    sequences_[sequence].resize(length);
  }
  void release(SequenceId sequence) {
    std::vector<Token>().swap(sequences_.at(sequence));
    free_sequences_.push_back(sequence);
  }
  void clear() {
    sequences_.clear();
    free_sequences_.clear();
    ledger_ = {};
    ledger_.per_expert.resize(size());
  }

  MatrixView<const float> forward(std::span<const Row> rows, std::span<const std::uint32_t> outputs,
                                  std::span<const TargetToken> targets,
                                  std::span<float> log_probabilities) {
    logits_.resize((outputs.size() + 1) * vocabulary_size());  // the last row is for targets
    const MatrixView<float> result(logits_.data(), outputs.size() + 1, vocabulary_size());
    std::size_t next = 0, target = 0;
    append(rows, [&](std::size_t r, const std::vector<Token>& context) {
      const bool output = next < outputs.size() && outputs[next] == r;
      const bool scored = target < targets.size() && targets[target].row == r;
      if (!output && !scored) return;
      const std::span<float> logits = result.row_span(output ? next : outputs.size());
      models_[rows[r].expert].next_logits(std::span<const Token>(context), logits);
      for (; target < targets.size() && targets[target].row == r; ++target)
        log_probabilities[target] = log_probability_of(logits, targets[target].target);
      if (output) ++next;
    });
    return result.middle_rows(0, outputs.size());
  }
  MatrixView<const float> forward(std::span<const Row> rows,
                                  std::span<const std::uint32_t> outputs) {
    return forward(rows, outputs, {}, {});
  }
  void log_probabilities(std::span<const Row> rows, std::span<const TargetToken> targets,
                         std::span<float> log_probabilities) {
    (void)forward(rows, {}, targets, log_probabilities);
  }

  [[nodiscard]] CostLedger& ledger() { return ledger_; }

  template <class Body>
  void for_each(std::size_t count, Body&& body) {
    for (std::size_t i = 0; i < count; ++i) body(i);
  }

 private:
  SequenceId add(std::vector<Token> tokens) {
    if (!free_sequences_.empty()) {
      const SequenceId id = free_sequences_.back();
      free_sequences_.pop_back();
      sequences_[id] = std::move(tokens);
      return id;
    }
    sequences_.push_back(std::move(tokens));
    return static_cast<SequenceId>(sequences_.size() - 1);
  }

  template <class Then>
  void append(std::span<const Row> rows, Then then) {
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t r = 0; r < rows.size(); ++r) {
      std::vector<Token>& tokens = sequences_.at(rows[r].sequence);
      require<CapacityError>(tokens.size() < context_length(), "position ", tokens.size(),
                             " is outside the context of ", context_length(),
                             ": shorten the prompt or the answer");
      tokens.push_back(rows[r].token);
      then(r, tokens);
    }
    ++ledger_.steps;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (const Row& row : rows)
      ledger_.per_expert[row.expert].seconds += seconds / static_cast<double>(rows.size());
  }

  std::vector<Model> models_;
  std::vector<std::vector<Token>> sequences_;
  std::vector<SequenceId> free_sequences_;
  std::vector<float> logits_;
  CostLedger ledger_;
};

/// N transformers: one batched forward pass.
template <std::size_t N, Backend B>
class ExpertStack<N, Transformer<B>> : public BatchedTransformer<B> {
 public:
  /// @throws ModelError when there are not N models, they do not fit each other, or they give
  /// values instead of logits.
  explicit ExpertStack(std::span<const Transformer<B>> models,
                       typename B::Options backend_options = {}, StackOptions options = {})
      : BatchedTransformer<B>(weights_of(models), backend_options, options) {}
  explicit ExpertStack(const std::vector<Transformer<B>>& models,
                       typename B::Options backend_options = {}, StackOptions options = {})
      : ExpertStack(std::span<const Transformer<B>>(models), backend_options, options) {}

 private:
  static std::vector<ModelWeights> weights_of(std::span<const Transformer<B>> models) {
    detail::check_expert_count<N>(models.size());
    std::vector<ModelWeights> weights;
    for (const Transformer<B>& model : models) {
      detail::require_logits(model.weights());
      weights.push_back(model.weights());
    }
    return weights;
  }
};

template <class Model>
ExpertStack(std::vector<Model>) -> ExpertStack<std::dynamic_extent, Model>;
template <Backend B>
ExpertStack(const std::vector<Transformer<B>>&, typename B::Options = {}, StackOptions = {})
    -> ExpertStack<std::dynamic_extent, Transformer<B>>;

}  // namespace tutti
