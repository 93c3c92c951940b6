// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/threads/waitable_word.hpp"

#include <thread>

#include "tests/support/catch.hpp"

using namespace tutti;

TEST_CASE("a thread that waits on a word wakes at every change, thousands of times in a row") {
  constexpr std::uint32_t kRounds = 20'000;
  WaitableWord ping, pong;
  std::thread other([&] {
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      ping.wait(round);
      pong.fetch_add(1);
      pong.notify_all();
    }
  });
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    ping.fetch_add(1);
    ping.notify_all();
    pong.wait(round);
  }
  other.join();
  CHECK(ping.load() == kRounds);
  CHECK(pong.load() == kRounds);
}

TEST_CASE("waiting for a value that a word no longer has returns at once") {
  WaitableWord word;
  word.store(3);
  word.wait(2);
  CHECK(word.load() == 3);
  CHECK(word.fetch_sub(1) == 3);
  CHECK(word.load() == 2);
}
