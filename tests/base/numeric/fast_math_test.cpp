// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/numeric/fast_math.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using tutti::test::kInfinity;

namespace {

/// Error in units in the last place of the exact result; subnormal results have those of the
/// smallest normal number.
double ulps(float value, double exact) {
  const int exponent = std::max(std::ilogb(exact), -126);
  return std::fabs(static_cast<double>(value) - exact) / std::ldexp(1.0, exponent - 23);
}

/// Every 997th float from `first` to `last`, both positive or both negative.
std::vector<float> floats_between(float first, float last) {
  std::vector<float> values;
  for (auto bits = std::bit_cast<std::uint32_t>(first); bits <= std::bit_cast<std::uint32_t>(last);
       bits += 997) {
    values.push_back(std::bit_cast<float>(bits));
  }
  return values;
}

/// A loop must give the bits of single calls. Volatile keeps the compiler from vectorizing the
/// latter.
template <class Function>
std::size_t differences_between_loop_and_calls(const std::vector<float>& arguments,
                                               Function function) {
  std::vector<float> results(arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) results[i] = function(arguments[i]);
  std::size_t differences = 0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    volatile float argument = arguments[i];
    differences += std::bit_cast<std::uint32_t>(function(argument)) !=
                           std::bit_cast<std::uint32_t>(results[i])
                       ? 1
                       : 0;
  }
  return differences;
}

}  // namespace

TEST_CASE("fast_exp is within two units in the last place over its whole range") {
  double worst = 0;
  for (const auto& range : {floats_between(1e-30F, 88.7F), floats_between(-1e-30F, -103.9F)}) {
    for (const float x : range)
      worst = std::max(worst, ulps(fast_exp(x), std::exp(static_cast<double>(x))));
  }
  CHECK(worst < 2);
}

TEST_CASE("fast_exp is exact at zero and ends in zero and infinity") {
  CHECK(fast_exp(0.0F) == 1.0F);
  CHECK(fast_exp(-0.0F) == 1.0F);
  CHECK(fast_exp(-104.0F) == 0.0F);
  CHECK(fast_exp(-1e30F) == 0.0F);
  CHECK(fast_exp(-kInfinity) == 0.0F);
  CHECK(fast_exp(88.8F) == kInfinity);
  CHECK(fast_exp(kInfinity) == kInfinity);
}

TEST_CASE("fast_log is within two units in the last place for all normal numbers") {
  double worst = 0;
  for (const float x :
       floats_between(std::numeric_limits<float>::min(), std::numeric_limits<float>::max())) {
    if (x != 1.0F) worst = std::max(worst, ulps(fast_log(x), std::log(static_cast<double>(x))));
  }
  CHECK(worst < 2);
  CHECK(fast_log(1.0F) == 0.0F);
}

TEST_CASE("fast_log_complement keeps the digits of small numbers") {
  double worst = 0;
  for (const float x : floats_between(1e-30F, 0.25F)) {
    worst = std::max(worst, ulps(fast_log_complement(x), std::log1p(-static_cast<double>(x))));
  }
  CHECK(worst < 2);
  CHECK(fast_log_complement(0.0F) == 0.0F);
}

TEST_CASE(
    "fast_log_complement is the logarithm of the rounded difference where the difference is "
    "small") {
  for (const float x : floats_between(0.75F, 1.0F - 0x1p-24F)) {
    if (ulps(fast_log_complement(x), std::log(static_cast<double>(1.0F - x))) >= 2)
      FAIL("at " << x);
  }
  SUCCEED();
}

TEST_CASE("a loop over the fast functions gives the bits of single calls") {
  CHECK(differences_between_loop_and_calls(floats_between(-1e-3F, -90.0F),
                                           [](float x) { return fast_exp(x); }) == 0);
  CHECK(differences_between_loop_and_calls(floats_between(1e-30F, 1e30F),
                                           [](float x) { return fast_log(x); }) == 0);
  CHECK(differences_between_loop_and_calls(floats_between(1e-9F, 0.99F),
                                           [](float x) { return fast_log_complement(x); }) == 0);
}

TEST_CASE("the fast functions are constant expressions") {
  static_assert(fast_exp(0.0F) == 1.0F && fast_log(1.0F) == 0.0F);
  SUCCEED();
}

TEST_CASE("the order of floats puts negative NaN first and positive NaN last") {
  const float nan = std::bit_cast<float>(0x7FC00000U);
  const float negative_nan = std::bit_cast<float>(0xFFC00000U);
  const std::vector<float> ascending{negative_nan, -kInfinity, -2.0F, -1e-40F,   -0.0F,
                                     0.0F,         1e-40F,     2.0F,  kInfinity, nan};
  for (std::size_t i = 0; i + 1 < ascending.size(); ++i)
    CHECK(detail::order_of(ascending[i]) < detail::order_of(ascending[i + 1]));
  for (const float value : ascending) {
    CHECK(std::bit_cast<std::uint32_t>(detail::value_of_order(detail::order_of(value))) ==
          std::bit_cast<std::uint32_t>(value));
  }
}
