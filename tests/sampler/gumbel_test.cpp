// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/gumbel.hpp"

#include <cmath>
#include <set>

#include "tests/support/catch.hpp"

using namespace tutti;
using tutti::test::Approx;

TEST_CASE("Gumbel noise has its values at the middle and at both ends") {
  CHECK(gumbel(0x7FFFFFFF) == Approx(-std::log(std::log(2.0))).epsilon(1e-6));
  CHECK(gumbel(0) == Approx(33 * std::log(2.0)).epsilon(1e-6));  // -log u = 2^-33
  CHECK(gumbel(0xFFFFFFFF) == Approx(-std::log(24 * std::log(2.0))).epsilon(1e-6));  // u = 2^-24
}

TEST_CASE("Gumbel noise agrees with double precision") {
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const std::uint32_t bits = i * 42949U;
    const double v = (static_cast<double>(bits) + 0.5) * 0x1p-32;
    // Near v = 1 the difference 1 - v has few significant digits. A token with such noise is never
    // drawn, whatever its last digits.
    const double tolerance = v < 0.9 ? 2e-6 : 0.05;
    if (std::fabs(static_cast<double>(gumbel(bits)) + std::log(-std::log1p(-v))) > tolerance)
      FAIL("at " << bits);
  }
  SUCCEED();
}

TEST_CASE("the noise that decides about rare tokens is finely resolved") {
  std::set<float> values;
  for (std::uint32_t bits = 0; bits < 1000; ++bits) values.insert(gumbel(bits));
  CHECK(values.size() == 1000);
}

TEST_CASE("Gumbel noise has mean 0.5772 and variance pi^2 / 6") {
  double sum = 0;
  double squares = 0;
  constexpr int kCount = 200000;
  const DrawKey key{.seed = 1};
  for (std::uint32_t token = 0; token < kCount; ++token) {
    const auto g = static_cast<double>(gumbel_of(key, token));
    sum += g;
    squares += g * g;
  }
  const double mean = sum / kCount;
  // Four standard errors: 1.283 / sqrt(n) for the mean, sqrt(22/5) pi^2/6 / sqrt(n) for the
  // variance.
  CHECK(mean == Approx(0.57722).margin(0.0115));
  CHECK(squares / kCount - mean * mean == Approx(1.64493).margin(0.031));
}

TEST_CASE("a block of random bits is that of single Philox calls") {
  for (const std::uint32_t position : {0U, 1U, 0xFFFFFFFFU}) {
    const DrawKey key{.seed = 0xFEDCBA9876543210U,
                      .request = 0x89ABCDEFU,
                      .expert = 0xFFFF,
                      .sample = 0x8001,
                      .position = position};
    for (const std::uint32_t first : {0U, 256U, 151808U}) {
      std::array<std::uint32_t, kTokenBlock> bits;
      random_block(key, first, bits);
      for (std::uint32_t i = 0; i < kTokenBlock; ++i) {
        if (bits[i] != draw_block(key, (first + i) / 4)[(first + i) % 4])
          FAIL("token " << first + i);
      }
    }
  }
  SUCCEED();
}
