// SPDX-License-Identifier: Apache-2.0
#include "tutti/selector/canonical_answer.hpp"

#include <optional>
#include <string>

#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Trimmed text strips white space and abstains for blank texts", "[canonical_answer]") {
  const auto answer = [](const std::string& text) {
    Candidate candidate;
    candidate.text = text;
    return TrimmedText{}(candidate);
  };
  CHECK(answer(" 12 3\n") == "12 3");
  CHECK(answer("\xE3\x80\x80x\xC2\x85") == "x");
  CHECK(answer("") == std::nullopt);
  CHECK(answer("\t\xE2\x80\xA8") == std::nullopt);
  CHECK(answer("\xE2\x80\x8B") == "\xE2\x80\x8B");  // a zero-width space is not white space
}
