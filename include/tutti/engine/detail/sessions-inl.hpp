// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of engine_state.hpp: requests come, wait for their operations, and end.

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/engine/detail/engine_state.hpp"

namespace tutti::detail::inline TUTTI_ABI {

TUTTI_INLINE void EngineState::admit() {
  std::vector<std::unique_ptr<SessionState>> arrived;
  {
    const std::lock_guard<std::mutex> lock(inbox_mutex_);
    // Of the waiting requests, the one of the highest priority comes first, then the oldest.
    while (!inbox_.empty() && sessions_.size() + arrived.size() < options_.max_running) {
      const auto next = std::max_element(inbox_.begin(), inbox_.end(),
                                         [](const auto& a, const auto& b) {
                                           return a->request.priority != b->request.priority
                                                      ? a->request.priority < b->request.priority
                                                      : a->number > b->number;
                                         });
      arrived.push_back(std::move(*next));
      inbox_.erase(next);
    }
  }
  for (auto& child : new_children_) arrived.push_back(std::move(child));
  new_children_.clear();
  for (auto& session : arrived) {
    SessionState& state = *session;
    const auto place = std::find_if(sessions_.begin(), sessions_.end(),
                                    [&](const std::unique_ptr<SessionState>& other) {
                                      return other->request.priority != state.request.priority
                                                 ? other->request.priority < state.request.priority
                                                 : other->number > state.number;
                                    });
    sessions_.insert(place, std::move(session));
    state.start = std::chrono::steady_clock::now();
    try {
      (void)(state.task = state.method(state.session));
      state.task.start();
    } catch (...) {
      state.error = std::current_exception();
    }
  }
}

TUTTI_INLINE void EngineState::add_child(SessionState& parent, Request request, Method method,
                                         OperationOf<Result>* operation) {
  std::vector<Token> prompt = prepare(request, 1);
  request.priority = parent.request.priority;
  if (!request.stop.stop_possible()) request.stop = parent.request.stop;
  if (!request.deadline) request.deadline = parent.request.deadline;
  auto child = std::make_unique<SessionState>(*this, std::move(request), std::move(prompt),
                                              std::move(method), runner_->size());
  child->number = parent.number;
  child->parent = &parent;
  child->parent_operation = operation;
  ++parent.children;
  new_children_.push_back(std::move(child));
}

TUTTI_INLINE void EngineState::finish(Operation& operation) {
  operation.done = true;
  if (operation.waiter) ready_.push_back(std::exchange(operation.waiter, {}));
}

TUTTI_INLINE void EngineState::run_ready() {
  while (!ready_.empty() || !new_children_.empty()) {
    while (!ready_.empty()) {
      const std::coroutine_handle<> next = ready_.front();
      ready_.pop_front();
      next.resume();
    }
    if (!new_children_.empty()) admit();
  }
}

TUTTI_INLINE bool EngineState::waits_for_nothing(const SessionState& state) const {
  return state.groups.empty() && state.scores.empty() && state.prompt_waits.empty() &&
         state.children == 0;
}

TUTTI_INLINE void EngineState::end_sessions() {
  for (bool ended = true; ended;) {
    ended = false;
    run_ready();
    for (std::size_t i = 0; i < sessions_.size() && !ended; ++i) {
      SessionState& state = *sessions_[i];
      if (!state.error && !state.task.done() && waits_for_nothing(state)) {
        state.error = std::make_exception_ptr(
            ComponentError("the method waits, but 0 operations of its session are unfinished: "
                           "await only what the session returns"));
      }
      if (!state.error && !state.task.done()) continue;
      // Its parts first; they end with it.
      const auto part = std::find_if(sessions_.begin(), sessions_.end(),
                                     [&](const auto& other) { return other->parent == &state; });
      end_session(part == sessions_.end() ? state : **part);
      ended = true;
    }
  }
}

TUTTI_INLINE void EngineState::end_session(SessionState& state) {
  if (on_device_session_ == &state) leave_device();
  release_all(state);
  Result result;
  if (!state.error && state.task.done()) {
    try {
      result.selection = state.task.take();
      for (Writer& writer : state.writers) {
        if (writer.text.running()) writer.text.finish(FinishReason::pruned);
      }
      for (std::size_t i = 0; i < state.writers.size(); ++i) {
        const double score = state.candidates[i].score;
        state.candidates[i] = state.writers[i].text.release_candidate();
        state.candidates[i].score = score;
      }
      require<ComponentError>(
          state.candidates.empty() || result.selection.index < state.candidates.size(),
          "the selector picked candidate ", result.selection.index, " of ", state.candidates.size(),
          ": candidates count from 0");
      result.prompt_tokens = std::move(state.prompt);
      result.candidates = std::move(state.candidates);
      result.cost = state.cost;
    } catch (...) {
      state.error = std::current_exception();
    }
  } else if (!state.error) {
    state.error = std::make_exception_ptr(
        CanceledError("the request of which this one was a part has ended"));
  }
  const auto place = std::find_if(sessions_.begin(), sessions_.end(),
                                  [&](const auto& other) { return other.get() == &state; });
  const std::unique_ptr<SessionState> ended = std::move(*place);
  sessions_.erase(place);
  if (state.parent != nullptr) {
    --state.parent->children;
    state.parent_operation->error = state.error;
    state.parent_operation->value = std::move(result);
    finish(*state.parent_operation);
    if (!state.parent->error &&
        state.parent->cost.per_expert.size() == state.cost.per_expert.size()) {
      for (std::size_t e = 0; e < state.cost.per_expert.size(); ++e)
        state.parent->cost.per_expert[e] += state.cost.per_expert[e];
    }
  } else {
    {
      const std::lock_guard<std::mutex> lock(stats_mutex_);
      ++stats_.finished;
    }
    if (state.error) {
      state.promise->set_error(state.error);
    } else {
      state.promise->set_value(std::move(result));
    }
  }
}

TUTTI_INLINE void EngineState::release(Writer& writer) {
  for (std::optional<SequenceId>& sequence : writer.sequences) {
    if (sequence) runner_->release(*sequence);
    sequence.reset();
  }
}

TUTTI_INLINE void EngineState::release_all(SessionState& state) {
  for (Writer& writer : state.writers) release(writer);
  for (PromptState& prompt : state.prompts) {
    if (prompt.sequence) runner_->release(*prompt.sequence);
    prompt.sequence.reset();
  }
  for (const auto& batch : state.scores) {
    for (ScoreItem& item : batch->items) {
      if (item.sequence) runner_->release(*item.sequence);
      item.sequence.reset();
    }
  }
}

TUTTI_INLINE void EngineState::fail_all(const std::exception_ptr& error) {
  on_device_ = nullptr;
  on_device_session_ = nullptr;
  for (const auto& session : sessions_) {
    // The cache is cleared: there is nothing to release.
    for (Writer& writer : session->writers) {
      for (auto& sequence : writer.sequences) sequence.reset();
    }
    for (PromptState& prompt : session->prompts) prompt.sequence.reset();
    for (const auto& batch : session->scores) {
      for (ScoreItem& item : batch->items) item.sequence.reset();
    }
    session->error = error;
  }
  runner_->clear();
}

TUTTI_INLINE bool EngineState::stop_requested(const SessionState& state) const {
  return state.request.stop.stop_requested() ||
         (state.request.deadline && std::chrono::steady_clock::now() >= *state.request.deadline);
}

}  // namespace tutti::detail::inline TUTTI_ABI
