// SPDX-License-Identifier: Apache-2.0
#include "tutti/evaluate/pass_at_k.hpp"

#include <array>

#include "tests/support/catch.hpp"

using namespace tutti;
using test::Approx;
using test::contains;

TEST_CASE("pass@k counts the draws of k samples that hold a solution") {
  // Of the C(4,2) = 6 pairs of four samples, two of which are right, one has no right sample.
  CHECK(pass_at_k({4, 2}, 2) == Approx(5.0 / 6));
  // C(4,3) = 4 of the C(5,3) = 10 triples leave the only right sample out.
  CHECK(pass_at_k({5, 1}, 3) == Approx(0.6));
  // C(5,2) = 10 of C(8,2) = 28 pairs.
  CHECK(pass_at_k({8, 3}, 2) == Approx(18.0 / 28));
}

TEST_CASE("pass@1 is the share of right samples and pass@n asks for any") {
  CHECK(pass_at_k({16, 4}, 1) == Approx(0.25));
  CHECK(pass_at_k({16, 1}, 16) == 1.0);
  CHECK(pass_at_k({16, 0}, 16) == 0.0);
  CHECK(pass_at_k({1, 1}, 1) == 1.0);
}

TEST_CASE("pass@k is certain when fewer samples are wrong than are drawn") {
  CHECK(pass_at_k({10, 8}, 3) == 1.0);
}

TEST_CASE("pass@k needs no large factorials") {
  CHECK(pass_at_k({200, 1}, 100) == Approx(0.5));
  // With two right of 10000, both are left out with probability (9900 * 9899) / (10000 * 9999).
  CHECK(pass_at_k({10000, 2}, 100) == Approx(1 - 9900.0 * 9899.0 / (10000.0 * 9999.0)));
}

TEST_CASE("pass@k of a set is the mean over its problems, however many samples each has") {
  const std::array<SampleCount, 3> problems{{{4, 2}, {5, 0}, {2, 2}}};
  CHECK(pass_at_k(problems, 2) == Approx((5.0 / 6 + 0 + 1) / 3));
}

TEST_CASE("pass@k refuses counts that cannot be") {
  CHECK_THROWS_WITH(pass_at_k({4, 5}, 1), contains("5 of 4 samples solve the problem"));
  CHECK_THROWS_WITH(pass_at_k({4, 2}, 5), contains("pass@5 of 4 samples"));
  CHECK_THROWS_AS(pass_at_k({4, 2}, 0), OptionError);
  CHECK_THROWS_AS(pass_at_k({0, 0}, 1), OptionError);
  CHECK_THROWS_WITH(pass_at_k(std::span<const SampleCount>{}, 1), contains("of 0 problems"));
}
