// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a method can do for its request: write candidates in stages, look at them, stop and branch
// them, score texts, ask further prompts, fuse experts. Every operation begins when it is called
// and is awaited for its result, so that several can be begun before the first is awaited. All
// sessions of an engine share its batches.

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/types.hpp"
#include "tutti/engine/task.hpp"
#include "tutti/ensemble/request.hpp"
#include "tutti/ensemble/result.hpp"
#include "tutti/router/router.hpp"
#include "tutti/scorer/likelihood_source.hpp"
#include "tutti/selector/selector.hpp"
#include "tutti/text/text_codec.hpp"

namespace tutti {

inline namespace TUTTI_ABI {
class Session;
}  // namespace TUTTI_ABI

/// How a request is answered: a coroutine that writes candidates and picks one of them.
using Method = std::function<Task<Selection>(Session&)>;

/// When a stage of writing pauses, at the latest when the candidate ends. A paused candidate has
/// the finish reason `running`.
struct Until {
  std::size_t tokens = 0;  ///< New tokens of the candidate in this stage; 0: no limit.
  std::string mark;        ///< A text that has appeared in what the stage wrote, e.g. "\n\n".
  /// Looks at the candidate so far after each token; its text is not complete. Called in the thread
  /// of the engine.
  std::function<bool(const Candidate&)> predicate;
};

/// A text to score: log p of each of `tokens` after `context` under `expert`.
struct TextToScore {
  std::uint32_t expert = 0;
  std::vector<Token> context;  ///< At least one token.
  std::vector<Token> tokens;
};

namespace detail {

/// An operation of a session, which owns it until the session ends.
struct Operation {
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  bool done = false;
  std::exception_ptr error;
  std::coroutine_handle<> waiter;
};

template <class T>
struct OperationOf : Operation {
  T value{};
};

inline namespace TUTTI_ABI {
struct SessionState;
class EngineState;
}  // namespace TUTTI_ABI

}  // namespace detail

/// What an operation returns: await it for its result, once. It needs no destructor.
template <class T>
class [[nodiscard]] Awaitable {
 public:
  explicit Awaitable(detail::OperationOf<T>* operation) : operation_(operation) {}

  [[nodiscard]] bool await_ready() const { return operation_->done; }
  void await_suspend(std::coroutine_handle<> waiter) { operation_->waiter = waiter; }
  /// @throws what ended the operation.
  T await_resume() {
    if (operation_->error) std::rethrow_exception(operation_->error);
    return std::move(operation_->value);
  }

 private:
  detail::OperationOf<T>* operation_;
};

inline namespace TUTTI_ABI {

/// One request while it is answered. Its methods may be called by the coroutine of the request
/// only. There are overloads instead of default arguments, as g++ 12 destroys temporary arguments
/// of a co_await expression twice: give them a name.
class Session {
 public:
  Session(detail::EngineState& engine, detail::SessionState& state)
      : engine_(engine), state_(state) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] const Request& request() const;
  [[nodiscard]] std::span<const Token> prompt() const;
  /// The user's prompt; the last user message of a chat; empty for a prompt given as tokens.
  [[nodiscard]] std::string_view prompt_text() const;
  [[nodiscard]] std::size_t experts() const;
  [[nodiscard]] const TextCodec& codec() const;
  /// All candidates so far, in the order in which they were begun: for each `write` by expert, then
  /// sample. The span is valid until the next operation.
  [[nodiscard]] std::span<const Candidate> candidates() const;
  /// To set scores, which the result then has.
  [[nodiscard]] Candidate& candidate(std::size_t index);
  /// Whether the request's StopToken has requested a stop, or its time is up.
  [[nodiscard]] bool stop_requested() const;

  /// Begins route[e] new candidates with each expert e and writes them. Samples are numbered per
  /// expert, so that writing in stages gives the candidates of writing at once. @returns their
  /// indices.
  Awaitable<std::vector<std::size_t>> write(const Route& route, const Until& until);
  Awaitable<std::vector<std::size_t>> write(const Route& route) { return write(route, Until()); }
  /// The same with `samples` of every expert.
  Awaitable<std::vector<std::size_t>> write(std::size_t samples) { return write(samples, Until()); }
  Awaitable<std::vector<std::size_t>> write(std::size_t samples, const Until& until);
  /// Continues paused candidates. @returns their indices.
  Awaitable<std::vector<std::size_t>> resume(std::span<const std::size_t> candidates,
                                             const Until& until);
  Awaitable<std::vector<std::size_t>> resume(std::span<const std::size_t> candidates) {
    return resume(candidates, Until());
  }
  /// Begins `count` new candidates with the first `length` tokens of another one and writes them.
  /// @returns their indices.
  Awaitable<std::vector<std::size_t>> branch(std::size_t candidate, std::size_t length,
                                             std::size_t count, const Until& until);
  Awaitable<std::vector<std::size_t>> branch(std::size_t candidate, std::size_t length,
                                             std::size_t count) {
    return branch(candidate, length, count, Until());
  }
  /// Ends a paused candidate.
  void stop(std::size_t candidate);

  /// Adds a candidate that `ask` wrote, so that the method can pick it. Its sample number is the
  /// next one of its expert. `likelihoods` reads it after this request's prompt. @returns its
  /// index.
  std::size_t adopt(Candidate candidate);

  /// Begins one candidate that is drawn from the experts' fused distributions.
  /// @param weights one per expert, not negative, not all zero; empty: equal. @returns its index.
  Awaitable<std::size_t> fuse(Fusion fusion, std::span<const double> weights = {});

  /// The log-probability of every token of every candidate under every expert.
  Awaitable<LikelihoodTable> likelihoods();
  /// One list of log-probabilities per text, in nats, one per token.
  Awaitable<std::vector<std::vector<float>>> score(std::vector<TextToScore> texts);
  /// Computes the prompt with all experts. @returns the logits after its last token, [experts,
  /// vocabulary], valid as long as the session.
  Awaitable<MatrixView<const float>> prompt_logits();

  /// Answers another prompt as a part of this request: a judge, a second round, a query of a
  /// router. It has this request's priority and ends with it.
  Awaitable<Result> ask(Request request, Method method);

 private:
  detail::EngineState& engine_;
  detail::SessionState& state_;
};

}  // namespace TUTTI_ABI
}  // namespace tutti
