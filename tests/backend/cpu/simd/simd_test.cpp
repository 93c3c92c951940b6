// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cpu/simd/simd.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using namespace tutti::cpu;
using tutti::test::Approx;
using tutti::test::kInfinity;
using tutti::test::random_floats;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> lanes_of(FloatLanes value) {
  std::vector<float> lanes(kLanes);
  store(lanes.data(), value);
  return lanes;
}

float exp_of(float x) { return lanes_of(cpu::exp(broadcast(x)))[kLanes - 1]; }

}  // namespace

TEST_CASE("arithmetic works lane by lane") {
  const std::vector<float> x = random_floats(kLanes, 1), y = random_floats(kLanes, 2),
                           z = random_floats(kLanes, 3);
  const FloatLanes a = load(x.data()), b = load(y.data()), c = load(z.data());
  for (std::size_t i = 0; i < kLanes; ++i) {
    CHECK(lanes_of(a + b)[i] == x[i] + y[i]);
    CHECK(lanes_of(a - b)[i] == x[i] - y[i]);
    CHECK(lanes_of(a * b)[i] == x[i] * y[i]);
    CHECK(lanes_of(a / b)[i] == x[i] / y[i]);
    CHECK(lanes_of(fma(a, b, c))[i] == Approx(x[i] * y[i] + z[i]).margin(1e-7));
    CHECK(lanes_of(max(a, b))[i] == std::max(x[i], y[i]));
    CHECK(lanes_of(cpu::abs(a))[i] == std::fabs(x[i]));
    CHECK(lanes_of(select_less(a, b, c, a))[i] == (x[i] < y[i] ? z[i] : x[i]));
  }
}

TEST_CASE("round goes to the nearest integer, halves to the even one") {
  for (const auto& [x, expected] : {std::pair{0.5F, 0.0F},
                                    {1.5F, 2.0F},
                                    {2.5F, 2.0F},
                                    {-0.5F, 0.0F},
                                    {-1.5F, -2.0F},
                                    {2.4F, 2.0F},
                                    {-2.6F, -3.0F}}) {
    CHECK(lanes_of(cpu::round(broadcast(x)))[0] == expected);
  }
}

TEST_CASE("max prefers its second argument where either is NaN") {
  CHECK(lanes_of(max(broadcast(kNaN), broadcast(1.0F)))[0] == 1.0F);
  CHECK(std::isnan(lanes_of(max(broadcast(1.0F), broadcast(kNaN)))[0]));
}

TEST_CASE("min prefers its second argument where either is NaN") {
  CHECK(lanes_of(min(broadcast(3.0F), broadcast(1.0F)))[0] == 1.0F);
  CHECK(lanes_of(min(broadcast(kNaN), broadcast(1.0F)))[0] == 1.0F);
  CHECK(std::isnan(lanes_of(min(broadcast(1.0F), broadcast(kNaN)))[0]));
}

TEST_CASE("the largest magnitude is NaN if any lane is, wherever it is") {
  for (std::size_t where = 0; where < kLanes; ++where) {
    std::vector<float> x(kLanes, 2.0F);
    x[where] = 5.0F;
    CHECK(largest_magnitude(load(x.data())) == 5.0F);
    CHECK(lanes_of(max_magnitude(load(x.data()), broadcast(3.0F)))[where] == 5.0F);
    x[where] = kNaN;
    CHECK(std::isnan(largest_magnitude(load(x.data()))));
    CHECK(std::isnan(lanes_of(max_magnitude(load(x.data()), broadcast(kInfinity)))[where]));
    CHECK(std::isnan(lanes_of(max_magnitude(broadcast(kInfinity), load(x.data())))[where]));
  }
}

TEST_CASE("integral lanes are stored as bytes in order") {
  std::vector<float> x(kLanes);
  for (std::size_t i = 0; i < kLanes; ++i) x[i] = static_cast<float>(i) * 17.0F - 128.0F;
  std::vector<std::int8_t> bytes(kLanes + 1, 99);
  store_bytes(bytes.data(), load(x.data()));
  for (std::size_t i = 0; i < kLanes; ++i) CHECK(static_cast<float>(bytes[i]) == x[i]);
  CHECK(int{bytes[kLanes]} == 99);
}

TEST_CASE("half-precision elements become the floats that they stand for, wherever they begin") {
  std::vector<std::byte> bytes(1 + 2 * 65536);
  for (std::size_t shift = 0; shift < 2; ++shift) {
    for (std::size_t i = 0; i < 65536; ++i) {
      const auto bits = static_cast<std::uint16_t>(i);
      std::memcpy(&bytes[shift + 2 * i], &bits, 2);
    }
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 65536; i += kLanes) {
      const std::vector<float> halves = lanes_of(load_as<Float16>(&bytes[shift + 2 * i]));
      const std::vector<float> brains = lanes_of(load_as<BFloat16>(&bytes[shift + 2 * i]));
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const float half = to_float(Float16{static_cast<std::uint16_t>(i + lane)});
        const float brain = to_float(BFloat16{static_cast<std::uint16_t>(i + lane)});
        if (std::isnan(half)
                ? !std::isnan(halves[lane])
                : std::bit_cast<std::uint32_t>(half) != std::bit_cast<std::uint32_t>(halves[lane]))
          ++wrong;
        if (std::bit_cast<std::uint32_t>(brain) != std::bit_cast<std::uint32_t>(brains[lane]))
          ++wrong;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("bfloat16 are split into even and odd ones") {
  std::vector<BFloat16> elements;
  for (std::size_t i = 0; i < 2 * kLanes; ++i)
    elements.push_back(to_bfloat16(static_cast<float>(i)));
  const auto* bytes = reinterpret_cast<const std::byte*>(elements.data());
  for (std::size_t i = 0; i < kLanes; ++i) {
    CHECK(lanes_of(load_even(bytes))[i] == static_cast<float>(2 * i));
    CHECK(lanes_of(load_odd(bytes, upper_halves()))[i] == static_cast<float>(2 * i + 1));
  }
}

TEST_CASE("lanes are rounded to 16-bit floats and to bfloat16 as single numbers are") {
  std::vector<float> x = random_floats(64 * kLanes, 9);
  x[0] = kNaN;
  x[1] = -kInfinity;
  x[2] = 1.0F + 1.0F / 256;   // halfway between two bfloat16
  x[3] = 1.0F + 1.0F / 2048;  // and between two 16-bit floats
  x[4] = 70000.0F;            // beyond 16 bits
  const auto same = [](float a, float b) { return std::isnan(a) ? std::isnan(b) : a == b; };
  for (std::size_t i = 0; i < x.size(); i += kLanes) {
    const std::vector<float> halves = lanes_of(round_to_half(load(&x[i])));
    std::vector<BFloat16> brains(kLanes);
    store_bfloat16(brains.data(), load(&x[i]));
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      CHECK(same(to_float(to_float16(x[i + lane])), halves[lane]));
      CHECK(same(to_float(to_bfloat16(x[i + lane])), to_float(brains[lane])));
    }
  }
}

TEST_CASE("partial loads and stores touch only what they should") {
  const std::vector<float> x = random_floats(kLanes, 4);
  for (std::size_t count = 1; count < kLanes; ++count) {
    const std::vector<float> exact(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<float> stored(kLanes, 9.0F);
    store_partial(stored.data(), load_partial(exact.data(), count) + broadcast(1.0F), count);
    for (std::size_t i = 0; i < kLanes; ++i) CHECK(stored[i] == (i < count ? x[i] + 1.0F : 9.0F));
  }
}

TEST_CASE("one sum and four sums at once add in the same order") {
  const std::vector<float> x = random_floats(4 * kLanes, 5);
  const FloatLanes a = load(&x[0]), b = load(&x[kLanes]), c = load(&x[2 * kLanes]),
                   d = load(&x[3 * kLanes]);
  float sums[4];
  store_sums(sums, a, b, c, d);
  CHECK(sums[0] == sum(a));
  CHECK(sums[1] == sum(b));
  CHECK(sums[2] == sum(c));
  CHECK(sums[3] == sum(d));
  double exact = 0.0;
  for (std::size_t i = 0; i < kLanes; ++i) exact += static_cast<double>(x[i]);
  CHECK(sums[0] == Approx(exact).epsilon(1e-6));
  CHECK(maximum(a) == *std::max_element(x.begin(), x.begin() + kLanes));
}

TEST_CASE("exp is accurate to 2e-7 over its whole range") {
  double worst = 0.0;
  for (float x = -87.0F; x < 88.7F; x += 0.00317F) {
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::fabs(static_cast<double>(exp_of(x)) - exact) / exact);
  }
  CHECK(worst < 2e-7);
}

TEST_CASE("exp is exact at 0 and takes the ends of its range as the mathematics does") {
  CHECK(exp_of(0.0F) == 1.0F);
  CHECK(exp_of(-0.0F) == 1.0F);
  CHECK(exp_of(-88.0F) == 0.0F);
  CHECK(exp_of(-1e30F) == 0.0F);
  CHECK(exp_of(-kInfinity) == 0.0F);
  CHECK(exp_of(88.72F) == Approx(std::exp(88.72F)).epsilon(1e-6));
  CHECK(exp_of(88.8F) == kInfinity);
  CHECK(exp_of(1e30F) == kInfinity);
  CHECK(exp_of(kInfinity) == kInfinity);
  CHECK(std::isnan(exp_of(kNaN)));
}

TEST_CASE("silu is x times the logistic function") {
  for (const float x : {0.0F, 1.0F, -1.0F, 10.0F, -10.0F, 200.0F, -200.0F}) {
    const double exact = static_cast<double>(x) / (1.0 + std::exp(-static_cast<double>(x)));
    CHECK(lanes_of(silu(broadcast(x)))[0] == Approx(exact).margin(1e-30));
  }
}
