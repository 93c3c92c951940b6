// SPDX-License-Identifier: Apache-2.0
#pragma once
// A thread pool for many short parallel regions: a decode step has about five per layer. Between
// regions the threads spin for some microseconds before they sleep, because waking a sleeping
// thread takes longer than a small matrix product.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/waitable_word.hpp"

namespace tutti {

/// Runs one function on all its threads at once. The calling thread is thread 0 and takes part, so
/// a pool of one thread starts none. One region at a time: not reentrant, and not to be shared by
/// concurrent callers.
class ThreadPool {
 public:
  /// @param threads number of threads, the caller included; 0 takes as many as the machine has, up
  /// to kMaxThreads.
  /// @throws OptionError above kMaxThreads.
  explicit ThreadPool(std::size_t threads = 0) {
    if (threads == 0)
      threads = std::min<std::size_t>(std::thread::hardware_concurrency(), kMaxThreads);
    require<OptionError>(threads <= kMaxThreads, threads, " threads asked for, at most ",
                         kMaxThreads, " are possible");
    try {
      for (std::size_t index = 1; index < threads; ++index)
        workers_.emplace_back([this, index] { work(index); });
    } catch (...) {
      stop();
      throw;
    }
  }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() { stop(); }

  static constexpr std::size_t kMaxThreads = 1024;

  /// Number of threads, including the caller; at least 1.
  [[nodiscard]] std::size_t size() const { return workers_.size() + 1; }

  /// Calls `body(thread_index, thread_count)` once on every thread and returns when all are done.
  /// Writes of one region are visible to the next. The first exception of any thread is rethrown
  /// here after all threads have finished.
  template <class Body>
  void run(Body&& body) {
    if (workers_.empty()) {
      body(std::size_t{0}, std::size_t{1});
      return;
    }
    using Function = std::remove_reference_t<Body>;
    context_ = const_cast<void*>(static_cast<const void*>(std::addressof(body)));
    call_ = [](void* context, std::size_t index, std::size_t count) {
      (*static_cast<Function*>(context))(index, count);
    };
    open_region();
    call(0);
    wait_for_workers();
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

  /// Calls `body(i)` for every i < count, on any thread and in any order; for work items of uneven
  /// size.
  template <class Body>
  void for_each(std::size_t count, Body&& body) {
    if (workers_.empty() || count < 2) {
      for (std::size_t i = 0; i < count; ++i) body(i);
      return;
    }
    std::atomic<std::size_t> next{0};
    run([&](std::size_t, std::size_t) {
      for (std::size_t i = next.fetch_add(1, std::memory_order_relaxed); i < count;
           i = next.fetch_add(1, std::memory_order_relaxed))
        body(i);
    });
  }

 private:
  // About 30 microseconds of spinning before sleeping. The thread yields now and then; otherwise a
  // pool with more threads than free processors would wait for threads that cannot run.
  static constexpr int kSpins = 1000;
  static constexpr int kSpinsPerYield = 50;

  static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  /// Waits until `word` differs from `old`: spins for a while, then sleeps. `sleepers` tells the
  /// other side to wake this thread.
  static void await_change(const WaitableWord& word, std::uint32_t old,
                           std::atomic<std::uint32_t>& sleepers) {
    for (int look = 1; look <= kSpins; ++look) {
      if (word.load(std::memory_order_acquire) != old) return;
      pause();
      if (look % kSpinsPerYield == 0) std::this_thread::yield();
    }
    sleepers.fetch_add(1);
    word.wait(old);
    sleepers.fetch_sub(1);
  }

  void open_region() {
    busy_workers_.store(static_cast<std::uint32_t>(workers_.size()), std::memory_order_relaxed);
    region_.fetch_add(1);
    // Sequentially consistent with await_change: either we see the sleeper, or it sees the new
    // region before it sleeps.
    if (sleeping_workers_.load() > 0) region_.notify_all();
  }

  void wait_for_workers() {
    for (std::uint32_t busy = busy_workers_.load(std::memory_order_acquire); busy > 0;
         busy = busy_workers_.load(std::memory_order_acquire)) {
      await_change(busy_workers_, busy, sleeping_callers_);
    }
  }

  void work(std::size_t index) {
    for (std::uint32_t seen = 0;; ++seen) {
      await_change(region_, seen, sleeping_workers_);
      if (stopping_) return;
      call(index);
      busy_workers_.fetch_sub(1);
      if (sleeping_callers_.load() > 0) busy_workers_.notify_all();
    }
  }

  void call(std::size_t index) noexcept {
    try {
      call_(context_, index, size());
    } catch (...) {
      const std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  void stop() noexcept {
    stopping_ = true;
    region_.fetch_add(1);
    region_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void (*call_)(void*, std::size_t, std::size_t) = nullptr;
  void* context_ = nullptr;
  bool stopping_ = false;
  std::mutex error_mutex_;
  std::exception_ptr error_;
  // On separate cache lines: workers write one while other threads poll the others.
  alignas(64) WaitableWord region_;
  alignas(64) WaitableWord busy_workers_;
  alignas(64) std::atomic<std::uint32_t> sleeping_workers_{0};
  std::atomic<std::uint32_t> sleeping_callers_{0};
  std::vector<std::thread> workers_;
};

}  // namespace tutti
