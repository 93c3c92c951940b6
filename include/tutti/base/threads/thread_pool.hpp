// SPDX-License-Identifier: Apache-2.0
#pragma once
// A thread pool for many short parallel regions: a decode step has about five per layer. Between
// regions the threads spin for some microseconds before they sleep, because waking a sleeping
// thread takes longer than a small matrix product.
//
// A region never waits for a thread that is not running. Threads take work items from each other,
// and the caller only waits for items that have begun: on a busy machine, a pool whose other
// threads get no processor is about as fast as one thread.

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
#include "tutti/base/threads/processors.hpp"
#include "tutti/base/threads/waitable_word.hpp"

namespace tutti {

/// Runs the items of one region at a time on all its threads. The calling thread takes part, so a
/// pool of one thread starts none. Not reentrant, and not to be shared by concurrent callers.
class ThreadPool {
 public:
  /// @param threads number of threads including the caller; 0 means available_processors(), up to
  /// kMaxThreads.
  /// @throws OptionError above kMaxThreads.
  explicit ThreadPool(std::size_t threads = 0) {
    if (threads == 0) threads = std::min(available_processors(), kMaxThreads);
    require<OptionError>(threads <= kMaxThreads, threads, " threads asked for, at most ",
                         kMaxThreads, " are possible");
    ranges_ = std::make_unique<Range[]>(threads);
    range_count_ = threads;
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

  /// Calls `body(i)` once for every i < count, on any thread, and returns when all have returned.
  /// Each thread begins with a contiguous share of the items, in ascending order, and then takes
  /// items of other threads. Writes of one region are visible to the next. The first exception of
  /// any thread is rethrown here after all threads have stopped; items may then be left undone.
  template <class Body>
  void for_each(std::size_t count, Body&& body) {
    if (workers_.empty() || count < 2) {
      for (std::size_t i = 0; i < count; ++i) body(i);
      return;
    }
    using Function = std::remove_reference_t<Body>;
    context_ = const_cast<void*>(static_cast<const void*>(std::addressof(body)));
    call_ = [](void* context, std::size_t item) { (*static_cast<Function*>(context))(item); };
    open_region(count);
    take_items(0);
    close_region();
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  // About 30 microseconds of spinning before sleeping. The thread yields now and then; otherwise a
  // pool with more threads than free processors would wait for threads that cannot run.
  static constexpr int kSpins = 1000;
  static constexpr int kSpinsPerYield = 50;
  /// Bit of `joined_` while a region has no more items: no thread may join it.
  static constexpr std::uint32_t kClosed = std::uint32_t{1} << 31;

  /// The items that one thread begins with; others take from it when theirs are done.
  struct alignas(64) Range {
    std::atomic<std::size_t> next{0};
    std::size_t end = 0;
  };

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
    for (int spin = 1; spin <= kSpins; ++spin) {
      if (word.load(std::memory_order_acquire) != old) return;
      pause();
      if (spin % kSpinsPerYield == 0) std::this_thread::yield();
    }
    sleepers.fetch_add(1);
    word.wait(old);
    sleepers.fetch_sub(1);
  }

  void open_region(std::size_t count) {
    for (std::size_t i = 0; i < range_count_; ++i) {
      ranges_[i].end = count * (i + 1) / range_count_;
      ranges_[i].next.store(count * i / range_count_, std::memory_order_relaxed);
    }
    joined_.store(0, std::memory_order_release);
    region_.fetch_add(1);
    // Sequentially consistent with await_change: either we see the sleeper, or it sees the new
    // region before it sleeps.
    if (sleeping_workers_.load() > 0) region_.notify_all();
  }

  /// Waits for the threads that have joined. Those that have not cannot any more.
  void close_region() {
    for (std::uint32_t joined = joined_.fetch_or(kClosed) | kClosed; joined != kClosed;
         joined = joined_.load(std::memory_order_acquire)) {
      await_change(joined_, joined, sleeping_callers_);
    }
  }

  /// Whether this thread now takes part in the open region.
  bool join_region() {
    std::uint32_t joined = joined_.load(std::memory_order_acquire);
    while ((joined & kClosed) == 0) {
      if (joined_.compare_exchange(joined, joined + 1)) return true;
    }
    return false;
  }

  void leave_region() {
    joined_.fetch_sub(1);
    if (sleeping_callers_.load() > 0) joined_.notify_all();
  }

  void work(std::size_t index) {
    for (std::uint32_t seen = 0;;) {
      await_change(region_, seen, sleeping_workers_);
      seen = region_.load(std::memory_order_acquire);
      if (stopping_.load(std::memory_order_acquire)) return;
      if (!join_region()) continue;
      take_items(index);
      leave_region();
    }
  }

  /// Runs items: first those of the thread's own range, then those of the others.
  void take_items(std::size_t index) noexcept {
    try {
      for (std::size_t i = 0; i < range_count_; ++i) {
        Range& range = ranges_[(index + i) % range_count_];
        while (range.next.load(std::memory_order_relaxed) < range.end) {
          const std::size_t item = range.next.fetch_add(1, std::memory_order_relaxed);
          if (item < range.end) call_(context_, item);
        }
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  void stop() noexcept {
    stopping_.store(true, std::memory_order_release);
    region_.fetch_add(1);
    region_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void (*call_)(void*, std::size_t) = nullptr;
  void* context_ = nullptr;
  std::unique_ptr<Range[]> ranges_;
  std::size_t range_count_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex error_mutex_;
  std::exception_ptr error_;
  // On separate cache lines: workers write one while other threads poll the others.
  alignas(64) WaitableWord region_{0};
  /// Threads other than the caller that are in the region, and kClosed.
  alignas(64) WaitableWord joined_{kClosed};
  alignas(64) std::atomic<std::uint32_t> sleeping_workers_{0};
  std::atomic<std::uint32_t> sleeping_callers_{0};
  std::vector<std::thread> workers_;
};

}  // namespace tutti
