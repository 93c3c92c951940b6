// SPDX-License-Identifier: Apache-2.0
#pragma once
// The state of one request while it is answered: its prompt under each expert, its candidates, and
// the work that its method waits for.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tutti/backend/page.hpp"
#include "tutti/base/cost.hpp"
#include "tutti/engine/future.hpp"
#include "tutti/engine/session.hpp"
#include "tutti/ensemble/candidate_writer.hpp"
#include "tutti/sampler/chain.hpp"

namespace tutti::detail::inline TUTTI_ABI {

/// The prompt under one expert; experts with equal weights use that of the lowest.
struct PromptState {
  bool wanted = false;
  std::optional<SequenceId> sequence;
  std::vector<float> logits;  ///< After its last token; empty until it has been computed.
  std::size_t output = 0;     ///< Row of the step's logits, while it is computed.

  [[nodiscard]] bool ready() const { return !logits.empty(); }
};

/// A candidate and its sequence under each expert that generates it: one, or all that are fused.
struct Writer {
  CandidateWriter text;
  std::vector<std::uint32_t> experts;
  std::vector<std::optional<SequenceId>> sequences;
  std::vector<std::size_t> outputs;  ///< Rows of the step's logits, by expert.
};

/// Candidates that are written together: each step draws one token of every one that runs.
struct WriteGroup {
  Operation* operation = nullptr;
  std::vector<std::size_t> active;  ///< Indices of the running candidates, ascending.
  Until until;
  std::vector<std::size_t> begin;  ///< Tokens of each candidate of the session at the start.
  std::vector<std::size_t> begin_text;
  /// The first draws use the logits of the prompt.
  bool from_prompt = false;
  bool decodes = false;  ///< Its rows are in the current step.
  std::optional<Fusion> fusion;
  std::vector<float> weights;  ///< Of the fused experts; their sum is 1.
};

/// A text to score, in the cache as far as it has been computed.
struct ScoreItem {
  std::uint32_t expert = 0;
  bool after_prompt = false;  ///< The context is the session's prompt.
  std::vector<Token> tokens;  ///< Context and text.
  std::size_t context = 0;    ///< Number of tokens of the context.
  std::vector<float>* result = nullptr;
  std::optional<SequenceId> sequence;
};

struct ScoreBatch {
  Operation* operation = nullptr;
  std::deque<ScoreItem> items;  ///< Not finished, in order.
  std::function<void()> finish;
};

/// Waits for the prompt under all experts.
struct PromptWait {
  OperationOf<MatrixView<const float>>* operation = nullptr;
};

struct SessionState {
  SessionState(EngineState& engine, Request wanted, std::vector<Token> tokens, Method how,
               std::size_t experts)
      : request(std::move(wanted)),
        prompt(std::move(tokens)),
        method(std::move(how)),
        chain(request.sampling, request.filters),
        session(engine, *this),
        prompts(experts),
        next_sample(experts),
        start(std::chrono::steady_clock::now()) {
    cost.per_expert.resize(experts);
  }

  Request request;
  std::vector<Token> prompt;
  Method method;
  SamplerChain chain;
  std::uint64_t number = 0;  ///< Order of submission; children have their parent's.
  /// The request of which this one is a part, and what waits for it there.
  SessionState* parent = nullptr;
  OperationOf<Result>* parent_operation = nullptr;
  std::optional<Promise<Result>> promise;

  Session session;
  Task<Selection> task;
  std::vector<PromptState> prompts;  ///< By expert.
  std::deque<Writer> writers;
  std::vector<Candidate> candidates;  ///< As the method sees them.
  std::vector<std::uint32_t> next_sample;
  std::deque<std::vector<Token>> end_tokens;  ///< Of fused candidates.
  std::vector<float> prompt_logits;

  std::vector<std::unique_ptr<WriteGroup>> groups;
  std::vector<std::unique_ptr<ScoreBatch>> scores;
  std::vector<PromptWait> prompt_waits;
  std::vector<std::unique_ptr<Operation>> operations;
  std::size_t children = 0;
  std::size_t drawn_tokens = 0;
  std::chrono::steady_clock::time_point start;
  CostLedger cost;
  std::uint64_t last_pass = 0;            ///< That `cost` counts, with those of its parts.
  std::vector<std::size_t> rows_in_step;  ///< By expert; empty between steps.
  std::exception_ptr error;               ///< Ends the request.

  template <class T>
  OperationOf<T>* new_operation() {
    auto operation = std::make_unique<OperationOf<T>>();
    OperationOf<T>* const pointer = operation.get();
    operations.push_back(std::move(operation));
    return pointer;
  }
};

}  // namespace tutti::detail::inline TUTTI_ABI
