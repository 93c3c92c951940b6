// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of engine_state.hpp: requests come and go. What a step computes is in step-inl.hpp.

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/engine/detail/check_request.hpp"
#include "tutti/engine/detail/engine_state.hpp"
#include "tutti/engine/detail/session-inl.hpp"
#include "tutti/engine/detail/step-inl.hpp"
#include "tutti/engine/engine.hpp"

namespace tutti::inline TUTTI_ABI {

TUTTI_INLINE std::size_t Engine::max_waiting() const { return state_->options().max_waiting; }

}  // namespace tutti::inline TUTTI_ABI

namespace tutti::detail::inline TUTTI_ABI {

TUTTI_INLINE EngineState::EngineState(std::unique_ptr<ModelRunner> runner, TextCodec codec,
                                      EngineOptions options)
    : runner_(std::move(runner)), codec_(std::move(codec)), options_(options) {
  constexpr std::size_t kMaxExperts = 65535;  // the key of a draw has 16 bits for the expert
  require<OptionError>(runner_->size() <= kMaxExperts, "an ensemble of ", runner_->size(),
                       " experts: at most ", kMaxExperts);
  require<OptionError>(
      codec_.expert_end_tokens.empty() || codec_.expert_end_tokens.size() == runner_->size(),
      "the codec has end tokens for ", codec_.expert_end_tokens.size(), " experts, the ensemble ",
      runner_->size(), " experts: give one list per expert, or none");
  require<OptionError>(options_.rows_per_step >= 1,
                       "rows_per_step is 0: it must be at least 1, for instance 256");
  require<OptionError>(options_.max_running >= 1 && options_.max_waiting >= 1, "max_running is ",
                       options_.max_running, " and max_waiting ", options_.max_waiting,
                       ": both must be at least 1");
  if (runner_->pages() != nullptr) stats_.pages_limit = runner_->pages()->page_limit();
}

TUTTI_INLINE EngineState::~EngineState() {
  end_thread();
  const std::exception_ptr error = std::make_exception_ptr(CanceledError(
      "the engine was destroyed before this request was answered: keep it until its futures are "
      "ready"));
  for (const auto& session : sessions_) {
    if (session->promise) session->promise->set_error(error);
  }
  for (const auto& session : inbox_) session->promise->set_error(error);
}

TUTTI_INLINE Future<Result> EngineState::submit(Request request, Method method,
                                                std::size_t answer) {
  require<OptionError>(static_cast<bool>(method),
                       "the method is an empty std::function: give one, such as Generate");
  std::vector<Token> prompt = prepare(request, answer);
  auto session = std::make_unique<SessionState>(*this, std::move(request), std::move(prompt),
                                                std::move(method), runner_->size());
  session->promise.emplace([this] {
    refuse_reentry();
    {
      const std::lock_guard lock(inbox_mutex_);
      if (thread_.joinable()) return false;
    }
    step();
    return true;
  });
  Future<Result> future = session->promise->future();
  {
    const std::lock_guard lock(inbox_mutex_);
    require<QueueFullError>(inbox_.size() < options_.max_waiting,
                            "the queue of the engine is full: ", inbox_.size(),
                            " requests wait, and max_waiting is ", options_.max_waiting,
                            "; submit later or raise the limit");
    session->number = submitted_++;
    inbox_.push_back(std::move(session));
  }
  {
    const std::lock_guard lock(stats_mutex_);
    ++stats_.submitted;
    ++stats_.waiting;
  }
  inbox_changed_.notify_all();
  return future;
}

TUTTI_INLINE void EngineState::start() {
  const std::lock_guard lock(inbox_mutex_);
  require<OptionError>(!thread_.joinable(), "the engine has been started: stop it first");
  stopping_ = false;
  thread_ = std::thread([this] {
    while (true) {
      bool busy = step();
      std::unique_lock wait(inbox_mutex_);
      if (!busy) inbox_changed_.wait(wait, [&] { return stopping_ || !inbox_.empty(); });
      if (stopping_) return;
    }
  });
}

TUTTI_INLINE void EngineState::refuse_reentry() const {
  require<OptionError>(
      stepping_.load() != std::this_thread::get_id(),
      "the engine was used from a callback, scorer, filter or method of one of its own requests: "
      "submit to it there, or await the session's operations");
}

TUTTI_INLINE void EngineState::stop() {
  refuse_reentry();
  end_thread();
}

TUTTI_INLINE void EngineState::end_thread() {
  std::thread thread;
  {
    const std::lock_guard lock(inbox_mutex_);
    stopping_ = true;
    thread.swap(thread_);
  }
  inbox_changed_.notify_all();
  if (thread.joinable()) thread.join();
}

TUTTI_INLINE EngineStats EngineState::stats() const {
  const std::lock_guard lock(stats_mutex_);
  return stats_;
}

TUTTI_INLINE void EngineState::release_memory() {
  refuse_reentry();
  const std::lock_guard lock(step_mutex_);
  runner_->release_memory();
}

TUTTI_INLINE std::vector<Token> EngineState::prepare(const Request& request,
                                                     std::size_t answer) const {
  check_request(request, codec_, runner_->vocabulary_size());
  std::vector<Token> prompt = encode_prompt(request, codec_);
  for (const Token token : prompt) {
    require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < runner_->vocabulary_size(),
                         "prompt token ", token, " is outside the vocabulary of ",
                         runner_->vocabulary_size(),
                         ": encode the prompt with the model's own tokenizer");
  }
  require<CapacityError>(prompt.size() + answer <= runner_->context_length(), "the prompt has ",
                         prompt.size(), " tokens, the context holds ", runner_->context_length(),
                         " and must keep ", answer, " for the answer: shorten the prompt");
  if (const KvPageTable* const pages = runner_->pages()) {
    const std::size_t needed = (prompt.size() + answer + kPagePositions - 1) / kPagePositions;
    require<CapacityError>(needed <= pages->page_limit(), "the prompt of ", prompt.size(),
                           " tokens needs ", needed, " pages of the KV cache, which has ",
                           pages->page_limit(),
                           ": shorten it or raise StackOptions::max_cache_bytes");
  }
  return prompt;
}

TUTTI_INLINE void EngineState::admit() {
  std::vector<std::unique_ptr<SessionState>> arrived;
  {
    const std::lock_guard lock(inbox_mutex_);
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
      state.task = state.method(state.session);
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
      const std::lock_guard lock(stats_mutex_);
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

TUTTI_INLINE void EngineState::end_at_limits() {
  for (const auto& session : sessions_) {
    SessionState& state = *session;
    for (std::size_t g = 0; g < state.groups.size();) {
      WriteGroup& group = *state.groups[g];
      if (end_at_limit(state, group)) {
        if (on_device_ == &group) leave_device();
        finish(*group.operation);
        state.groups.erase(state.groups.begin() + static_cast<std::ptrdiff_t>(g));
      } else {
        ++g;
      }
    }
    if (!stop_requested(state) || (state.scores.empty() && state.prompt_waits.empty())) continue;
    const auto error = std::make_exception_ptr(
        CanceledError("a stop was requested, or the deadline passed, while texts were scored"));
    for (const auto& batch : state.scores) {
      for (ScoreItem& item : batch->items) {
        if (item.sequence) runner_->release(*item.sequence);
      }
      batch->operation->error = error;
      finish(*batch->operation);
    }
    state.scores.clear();
    for (const PromptWait& wait : state.prompt_waits) {
      wait.operation->error = error;
      finish(*wait.operation);
    }
    state.prompt_waits.clear();
  }
}

/// Ends the candidates of a group if one more token of each would exceed a limit.
TUTTI_INLINE bool EngineState::end_at_limit(SessionState& state, WriteGroup& group) {
  if (group.active.empty()) return true;
  const Budget& budget = state.request.budget;
  FinishReason reason = FinishReason::running;
  const auto now = std::chrono::steady_clock::now();
  if (state.request.stop.stop_requested()) {
    reason = FinishReason::canceled;
  } else if (budget.max_total_tokens > 0 &&
             state.drawn_tokens + group.active.size() > budget.max_total_tokens) {
    reason = FinishReason::budget;
  } else if ((budget.max_seconds > 0 &&
              std::chrono::duration<double>(now - state.start).count() >= budget.max_seconds) ||
             (state.request.deadline && now >= *state.request.deadline)) {
    reason = FinishReason::budget;
  }
  if (reason == FinishReason::running) return false;
  try {
    for (const std::size_t candidate : group.active) {
      state.writers[candidate].text.finish(reason);
      end_stage(state, group, candidate);
    }
  } catch (...) {
    state.error = std::current_exception();
  }
  return true;
}

TUTTI_INLINE bool EngineState::step() {
  refuse_reentry();
  const std::lock_guard lock(step_mutex_);
  struct Stepping {
    std::atomic<std::thread::id>& id;
    ~Stepping() { id.store({}); }
  } const stepping{stepping_};
  stepping_.store(std::this_thread::get_id());
  const auto start = std::chrono::steady_clock::now();
  admit();
  end_sessions();
  end_at_limits();
  end_sessions();
  try {
    if (!decode_on_device()) {
      Plan plan;
      plan_decoding(plan);
      plan_prefill(plan);
      if (plan.blocks.empty()) plan_first(plan);
      compute(plan);
    }
  } catch (...) {
    fail_all(std::current_exception());
  }
  end_sessions();
  const bool busy = !sessions_.empty();
  std::size_t waiting = 0;
  {
    const std::lock_guard inbox(inbox_mutex_);
    waiting = inbox_.size();
  }
  const std::lock_guard stats(stats_mutex_);
  stats_.running = sessions_.size();
  stats_.waiting = waiting;
  if (const KvPageTable* const pages = runner_->pages()) {
    stats_.pages_in_use = pages->pages_in_use();
    stats_.pages_idle = pages->idle_pages();
  }
  stats_.step_seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return busy || waiting > 0;
}

}  // namespace tutti::detail::inline TUTTI_ABI
