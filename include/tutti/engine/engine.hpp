// SPDX-License-Identifier: Apache-2.0
#pragma once
// The engine: all requests in one batch. Every step is one batched forward pass over the rows of
// all running requests: one row for each candidate that is being written, then prompts, up to a
// limit of rows. Because a row's bits depend on its own sequence only, scheduling never changes a
// result: alone, among a thousand others, preempted or served from the prefix cache, a request
// gives the same tokens, bit for bit.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/engine/detail/engine_state.hpp"
#include "tutti/engine/engine_options.hpp"
#include "tutti/engine/future.hpp"
#include "tutti/engine/model_runner.hpp"
#include "tutti/engine/session.hpp"

namespace tutti::inline TUTTI_ABI {

/// `submit`, `stats` and `release_memory` may be called by any thread; `step` and `run` by one
/// thread at a time, and not from a callback, scorer, filter or method. Movable; the engine stays
/// where it is.
class Engine {
 public:
  /// @throws OptionError for an option out of range, or a codec with end tokens for another number
  /// of experts.
  explicit Engine(std::unique_ptr<ModelRunner> runner, TextCodec codec = {},
                  EngineOptions options = {})
      : state_(
            std::make_unique<detail::EngineState>(std::move(runner), std::move(codec), options)) {}
  template <RunnableStack Stack>
  explicit Engine(Stack stack, TextCodec codec = {}, EngineOptions options = {})
      : Engine(std::unique_ptr<ModelRunner>(new StackRunner<Stack>(std::move(stack))),
               std::move(codec), options) {}

  /// Queues a request. The result comes from `step`s, of this or another thread, or of `start`'s.
  /// @param answer number of positions that the context must have after the prompt.
  /// @throws OptionError, CapacityError for a request that cannot be answered, or a full queue.
  [[nodiscard]] Future<Result> submit(Request request, Method method, std::size_t answer = 1) {
    return state_->submit(std::move(request), std::move(method), answer);
  }

  /// Advances all requests by one batched pass. @returns whether any is left.
  bool step() { return state_->step(); }

  /// Steps in a thread of the engine's own until `stop` or the destructor.
  void start() { state_->start(); }
  void stop() { state_->stop(); }

  /// Answers all requests; a queue that is full waits. Do not call it on a started engine.
  /// @param progress called after each request with the numbers of finished and of all requests.
  /// @returns their futures, all ready, in the order of the requests.
  std::vector<Future<Result>> run(
      std::span<const Request> requests, const Method& method,
      const std::function<void(std::size_t, std::size_t)>& progress = {}) {
    std::vector<Future<Result>> results;
    std::vector<std::size_t> unfinished;
    const auto count = [&] {
      const std::size_t finished = std::erase_if(unfinished,
                                                 [&](std::size_t i) { return results[i].ready(); });
      if (progress && finished > 0) progress(results.size() - unfinished.size(), requests.size());
    };
    for (const Request& request : requests) {
      while (stats().waiting >= max_waiting()) {
        step();
        count();
      }
      unfinished.push_back(results.size());
      results.push_back(submit(request, method));
    }
    while (step()) count();
    count();
    return results;
  }

  [[nodiscard]] EngineStats stats() const { return state_->stats(); }
  /// Forgets what the cache holds of finished requests and gives the memory of free pages back.
  void release_memory() { state_->release_memory(); }

 private:
  [[nodiscard]] std::size_t max_waiting() const;

  std::unique_ptr<detail::EngineState> state_;
};

}  // namespace tutti::inline TUTTI_ABI

#if !defined(TUTTI_COMPILED)
#include "tutti/engine/detail/engine_state-inl.hpp"
#endif
