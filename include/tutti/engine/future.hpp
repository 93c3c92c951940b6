// SPDX-License-Identifier: Apache-2.0
#pragma once
// The result of a submitted request, which may come later and from another thread.

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "tutti/base/error.hpp"

namespace tutti {

template <class T>
class Promise;

/// Movable; `get` may be called once, by any thread.
template <class T>
class Future {
 public:
  Future() = default;

  /// Whether `get` returns at once.
  [[nodiscard]] bool ready() const {
    const std::lock_guard<std::mutex> lock(state().mutex);
    return state().is_set();
  }

  /// Waits for the result. An engine that has not been started is stepped by this thread
  /// meanwhile.
  /// @throws what ended the request; OptionError for a future without a result.
  [[nodiscard]] T get() {
    State& shared = state();
    // Whether another thread steps is asked again now and then: the engine may have been stopped.
    constexpr std::chrono::milliseconds kPatience(50);
    std::unique_lock<std::mutex> lock(shared.mutex);
    while (!shared.is_set()) {
      lock.unlock();
      const bool advanced = shared.advance && shared.advance();
      lock.lock();
      if (!advanced) shared.changed.wait_for(lock, kPatience, [&] { return shared.is_set(); });
    }
    if (shared.error) std::rethrow_exception(shared.error);
    T value = std::move(*shared.value);
    lock.unlock();
    state_.reset();
    return value;
  }

 private:
  friend class Promise<T>;

  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<T> value;
    std::exception_ptr error;
    /// Makes progress in the waiting thread; false when another thread does that.
    std::function<bool()> advance;

    [[nodiscard]] bool is_set() const { return value || error; }
  };

  explicit Future(std::shared_ptr<State> state) : state_(std::move(state)) {}

  [[nodiscard]] State& state() const {
    require<OptionError>(state_ != nullptr,
                         "the future has 0 results: it was moved from, or its result was taken");
    return *state_;
  }

  std::shared_ptr<State> state_;
};

/// The other end of a Future.
template <class T>
class Promise {
 public:
  /// @param advance called by a waiting thread as long as it returns true.
  explicit Promise(const std::function<bool()>& advance = {})
      : state_(std::make_shared<typename Future<T>::State>()) {
    state_->advance = advance;
  }

  [[nodiscard]] Future<T> future() const { return Future<T>(state_); }
  void set_value(T value) {
    set([&] { state_->value.emplace(std::move(value)); });
  }
  void set_error(const std::exception_ptr& error) {
    set([&] { state_->error = error; });
  }

 private:
  template <class Assign>
  void set(Assign assign) {
    {
      const std::lock_guard<std::mutex> lock(state_->mutex);
      assign();
    }
    state_->changed.notify_all();
  }

  std::shared_ptr<typename Future<T>::State> state_;
};

}  // namespace tutti
