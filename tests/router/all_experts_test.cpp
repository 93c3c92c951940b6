// SPDX-License-Identifier: Apache-2.0
#include "tutti/router/all_experts.hpp"

#include "tests/router/support.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("All experts write the same number of samples", "[all_experts]") {
  CHECK(AllExperts{}.route(query(3, 2)) == Route{2, 2, 2});
}
