// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cpu/elementwise.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"
#include "tutti/backend/cpu/attention/rope.hpp"

using namespace tutti;
using tutti::test::Approx;
using tutti::test::contains;
using tutti::test::kInfinity;
using tutti::test::random_floats;
using tutti::test::RandomWeights;

TEST_CASE("rms_norm divides by the root of the mean square") {
  const std::vector<float> x = {1, -1, 7, -7};  // mean square 25
  const std::vector<float> weight = {1, 2, 1, 10};
  std::vector<float> out(4);
  cpu::rms_norm(x, weight, 0.0F, out.data());
  CHECK(out[0] == Approx(0.2));
  CHECK(out[1] == Approx(-0.4));
  CHECK(out[2] == Approx(1.4));
  CHECK(out[3] == Approx(-14.0));
  cpu::rms_norm(std::vector<float>{0, 0}, weight, 1e-6F, out.data());
  CHECK(out[0] == 0.0F);
}

TEST_CASE("rms_norm works on rows of any length and in place") {
  for (std::size_t count = 1; count <= 70; ++count) {
    std::vector<float> x = random_floats(count, 1);
    const std::vector<float> weight = random_floats(count, 2);
    double squares = 0.0;
    for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
    std::vector<double> expected;
    for (std::size_t i = 0; i < count; ++i) {
      expected.push_back(static_cast<double>(x[i]) /
                         std::sqrt(squares / static_cast<double>(count) + 1e-5) *
                         static_cast<double>(weight[i]));
    }
    cpu::rms_norm(x, weight, 1e-5F, x.data());
    for (std::size_t i = 0; i < count; ++i)
      CHECK(x[i] == Approx(expected[i]).epsilon(1e-5).margin(1e-9));
  }
}

TEST_CASE("results do not depend on where a row lies") {
  const std::vector<float> x = random_floats(100, 1), weight = random_floats(100, 2);
  std::vector<float> expected(77);
  cpu::rms_norm(std::span(x).first(77), weight, 1e-5F, expected.data());
  for (std::size_t shift = 1; shift < 16; ++shift) {
    std::vector<float> moved(100), out(100);
    std::memcpy(moved.data() + shift, x.data(), 77 * sizeof(float));
    cpu::rms_norm(std::span(moved).subspan(shift, 77), weight, 1e-5F, out.data() + shift);
    CHECK(std::memcmp(out.data() + shift, expected.data(), 77 * sizeof(float)) == 0);
  }
}

TEST_CASE("layer_norm subtracts the mean, divides by the deviation, and adds the bias") {
  // Mean 2, variance 1.
  const std::vector<float> x = {1, 3, 1, 3};
  const std::vector<float> weight = {1, 1, 2, 2};
  const std::vector<float> bias = {0, 10, 0, 10};
  std::vector<float> out(4);
  cpu::layer_norm(x, weight, bias, 0.0F, out.data());
  CHECK(out == std::vector<float>{-1, 11, -2, 12});
  // With the epsilon 3 the deviation is 2.
  cpu::layer_norm(x, weight, bias, 3.0F, out.data());
  CHECK(out == std::vector<float>{-0.5F, 10.5F, -1, 11});
}

TEST_CASE("layer_norm works on rows of any length and in place") {
  for (std::size_t n = 1; n <= 70; ++n) {
    std::vector<float> x = random_floats(n, n);
    const std::vector<float> weight = random_floats(n, n + 100);
    const std::vector<float> bias = random_floats(n, n + 200);
    double mean = 0;
    for (const float value : x) mean += static_cast<double>(value) / static_cast<double>(n);
    double variance = 0;
    for (const float value : x)
      variance += std::pow(static_cast<double>(value) - mean, 2) / static_cast<double>(n);
    const std::vector<float> before = x;
    cpu::layer_norm(x, weight, bias, 1e-5F, x.data());
    for (std::size_t i = 0; i < n; ++i) {
      const double normalized = (static_cast<double>(before[i]) - mean) /
                                std::sqrt(variance + 1e-5);
      CHECK(x[i] ==
            Approx(normalized * static_cast<double>(weight[i]) + static_cast<double>(bias[i]))
                .margin(1e-4));
    }
  }
}

TEST_CASE("multiply multiplies every element and none after the row") {
  std::vector<float> x(21, 3.0F);
  cpu::multiply(std::span(x).first(19), 2.0F);
  for (std::size_t i = 0; i < 21; ++i) CHECK(x[i] == (i < 19 ? 6.0F : 3.0F));
}

TEST_CASE("The activation GELU is its tanh approximation") {
  std::vector<float> x = {0.0F,  1.0F,  -1.0F,  3.0F,    -3.0F,   0.1F,
                          -0.1F, 12.0F, -12.0F, 1000.0F, -1000.0F};
  const std::vector<float> before = x;
  cpu::activate(Activation::gelu_tanh, x);
  CHECK(x[0] == 0.0F);
  CHECK(x[1] == Approx(0.841192));
  CHECK(x[2] == Approx(-0.158808));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = static_cast<double>(before[i]);
    CHECK(x[i] ==
          Approx(0.5 * v *
                 (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (v + 0.044715 * v * v * v))))
              .margin(1e-7));
  }
}

TEST_CASE("add adds every element and none after the row") {
  std::vector<float> x(21, 1.0F);
  const std::vector<float> y(21, 2.0F);
  cpu::add(std::span(x).first(19), y.data());
  for (std::size_t i = 0; i < 21; ++i) CHECK(x[i] == (i < 19 ? 3.0F : 1.0F));
}

TEST_CASE("a gated unit multiplies the activation of the gate") {
  const std::vector<float> gate = {0.0F, 1.0F, -1.0F, 100.0F, -100.0F, 2.0F, -2.0F, 0.5F, 20.0F};
  const std::vector<float> up = {5, 1, 1, 2, 2, 1, 1, 2, 1};
  std::vector<float> out(9);
  cpu::gated_unit(Activation::silu, gate, up.data(), out.data());
  for (std::size_t i = 0; i < 9; ++i) {
    const double g = static_cast<double>(gate[i]);
    CHECK(out[i] == Approx(g / (1.0 + std::exp(-g)) * static_cast<double>(up[i])).margin(1e-30));
  }
}

TEST_CASE("rope rotates pairs by a right angle") {
  // Frequency pi / 2 at position 1 takes (a, b) to (-b, a).
  const std::vector<float> frequencies = {1.57079633F, 0.0F};
  float cosines[2], sines[2];
  cpu::rope_angles(1, frequencies, cosines, sines);
  std::vector<float> halves = {1, 2, 3, 4};
  cpu::rope(halves, RopePairing::halves, cosines, sines);
  CHECK(halves[0] == Approx(-3));
  CHECK(halves[1] == Approx(2));
  CHECK(halves[2] == Approx(1).margin(1e-6));
  CHECK(halves[3] == Approx(4));
  std::vector<float> interleaved = {1, 2, 3, 4};
  cpu::rope(interleaved, RopePairing::interleaved, cosines, sines);
  CHECK(interleaved[0] == Approx(-2));
  CHECK(interleaved[1] == Approx(1).margin(1e-6));
  CHECK(interleaved[2] == Approx(3));
  CHECK(interleaved[3] == Approx(4));
}

TEST_CASE("rope agrees with the formula in double for heads of any even size") {
  for (const RopePairing pairing : {RopePairing::halves, RopePairing::interleaved}) {
    for (const std::size_t dim : {2U, 8U, 20U, 64U, 80U}) {
      std::vector<float> frequencies(dim / 2);
      for (std::size_t j = 0; j < dim / 2; ++j)
        frequencies[j] = std::pow(10000.0F,
                                  -2.0F * static_cast<float>(j) / static_cast<float>(dim));
      std::vector<float> cosines(dim / 2), sines(dim / 2);
      cpu::rope_angles(37, frequencies, cosines.data(), sines.data());
      const std::vector<float> before = random_floats(dim, dim);
      std::vector<float> after = before;
      cpu::rope(after, pairing, cosines.data(), sines.data());
      for (std::size_t j = 0; j < dim / 2; ++j) {
        const std::size_t first = pairing == RopePairing::halves ? j : 2 * j;
        const std::size_t second = pairing == RopePairing::halves ? j + dim / 2 : 2 * j + 1;
        const double angle = 37.0 * static_cast<double>(frequencies[j]);
        const double a = static_cast<double>(before[first]),
                     b = static_cast<double>(before[second]);
        CHECK(after[first] == Approx(a * std::cos(angle) - b * std::sin(angle)).margin(1e-5));
        CHECK(after[second] == Approx(a * std::sin(angle) + b * std::cos(angle)).margin(1e-5));
      }
    }
  }
}

#if defined(TUTTI_HAS_AVX512) || defined(TUTTI_HAS_AVX2)
TEST_CASE("rows have the same bits with every compiler") {
  // Compilers may fuse a multiplication and an addition; this must not change results. The expected
  // hashes (FNV-1a, 64 bits) are those of g++ 12 and clang++ 14.
  const auto hash_of = [](const std::vector<float>& values) {
    std::uint64_t hash = 0xCBF29CE484222325U;
    for (const float value : values) {
      for (int shift = 0; shift < 32; shift += 8)
        hash = (hash ^ (std::bit_cast<std::uint32_t>(value) >> shift & 0xFFU)) * 0x100000001B3U;
    }
    return hash;
  };
  const std::vector<float> x = random_floats(777, 1), w = random_floats(777, 2),
                           b = random_floats(777, 3);
  std::vector<float> out(777);
  cpu::rms_norm(x, w, 1e-5F, out.data());
  CHECK(hash_of(out) == 0x5B13AEC4C845D883U);
  cpu::layer_norm(x, w, b, 1e-5F, out.data());
  CHECK(hash_of(out) == (cpu::kLanes == 16 ? 0x8A638B5FD0B27EFBU : 0xE7366BE3ABDB448BU));
  out = x;
  cpu::activate(Activation::silu, out);
  CHECK(hash_of(out) == 0x2D956C2D055E77D9U);
  out = x;
  for (float& value : out) value *= 5.0F;
  cpu::activate(Activation::gelu_tanh, out);
  CHECK(hash_of(out) == 0xD44CA4B062DEE08CU);
  cpu::gated_unit(Activation::silu, x, w.data(), out.data());
  CHECK(hash_of(out) == 0xD95902D039FA48FU);
  std::vector<float> head(x.begin(), x.begin() + 128);
  cpu::rope(head, RopePairing::halves, w.data(), b.data());
  CHECK(hash_of(head) == 0x431071A69934A9C6U);
}
#endif
