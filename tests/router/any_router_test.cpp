// SPDX-License-Identifier: Apache-2.0
#include "tutti/router/any_router.hpp"

#include "tests/router/support.hpp"
#include "tests/support/catch.hpp"
#include "tutti/router/fixed_subset.hpp"
#include "tutti/router/round_robin.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Any router holds any router, with its state", "[any_router]") {
  AnyRouter router;
  CHECK(router.route(query(2, 3)) == Route{3, 3});
  router = FixedSubset({1});
  CHECK(router.route(query(2, 3)) == Route{0, 3});
  router = RoundRobin();
  CHECK(router.route(query(2, 3)) == Route{3, 0});
  CHECK(router.route(query(2, 3)) == Route{0, 3});
}
