// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/threads/thread_pool.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <new>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/catch.hpp"

using tutti::ThreadPool;

namespace {

void yield_for_10_milliseconds() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

}  // namespace

TEST_CASE("for_each visits every index once") {
  for (const std::size_t threads : {1U, 2U, 5U}) {
    ThreadPool pool(threads);
    REQUIRE(pool.size() == threads);
    for (const std::size_t count : {0U, 1U, 2U, 3U, 1000U}) {
      std::vector<int> visits(count, 0);
      pool.for_each(count, [&](std::size_t i) { ++visits[i]; });
      CHECK(visits == std::vector<int>(count, 1));
    }
  }
}

TEST_CASE("each thread begins with its own share of the items, the caller with the first") {
  ThreadPool pool(3);
  const auto caller = std::this_thread::get_id();
  // The first items of the three shares wait for one another, so three threads must run them.
  std::atomic<int> started{0};
  std::vector<std::thread::id> threads(9);
  pool.for_each(9, [&](std::size_t i) {
    threads[i] = std::this_thread::get_id();
    if (i % 3 != 0) return;
    ++started;
    while (started < 3) std::this_thread::yield();
  });
  CHECK(threads[0] == caller);
  CHECK(std::set<std::thread::id>{threads[0], threads[3], threads[6]}.size() == 3);
}

TEST_CASE("a thread that does not get on holds up no item but its own") {
  ThreadPool pool(2);
  const auto caller = std::this_thread::get_id();
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> done_by_caller{0}, begun_by_worker{0};
    std::atomic<bool> worker_stuck{false};
    pool.for_each(16, [&](std::size_t i) {
      if (std::this_thread::get_id() != caller) {
        // Stuck in its first item until all others are done: with fixed shares this never ends.
        worker_stuck = true;
        while (done_by_caller + begun_by_worker < 15) std::this_thread::yield();
        ++begun_by_worker;
        return;
      }
      if (i == 0) {
        while (!worker_stuck) std::this_thread::yield();
      }
      ++done_by_caller;
    });
    CHECK(done_by_caller + begun_by_worker == 16);
    CHECK(done_by_caller >= 15);
  }
}

TEST_CASE("a region sees what the region before it wrote") {
  ThreadPool pool(4);
  std::vector<long> values(4, 1);
  for (int round = 0; round < 500; ++round) {
    std::vector<long> next(4);
    pool.for_each(4, [&](std::size_t i) {
      next[i] = std::accumulate(values.begin(), values.end(), 0L) % 1000 + 1;
    });
    values = next;
  }
  CHECK(values[0] == values[3]);
}

TEST_CASE("threads that fell asleep wake up for the next region") {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    // This ends only if all three threads run.
    std::atomic<int> started{0};
    pool.for_each(3, [&](std::size_t) {
      ++started;
      while (started < 3) std::this_thread::yield();
    });
    yield_for_10_milliseconds();  // longer than the workers spin
    CHECK(started == 3);
  }
}

TEST_CASE("the caller waits for an item that takes long on another thread") {
  ThreadPool pool(2);
  const auto caller = std::this_thread::get_id();
  std::atomic<bool> begun{false}, done{false};
  pool.for_each(2, [&](std::size_t) {
    if (std::this_thread::get_id() == caller) {
      while (!begun) std::this_thread::yield();
      return;
    }
    begun = true;
    yield_for_10_milliseconds();
    done = true;
  });
  CHECK(done);
}

TEST_CASE("an exception of any thread reaches the caller and leaves the pool usable") {
  for (const std::size_t threads : {1U, 2U, 4U}) {
    ThreadPool pool(threads);
    for (std::size_t thrower = 0; thrower < 2 * threads; ++thrower) {
      const auto body = [&](std::size_t i) {
        if (i == thrower) throw std::runtime_error("from a thread");
      };
      CHECK_THROWS_WITH(pool.for_each(2 * threads, body), "from a thread");
    }
    CHECK_THROWS_AS(pool.for_each(threads, [](std::size_t) { throw std::bad_alloc(); }),
                    std::bad_alloc);
    std::atomic<std::size_t> calls{0};
    pool.for_each(100, [&](std::size_t) { ++calls; });
    CHECK(calls == 100);
  }
}

TEST_CASE("absurd sizes of a pool are refused") {
  CHECK_THROWS_WITH(ThreadPool(5000),
                    tutti::test::contains("5000") && tutti::test::contains("1024"));
}
