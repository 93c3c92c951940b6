// SPDX-License-Identifier: Apache-2.0
#include "tutti/evaluate/bootstrap.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;
using test::Approx;
using test::contains;

TEST_CASE("a resample draws problems from the bits of Philox") {
  // The published vector for key and counter 0 begins 6627e8d5 e169c58d bc57ac4c 9b00dbd8: of
  // sixteen problems, the first digits.
  std::vector<std::uint32_t> drawn(16);
  detail::draw_resample(0, 0, drawn);
  CHECK(std::vector<std::uint32_t>(drawn.begin(), drawn.begin() + 4) ==
        std::vector<std::uint32_t>{0x6, 0xe, 0xb, 0x9});
  for (const std::uint32_t problem : drawn) CHECK(problem < 16);
}

TEST_CASE("quantiles are interpolated between neighbors") {
  const std::vector<double> values{1, 2, 3, 4, 5};
  CHECK(detail::quantile(values, 0.1) == Approx(1.4));
  CHECK(detail::quantile(values, 0.5) == 3);
  CHECK(detail::quantile(values, 0) == 1);
  CHECK(detail::quantile(values, 1) == 5);
  CHECK(detail::quantile(std::vector<double>{7}, 0.975) == 7);
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  CHECK(detail::quantile(std::vector<double>{1, kInfinite, kInfinite}, 0.75) == kInfinite);
}

TEST_CASE("the interval holds the middle of the resampled means") {
  // Two problems, 0 and 1: the mean of a resample is 0, 1/2 or 1 with chance 1/4, 1/2, 1/4.
  const std::vector<double> values{0, 1};
  const Interval wide = bootstrap_mean(values);
  CHECK(wide.estimate == 0.5);
  CHECK(wide.low == 0);
  CHECK(wide.high == 1);
  const Interval narrow = bootstrap_mean(values, {.confidence = 0.4});  // quantiles .3 and .7
  CHECK(narrow.low == 0.5);
  CHECK(narrow.high == 0.5);
}

TEST_CASE("the interval of a proportion has the width of the normal approximation") {
  std::vector<double> values(400, 0.0);
  for (std::size_t i = 0; i < 100; ++i) values[4 * i] = 1;
  const Interval interval = bootstrap_mean(values);
  CHECK(interval.estimate == 0.25);
  // 1.96 sqrt(.25 * .75 / 400) = .0424
  CHECK(interval.low == Approx(0.25 - 0.0424).margin(0.003));
  CHECK(interval.high == Approx(0.25 + 0.0424).margin(0.003));
}

TEST_CASE("differences are paired, so that what both systems find hard cancels") {
  const std::vector<double> a{1, 0, 1, 0, 0.5, 1};
  std::vector<double> b = a;
  const Interval same = bootstrap_difference(a, b);
  CHECK(same.low == 0);
  CHECK(same.high == 0);
  for (double& value : b) value -= 0.25;
  const Interval better = bootstrap_difference(a, b);
  CHECK(better.low == Approx(0.25));
  CHECK(better.high == Approx(0.25));
  CHECK(better.above(0));
  CHECK_FALSE(better.below(0));
}

TEST_CASE("a ratio of means is resampled as a ratio") {
  // One of two problems has a weight: a quarter of the resamples contains no weight, so its ratio
  // is undefined.
  const std::vector<double> part{0, 1};
  const std::vector<double> whole{0, 2};
  const auto ratio = [](std::span<const double> mean) { return mean[0] / mean[1]; };
  const Interval interval = bootstrap({part, whole}, ratio);
  CHECK(interval.estimate == 0.5);
  CHECK(interval.low == 0.5);
  CHECK(interval.high == 0.5);
  // Five standard errors: 5 sqrt(10000 * 1/4 * 3/4) = 217. The seed is fixed, so this cannot fail
  // by chance.
  CHECK(static_cast<double>(interval.undefined) == Approx(2500).margin(217));
}

TEST_CASE("a statistic that never has a value gives an interval of NaN") {
  const std::vector<double> zeros(3, 0.0);
  const Interval interval = bootstrap(
      {zeros, zeros}, [](std::span<const double> mean) { return mean[0] / mean[1]; },
      {.resamples = 50});
  CHECK(std::isnan(interval.estimate));
  CHECK(std::isnan(interval.low));
  CHECK(interval.undefined == 50);
  CHECK_FALSE(interval.above(0));
  CHECK_FALSE(interval.below(0));
}

TEST_CASE("equal seeds resample equally and different seeds do not") {
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(std::sqrt(static_cast<double>(i)));
  const Interval first = bootstrap_mean(values, {.resamples = 200, .seed = 3});
  const Interval again = bootstrap_mean(values, {.resamples = 200, .seed = 3});
  const Interval other = bootstrap_mean(values,
                                        {.resamples = 200, .seed = 3 + (std::uint64_t{1} << 32)});
  CHECK(first.low == again.low);
  CHECK(first.high == again.high);
  CHECK(first.low != other.low);
}

TEST_CASE("a bootstrap refuses what cannot be resampled") {
  const std::vector<double> three(3, 1.0);
  const std::vector<double> two(2, 1.0);
  CHECK_THROWS_WITH(bootstrap_difference(three, two), contains("columns of 3 and 2 problems"));
  CHECK_THROWS_WITH(bootstrap_mean({}), contains("1 columns of 0 problems"));
  CHECK_THROWS_AS(bootstrap_mean(three, {.resamples = 0}), OptionError);
  CHECK_THROWS_WITH(bootstrap_mean(three, {.confidence = 95}), contains("confidence of 95"));
}
