// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/thread_pool.hpp"

#include <atomic>
#include <chrono>
#include <numeric>
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

TEST_CASE("every thread runs the body once, with the caller as thread 0") {
  for (const std::size_t threads : {1U, 2U, 3U, 8U}) {
    ThreadPool pool(threads);
    REQUIRE(pool.size() == threads);
    std::vector<int> calls(threads, 0);
    std::vector<std::thread::id> ids(threads);
    pool.run([&](std::size_t index, std::size_t count) {
      ++calls[index];
      ids[index] = std::this_thread::get_id();
      if (count != threads) throw std::logic_error("wrong count");
    });
    CHECK(calls == std::vector<int>(threads, 1));
    CHECK(ids[0] == std::this_thread::get_id());
    for (std::size_t i = 1; i < threads; ++i) CHECK(ids[i] != ids[0]);
  }
}

TEST_CASE("a region sees what the region before it wrote") {
  ThreadPool pool(4);
  std::vector<long> values(4, 1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<long> next(4);
    pool.run([&](std::size_t index, std::size_t) {
      next[index] = std::accumulate(values.begin(), values.end(), 0L) % 1000 + 1;
    });
    values = next;
  }
  CHECK(values[0] == values[3]);
}

TEST_CASE("threads that fell asleep wake up for the next region") {
  ThreadPool pool(3);
  std::atomic<int> calls{0};
  for (int round = 0; round < 5; ++round) {
    pool.run([&](std::size_t, std::size_t) { ++calls; });
    yield_for_10_milliseconds();  // longer than the workers spin on a quiet machine
  }
  CHECK(calls == 15);
}

TEST_CASE("the caller waits for a thread that takes long") {
  ThreadPool pool(2);
  bool done = false;
  pool.run([&](std::size_t index, std::size_t) {
    if (index == 0) return;
    yield_for_10_milliseconds();
    done = true;
  });
  CHECK(done);
}

TEST_CASE("for_each visits every index once") {
  for (const std::size_t threads : {1U, 2U, 5U}) {
    ThreadPool pool(threads);
    for (const std::size_t count : {0U, 1U, 2U, 3U, 1000U}) {
      std::vector<int> visits(count, 0);
      pool.for_each(count, [&](std::size_t i) { ++visits[i]; });
      CHECK(visits == std::vector<int>(count, 1));
    }
  }
}

TEST_CASE("an exception of any thread reaches the caller and leaves the pool usable") {
  for (const std::size_t threads : {1U, 2U, 4U}) {
    ThreadPool pool(threads);
    for (std::size_t thrower = 0; thrower < threads; ++thrower) {
      const auto body = [&](std::size_t index, std::size_t) {
        if (index == thrower) throw std::runtime_error("from a thread");
      };
      CHECK_THROWS_WITH(pool.run(body), "from a thread");
    }
    CHECK_THROWS_AS(pool.run([](std::size_t, std::size_t) { throw std::bad_alloc(); }),
                    std::bad_alloc);
    std::atomic<std::size_t> calls{0};
    pool.run([&](std::size_t, std::size_t) { ++calls; });
    CHECK(calls == threads);
  }
}

TEST_CASE("a pool of default size has at least one thread, and absurd sizes are refused") {
  CHECK(ThreadPool().size() >= 1);
  CHECK_THROWS_WITH(ThreadPool(5000),
                    tutti::test::contains("5000") && tutti::test::contains("1024"));
}
