// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/checked.hpp"

#include <limits>
#include <string>

#include "tests/support/catch.hpp"

namespace tutti {
namespace {

constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();

TEST_CASE("Sums and products that fit are exact, others are nothing") {
  CHECK(checked_add(2, 3) == 5U);
  CHECK(checked_add(kMax, 0) == kMax);
  CHECK_FALSE(checked_add(kMax, 1).has_value());
  CHECK(checked_multiply(6, 7) == 42U);
  CHECK(checked_multiply(0, kMax) == 0U);
  CHECK(checked_multiply(kMax, 1) == kMax);
  CHECK_FALSE(checked_multiply(kMax / 2 + 1, 2).has_value());
  CHECK_FALSE(checked_multiply(std::size_t{1} << 32, std::size_t{1} << 32).has_value());
}

TEST_CASE("Names in messages are short and printable") {
  CHECK(in_quotes("blk.0.attn_q") == "\"blk.0.attn_q\"");
  CHECK(in_quotes("a\x1B[31m\n") == "\"a\\x1b[31m\\x0a\"");
  CHECK(in_quotes(std::string(81, 'x')) == '"' + std::string(80, 'x') + "...\"");
}

}  // namespace
}  // namespace tutti
