// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of engine_state.hpp: the interface of the engine, and a step. The parts of a step are in
// the files beside this one.

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
#include "tutti/engine/detail/computing-inl.hpp"
#include "tutti/engine/detail/device_loop-inl.hpp"
#include "tutti/engine/detail/engine_state.hpp"
#include "tutti/engine/detail/planning-inl.hpp"
#include "tutti/engine/detail/prompts-inl.hpp"
#include "tutti/engine/detail/session-inl.hpp"
#include "tutti/engine/detail/sessions-inl.hpp"
#include "tutti/engine/detail/writing-inl.hpp"
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
      const std::lock_guard<std::mutex> lock(inbox_mutex_);
      if (thread_.joinable()) return false;
    }
    step();
    return true;
  });
  Future<Result> future = session->promise->future();
  {
    const std::lock_guard<std::mutex> lock(inbox_mutex_);
    require<QueueFullError>(inbox_.size() < options_.max_waiting,
                            "the queue of the engine is full: ", inbox_.size(),
                            " requests wait, and max_waiting is ", options_.max_waiting,
                            "; submit later or raise the limit");
    session->number = submitted_++;
    inbox_.push_back(std::move(session));
  }
  {
    const std::lock_guard<std::mutex> lock(stats_mutex_);
    ++stats_.submitted;
    ++stats_.waiting;
  }
  inbox_changed_.notify_all();
  return future;
}

TUTTI_INLINE void EngineState::start() {
  const std::lock_guard<std::mutex> lock(inbox_mutex_);
  require<OptionError>(!thread_.joinable(), "the engine has been started: stop it first");
  stopping_ = false;
  thread_ = std::thread([this] {
    while (true) {
      bool busy = step();
      std::unique_lock<std::mutex> wait(inbox_mutex_);
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
    const std::lock_guard<std::mutex> lock(inbox_mutex_);
    stopping_ = true;
    thread.swap(thread_);
  }
  inbox_changed_.notify_all();
  if (thread.joinable()) thread.join();
}

TUTTI_INLINE EngineStats EngineState::stats() const {
  const std::lock_guard<std::mutex> lock(stats_mutex_);
  return stats_;
}

TUTTI_INLINE void EngineState::release_memory() {
  refuse_reentry();
  const std::lock_guard<std::mutex> lock(step_mutex_);
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

TUTTI_INLINE bool EngineState::step() {
  refuse_reentry();
  const std::lock_guard<std::mutex> lock(step_mutex_);
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
    const std::lock_guard<std::mutex> inbox(inbox_mutex_);
    waiting = inbox_.size();
  }
  const std::lock_guard<std::mutex> stats(stats_mutex_);
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
