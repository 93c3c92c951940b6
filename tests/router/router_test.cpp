// SPDX-License-Identifier: Apache-2.0
#include "tutti/router/router.hpp"

#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Routes that an ensemble cannot follow are refused with both numbers", "[router]") {
  CHECK(check_route({1, 0}, 2) == Route{1, 0});
  CHECK_THROWS_AS(check_route({1}, 2), ComponentError);
  CHECK_THROWS_WITH(check_route({1, 1, 1}, 2), contains("for 3 experts to an ensemble of 2"));
  CHECK_THROWS_WITH(check_route({0, 0}, 2), contains("0 of 2 experts"));
  CHECK_THROWS_WITH(check_route({70000}, 1), contains("70000 samples"));
}
