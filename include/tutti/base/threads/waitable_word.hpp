// SPDX-License-Identifier: Apache-2.0
#pragma once
// An atomic number that threads can sleep on until it changes: std::atomic's wait and notify_all,
// or a condition variable where libstdc++ has no futex (Windows). There its std::atomic::wait
// checks the value outside of the mutex that it then sleeps on (g++ 12), so that it may miss a
// notification and sleep forever.

#include <atomic>
#include <cstdint>

#if defined(__GLIBCXX__) && !defined(_GLIBCXX_HAVE_PLATFORM_WAIT)
#define TUTTI_WAIT_BY_CONDITION_VARIABLE
#include <condition_variable>
#include <mutex>
#endif

namespace tutti {

/// Sequentially consistent unless an order is given. After a change, call notify_all.
class WaitableWord {
 public:
  explicit WaitableWord(std::uint32_t value = 0) : value_(value) {}

  [[nodiscard]] std::uint32_t load(std::memory_order order = std::memory_order_seq_cst) const {
    return value_.load(order);
  }
  void store(std::uint32_t value, std::memory_order order = std::memory_order_seq_cst) {
    value_.store(value, order);
  }
  std::uint32_t fetch_add(std::uint32_t value) { return value_.fetch_add(value); }
  std::uint32_t fetch_sub(std::uint32_t value) { return value_.fetch_sub(value); }
  std::uint32_t fetch_or(std::uint32_t bits) { return value_.fetch_or(bits); }
  /// May fail although the number is `expected`, which then holds what it is.
  bool compare_exchange(std::uint32_t& expected, std::uint32_t value) {
    return value_.compare_exchange_weak(expected, value);
  }

#if defined(TUTTI_WAIT_BY_CONDITION_VARIABLE)
  /// Sleeps while the number is `old`.
  void wait(std::uint32_t old) const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return value_.load() != old; });
  }
  void notify_all() {
    // A thread in wait() has either not read the number yet or sleeps when the mutex is free.
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }
#else
  /// Sleeps while the number is `old`.
  void wait(std::uint32_t old) const { value_.wait(old); }
  void notify_all() { value_.notify_all(); }
#endif

 private:
  std::atomic<std::uint32_t> value_;
#if defined(TUTTI_WAIT_BY_CONDITION_VARIABLE)
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
#endif
};

}  // namespace tutti
