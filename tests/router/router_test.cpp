// SPDX-License-Identifier: Apache-2.0
#include "tutti/router/router.hpp"
#include "tests/support/catch.hpp"
#include "tutti/router/all_experts.hpp"
#include "tutti/router/fixed_subset.hpp"
#include "tutti/router/round_robin.hpp"

using namespace tutti;
using tutti::test::contains;

namespace {

RouterQuery query(std::size_t experts, std::size_t samples) { return {{}, {}, experts, samples}; }

}  // namespace

TEST_CASE("All experts write the same number of samples", "[router]") {
  CHECK(AllExperts{}.route(query(3, 2)) == Route{2, 2, 2});
}

TEST_CASE("A fixed subset leaves the others out, or takes over their samples", "[router]") {
  CHECK(FixedSubset({2, 0}).route(query(4, 2)) == Route{2, 0, 2, 0});
  CHECK(FixedSubset({2, 0, 1}, LeftOutSamples::spread).route(query(4, 2)) == Route{3, 2, 3, 0});
}

TEST_CASE("Subsets that make no sense are refused", "[router]") {
  CHECK_THROWS_WITH(FixedSubset({}), contains("0 experts"));
  CHECK_THROWS_WITH(FixedSubset({1, 2, 1}), contains("expert 1 is named at places 0 and 2"));
  CHECK_THROWS_WITH(FixedSubset({4}).route(query(4, 1)), contains("expert 4 of an ensemble of 4"));
}

TEST_CASE("Round robin gives each request to the next experts", "[router]") {
  RoundRobin router(2);
  CHECK(router.route(query(3, 5)) == Route{5, 5, 0});
  CHECK(router.route(query(3, 5)) == Route{5, 0, 5});
  CHECK(router.route(query(3, 5)) == Route{0, 5, 5});
  CHECK(router.route(query(3, 5)) == Route{5, 5, 0});
  CHECK_THROWS_WITH(router.route(query(1, 5)), contains("2 experts a request of an ensemble of 1"));
  CHECK_THROWS_AS(RoundRobin(0), OptionError);
}

TEST_CASE("Routes that an ensemble cannot take are refused with both numbers", "[router]") {
  CHECK(check_route({1, 0}, 2) == Route{1, 0});
  CHECK_THROWS_AS(check_route({1}, 2), ComponentError);
  CHECK_THROWS_WITH(check_route({1, 1, 1}, 2), contains("for 3 experts to an ensemble of 2"));
  CHECK_THROWS_WITH(check_route({0, 0}, 2), contains("0 of 2 experts"));
  CHECK_THROWS_WITH(check_route({70000}, 1), contains("70000 samples"));
}
