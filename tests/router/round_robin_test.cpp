// SPDX-License-Identifier: Apache-2.0
#include "tutti/router/round_robin.hpp"

#include "tests/router/support.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Round robin sends each request to the next experts", "[round_robin]") {
  RoundRobin router(2);
  CHECK(router.route(query(3, 5)) == Route{5, 5, 0});
  CHECK(router.route(query(3, 5)) == Route{5, 0, 5});
  CHECK(router.route(query(3, 5)) == Route{0, 5, 5});
  CHECK(router.route(query(3, 5)) == Route{5, 5, 0});
  CHECK(RoundRobin().route(query(3, 5)) == Route{5, 0, 0});
}

TEST_CASE("Round robin refuses 0 experts and more than the ensemble has", "[round_robin]") {
  CHECK_THROWS_WITH(RoundRobin(2).route(query(1, 5)),
                    contains("2 experts per request of an ensemble of 1"));
  CHECK_THROWS_AS(RoundRobin(0), OptionError);
}
