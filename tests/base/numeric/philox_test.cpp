// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/numeric/philox.hpp"

#include <set>

#include "tests/support/catch.hpp"

using namespace tutti;

// The known-answer vectors that the authors publish with Random123 (kat_vectors, philox4x32 10).
TEST_CASE("Philox gives the published vectors") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) ==
        PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("Philox is a constant expression") {
  static_assert(philox4x32({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5);
  SUCCEED();
}

TEST_CASE("a draw puts its coordinates into counter and key") {
  const DrawKey key{.seed = 0x299f31d0a4093822,
                    .request = 0x03707344,
                    .expert = 0x1319,
                    .sample = 0x8a2e,
                    .position = 0x85a308d3};
  CHECK(draw_block(key, 0x243f6a88) ==
        PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a change of any coordinate changes the draw") {
  const DrawKey base{.seed = 7, .request = 1, .expert = 2, .sample = 3, .position = 4};
  std::set<PhiloxCounter> draws{draw_block(base, 0), draw_block(base, 1)};
  for (DrawKey other : {DrawKey{8, 1, 2, 3, 4}, DrawKey{7ULL + (1ULL << 32), 1, 2, 3, 4},
                        DrawKey{7, 2, 2, 3, 4}, DrawKey{7, 1, 3, 3, 4}, DrawKey{7, 1, 2, 4, 4},
                        DrawKey{7, 1, 2, 3, 5}, DrawKey{7, 1, 3, 2, 4}}) {
    draws.insert(draw_block(other, 0));
  }
  CHECK(draws.size() == 9);
}

TEST_CASE("uniform numbers stay inside the open interval") {
  CHECK(to_open_unit(0) == 0x1p-24F);
  CHECK(to_open_unit(0xffffffff) == 1.0F - 0x1p-24F);
  CHECK(to_open_unit(0x80000000) == 0.5F + 0x1p-24F);
  CHECK(to_open_unit(511) == to_open_unit(0));
  CHECK(to_open_unit(512) == 3 * 0x1p-24F);
}

TEST_CASE("uniform numbers have the mean and the variance of a uniform distribution") {
  const int blocks = 25000;
  double sum = 0;
  double squares = 0;
  for (std::uint32_t block = 0; block < blocks; ++block) {
    for (const std::uint32_t bits : draw_block({.seed = 42}, block)) {
      const double u = to_open_unit(bits);
      sum += u;
      squares += u * u;
    }
  }
  const double mean = sum / (4 * blocks);
  // Standard error of the mean: sqrt(1/12 / 100000) = 0.0009; the bound is five of them. The seed
  // is fixed, so this cannot fail by chance.
  CHECK(mean == test::Approx(0.5).margin(0.0046));
  CHECK(squares / (4 * blocks) - mean * mean == test::Approx(1.0 / 12).margin(0.002));
}
