// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/candidate.hpp"

#include <cmath>

#include "tests/support/catch.hpp"

using namespace tutti;

TEST_CASE("a new candidate is running, empty and not scored") {
  const Candidate candidate;
  CHECK(candidate.finish == FinishReason::running);
  CHECK(candidate.tokens.empty());
  CHECK(candidate.text.empty());
  CHECK(std::isnan(candidate.score));
}

TEST_CASE("every finish reason has its name") {
  CHECK(finish_reason_name(FinishReason::running) == "running");
  CHECK(finish_reason_name(FinishReason::end_of_text) == "end_of_text");
  CHECK(finish_reason_name(FinishReason::stop_token) == "stop_token");
  CHECK(finish_reason_name(FinishReason::stop_string) == "stop_string");
  CHECK(finish_reason_name(FinishReason::length) == "length");
  CHECK(finish_reason_name(FinishReason::context_full) == "context_full");
  CHECK(finish_reason_name(FinishReason::budget) == "budget");
  CHECK(finish_reason_name(FinishReason::canceled) == "canceled");
}

TEST_CASE("a finish reason out of range is named unknown") {
  CHECK(finish_reason_name(static_cast<FinishReason>(200)) == "unknown");
}
