// SPDX-License-Identifier: Apache-2.0
#pragma once
// Coroutines of the engine. A method is a coroutine that returns a Task; what it awaits is computed
// in the same batches as what all other methods await.

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"

// Around coroutines. g++ warns of code that it makes itself: frames of templates may hold the type
// of a lambda, which has no linkage, and they are compared with a null pointer written as 0.
#if defined(__GNUC__) && !defined(__clang__)
#define TUTTI_COROUTINES_BEGIN                                                             \
  _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wsubobject-linkage\"") \
      _Pragma("GCC diagnostic ignored \"-Wzero-as-null-pointer-constant\"")
#define TUTTI_COROUTINES_END _Pragma("GCC diagnostic pop")
#else
#define TUTTI_COROUTINES_BEGIN
#define TUTTI_COROUTINES_END
#endif

namespace tutti {

/// The result of a coroutine. It runs when it is awaited, or from `start` until it first waits. An
/// exception that leaves the coroutine reaches whoever awaits it.
///
/// g++ 12 destroys some temporaries in a full expression with co_await twice: give arguments of
/// class type that own memory a name.
template <class T>
class [[nodiscard]] Task {
 public:
  struct promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  struct promise_type {
    std::optional<T> value;
    std::exception_ptr error;
    std::coroutine_handle<> waiter;

    Task get_return_object() { return Task(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Continue {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(Handle done) noexcept {
          return done.promise().waiter ? done.promise().waiter : std::noop_coroutine();
        }
        void await_resume() noexcept {}
      };
      return Continue{};
    }
    template <class U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
    void unhandled_exception() { error = std::current_exception(); }
  };

  Task() = default;
  Task(Task&& other) noexcept
      : handle_(std::exchange(other.handle_, {})), started_(std::exchange(other.started_, false)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(started_, other.started_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  /// Runs the coroutine until it waits for something or ends. No effect if it has been started.
  void start() {
    if (std::exchange(started_, true)) return;
    handle_.resume();
  }
  [[nodiscard]] bool done() const { return handle_ && handle_.done(); }

  /// The value. Precondition: done(). @throws what left the coroutine.
  [[nodiscard]] T take() {
    if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
    return std::move(*handle_.promise().value);
  }

  [[nodiscard]] bool await_ready() const { return done(); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
    handle_.promise().waiter = waiter;
    if (std::exchange(started_, true)) return std::noop_coroutine();
    return handle_;
  }
  T await_resume() { return take(); }

 private:
  explicit Task(Handle handle) : handle_(handle) {}

  Handle handle_;
  bool started_ = false;
};

TUTTI_COROUTINES_BEGIN

/// Runs tasks side by side; the values are in the order of the tasks.
/// @throws the exception of the first task in that order that has one, after all have ended.
template <class T>
Task<std::vector<T>> when_all(std::vector<Task<T>> tasks) {
  for (Task<T>& task : tasks) task.start();
  std::vector<T> values;
  std::exception_ptr error;
  for (Task<T>& task : tasks) {
    try {
      values.push_back(co_await task);
    } catch (...) {
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
  co_return values;
}

TUTTI_COROUTINES_END

}  // namespace tutti
