// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/threads/stop_token.hpp"

#include <thread>

#include "tests/support/catch.hpp"

using namespace tutti;

TEST_CASE("a stop token sees the request of its source, from another thread too") {
  StopSource source;
  const StopToken token = source.get_token();
  CHECK(token.stop_possible());
  CHECK_FALSE(token.stop_requested());
  std::thread([&] { CHECK(source.request_stop()); }).join();
  CHECK(token.stop_requested());
  CHECK(source.get_token().stop_requested());
  CHECK_FALSE(source.request_stop());  // only the first request returns true
}

TEST_CASE("a stop token without a source can never be asked to stop") {
  CHECK_FALSE(StopToken().stop_possible());
  CHECK_FALSE(StopToken().stop_requested());
  CHECK(StopToken() == StopToken());
}

TEST_CASE("copies of a stop source share one state and other sources have their own") {
  StopSource source;
  StopSource copy = source;
  const StopSource other;
  CHECK(source.get_token() == copy.get_token());
  CHECK_FALSE(source.get_token() == other.get_token());
  copy.request_stop();
  CHECK(source.stop_requested());
  CHECK_FALSE(other.stop_requested());
}
