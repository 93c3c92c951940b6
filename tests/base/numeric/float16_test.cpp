// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/numeric/float16.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using tutti::test::kInfinity;

namespace {

std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }

bool is_nan(Float16 value) { return (value.bits & 0x7FFFU) > 0x7C00U; }
bool is_nan(BFloat16 value) { return (value.bits & 0x7FFFU) > 0x7F80U; }

/// The value of a half by its definition, in double, where everything is exact.
double half_by_definition(std::uint32_t bits) {
  const int exponent = static_cast<int>((bits >> 10) & 0x1FU);
  const double mantissa = bits & 0x3FFU;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24)
                                         : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000U) != 0 ? -magnitude : magnitude;
}

}  // namespace

TEST_CASE("well-known halves convert to their values") {
  CHECK(to_float(Float16{0x3C00}) == 1.0F);
  CHECK(to_float(Float16{0xC000}) == -2.0F);
  CHECK(to_float(Float16{0x3555}) == 0.333251953125F);  // nearest to 1/3
  CHECK(to_float(Float16{0x7BFF}) == 65504.0F);         // largest
  CHECK(to_float(Float16{0x0400}) == 0x1p-14F);         // smallest normal
  CHECK(to_float(Float16{0x03FF}) == 1023 * 0x1p-24F);  // largest subnormal
  CHECK(to_float(Float16{0x0001}) == 0x1p-24F);         // smallest
  CHECK(to_float(Float16{0x7C00}) == kInfinity);
  CHECK(to_float(Float16{0xFC00}) == -kInfinity);
  CHECK(std::isnan(to_float(Float16{0x7E00})));
  CHECK(bits_of(to_float(Float16{0x8000})) == 0x80000000U);  // -0
}

TEST_CASE("every half survives the way to float and back") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const Float16 half{static_cast<std::uint16_t>(bits)};
    if (is_nan(half)) {
      wrong += !std::isnan(to_float(half)) || !is_nan(to_float16(to_float(half)));
    } else {
      const bool finite = (bits & 0x7C00U) != 0x7C00U;
      wrong += finite && to_float(half) != half_by_definition(bits);
      wrong += to_float16(to_float(half)).bits != half.bits;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE(
    "between two neighboring halves the nearer one wins and the middle goes to the even one") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x7BFF; ++bits) {
    const float low = to_float(Float16{static_cast<std::uint16_t>(bits)});
    const float high = to_float(Float16{static_cast<std::uint16_t>(bits + 1)});
    const float middle = (low + high) / 2;  // exact: floats have 13 bits more
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    wrong += to_float16(middle).bits != even || to_float16(-middle).bits != (even | 0x8000U);
    wrong += to_float16(std::nextafter(middle, 0.0F)).bits != bits;
    wrong += to_float16(std::nextafter(middle, kInfinity)).bits != bits + 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("floats beyond the largest half become infinite from the rounding bound on") {
  CHECK(to_float16(65504.0F).bits == 0x7BFF);
  CHECK(to_float16(std::nextafter(65520.0F, 0.0F)).bits == 0x7BFF);
  CHECK(to_float16(65520.0F).bits == 0x7C00);
  CHECK(to_float16(-65520.0F).bits == 0xFC00);
  CHECK(to_float16(std::numeric_limits<float>::max()).bits == 0x7C00);
  CHECK(to_float16(-kInfinity).bits == 0xFC00);
}

TEST_CASE("floats too small for a half become zero and keep their sign") {
  CHECK(to_float16(0x1p-25F).bits == 0);  // the middle between 0 and the smallest half: to even
  CHECK(to_float16(std::nextafter(0x1p-25F, 1.0F)).bits == 1);
  CHECK(to_float16(-0x1p-26F).bits == 0x8000);
  CHECK(to_float16(std::numeric_limits<float>::denorm_min()).bits == 0);
  CHECK(to_float16(-0.0F).bits == 0x8000);
}

TEST_CASE("NaN stays NaN whatever its payload") {
  for (const std::uint32_t bits : {0x7FC00000U, 0x7F800001U, 0xFFFFFFFFU, 0xFF800001U}) {
    const auto nan = std::bit_cast<float>(bits);
    CHECK(is_nan(to_float16(nan)));
    CHECK(is_nan(to_bfloat16(nan)));
  }
}

#if defined(__FLT16_MANT_DIG__) && defined(__SSE2__)
// The compiler's own binary16 is an independent implementation of both directions.
TEST_CASE("conversions agree with the compiler's _Float16") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const Float16 half{static_cast<std::uint16_t>(bits)};
    if (is_nan(half)) continue;
    _Float16 native;
    std::memcpy(&native, &half.bits, sizeof native);
    wrong += bits_of(to_float(half)) != bits_of(static_cast<float>(native));
  }
  // Every float pattern whose low 12 bits are one of four around the rounding bounds, NaN left out.
  for (std::uint32_t high = 0; high <= 0xFFFFF; ++high) {
    for (const std::uint32_t low : {0x000U, 0x001U, 0x800U, 0xFFFU}) {
      const auto value = std::bit_cast<float>((high << 12) | low);
      if (std::isnan(value)) continue;
      const auto native = static_cast<_Float16>(value);
      std::uint16_t expected = 0;
      std::memcpy(&expected, &native, sizeof expected);
      wrong += to_float16(value).bits != expected;
    }
  }
  CHECK(wrong == 0);
}
#endif

TEST_CASE("bfloat16 is the upper half of a float, rounded to nearest even") {
  CHECK(to_float(BFloat16{0x3F80}) == 1.0F);
  CHECK(to_float(BFloat16{0xC049}) == -3.140625F);
  CHECK(to_bfloat16(3.14159265F).bits == 0x4049);
  CHECK(to_bfloat16(std::bit_cast<float>(0x3F808000U)).bits == 0x3F80);  // tie, down to even
  CHECK(to_bfloat16(std::bit_cast<float>(0x3F818000U)).bits == 0x3F82);  // tie, up to even
  CHECK(to_bfloat16(std::bit_cast<float>(0x3F808001U)).bits == 0x3F81);
  CHECK(to_bfloat16(std::bit_cast<float>(0x3F807FFFU)).bits == 0x3F80);
  CHECK(to_bfloat16(std::numeric_limits<float>::max()).bits == 0x7F80);  // rounds up to infinity
  CHECK(to_bfloat16(-kInfinity).bits == 0xFF80);
  CHECK(to_bfloat16(-0.0F).bits == 0x8000);
}

TEST_CASE("every bfloat16 survives the way to float and back") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const BFloat16 value{static_cast<std::uint16_t>(bits)};
    wrong += is_nan(value) ? !is_nan(to_bfloat16(to_float(value)))
                           : to_bfloat16(to_float(value)).bits != bits;
  }
  CHECK(wrong == 0);
}

TEST_CASE("conversions are constant expressions") {
  static_assert(to_float(Float16{0x3C00}) == 1.0F && to_float16(1.0F).bits == 0x3C00);
  static_assert(to_float(BFloat16{0x3F80}) == 1.0F && to_bfloat16(1.0F).bits == 0x3F80);
  SUCCEED();
}
