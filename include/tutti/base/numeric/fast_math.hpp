// SPDX-License-Identifier: Apache-2.0
#pragma once
// exp and log in single precision without branches, tables or calls, so that compilers turn a loop
// over them into vector code. Every sum has at most one inexact product among its terms: whether a
// compiler fuses multiply and add or not, it then does so in one way only, and a loop's vector
// body, its scalar rest and a single call give the same bits. A GPU does what its host does.
// Coefficients: Cephes by S. L. Moshier, single/expf.c and single/logf.c.

#include <bit>
#include <cstdint>
#include <type_traits>

#include "tutti/base/macros.hpp"

namespace tutti::detail::inline TUTTI_ABI {

// A choice between floats that was written as one would stay a branch in compilers that respect
// floating-point traps, and keep the whole loop scalar. So choices are made between whole numbers.

/// Whole numbers in the order of the floats. Positive NaNs stand above +infinity, negative ones
/// below -infinity.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr std::int32_t order_of(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value);
  return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

/// The float at a place in that order.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float value_of_order(std::int32_t order) {
  return std::bit_cast<float>(order ^ ((order >> 31) & 0x7FFFFFFF));
}

[[nodiscard]] TUTTI_HOST_DEVICE constexpr float clamp(float value, float low, float high) {
  std::int32_t order = order_of(value);
  order = order < order_of(low) ? order_of(low) : order;
  order = order > order_of(high) ? order_of(high) : order;
  return value_of_order(order);
}

/// `yes` where `condition` is 1, `no` where it is 0.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float choose(std::uint32_t condition, float yes,
                                                       float no) {
  const std::uint32_t mask = 0U - condition;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(yes) & mask) |
                              (std::bit_cast<std::uint32_t>(no) & ~mask));
}

/// 2^n by its exponent bits; n from -126 to 127.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float power_of_two(std::uint32_t n) {
  return std::bit_cast<float>((n + 127U) << 23);
}

/// a * b + c, fused if this processor's instructions are, on its GPU too: there nvcc would fuse it
/// in any case.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float multiply_add(float a, float b, float c) {
#if defined(__CUDA_ARCH__) && defined(__x86_64__) && !defined(__FMA__)
  if (!std::is_constant_evaluated()) return __fadd_rn(__fmul_rn(a, b), c);
#endif
  return a * b + c;
}

/// log((1 + x) * 2^exponent) for 1 + x in [sqrt(1/2), sqrt(2)).
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float log_of_parts(float x, std::int32_t whole_exponent) {
  const auto exponent = static_cast<float>(whole_exponent);
  float p = 7.0376836292E-2F;
  p = multiply_add(p, x, -1.1514610310E-1F);
  p = multiply_add(p, x, 1.1676998740E-1F);
  p = multiply_add(p, x, -1.2420140846E-1F);
  p = multiply_add(p, x, 1.4249322787E-1F);
  p = multiply_add(p, x, -1.6668057665E-1F);
  p = multiply_add(p, x, 2.0000714765E-1F);
  p = multiply_add(p, x, -2.4999993993E-1F);
  p = multiply_add(p, x, 3.3333331174E-1F);
  p = multiply_add(p, x, -0.5F);
  // log 2 = 0.693359375 - 2.12194440e-4; the first part has so few bits that its product is exact.
  const float low = multiply_add(exponent, -2.12194440E-4F, x);
  return multiply_add(exponent, 0.693359375F, multiply_add(p, x * x, low));
}

/// A positive normal number as (1 + x) * 2^exponent with 1 + x in [sqrt(1/2), sqrt(2)).
struct LogParts {
  float x;
  std::int32_t exponent;
};

[[nodiscard]] TUTTI_HOST_DEVICE constexpr LogParts log_parts(float value) {
  constexpr std::uint32_t kRootHalf = 0x3F3504F3U;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto exponent = static_cast<std::int32_t>(bits - kRootHalf) >> 23;
  const float mantissa = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(exponent) << 23));
  return {mantissa - 1.0F, exponent};
}

}  // namespace tutti::detail::inline TUTTI_ABI

namespace tutti::inline TUTTI_ABI {

/// e^x to within 2 units in the last place, over the whole range: 0 below -104, infinity
/// above 88.73. Precondition: x is not NaN.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float fast_exp(float x) {
  x = detail::clamp(x, -104.0F, 89.0F);
  // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits.
  constexpr float kRound = 12582912.0F;
  const float shifted = detail::multiply_add(x, 1.44269504088896341F, kRound);
  const float n = shifted - kRound;
  const auto whole = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(shifted) -
                                               std::bit_cast<std::uint32_t>(kRound));
  const float r = detail::multiply_add(n, 2.12194440E-4F,
                                       detail::multiply_add(n, -0.693359375F, x));
  float p = 1.9875691500E-4F;
  p = detail::multiply_add(p, r, 1.3981999507E-3F);
  p = detail::multiply_add(p, r, 8.3334519073E-3F);
  p = detail::multiply_add(p, r, 4.1665795894E-2F);
  p = detail::multiply_add(p, r, 1.6666665459E-1F);
  p = detail::multiply_add(p, r, 5.0000001201E-1F);
  const float mantissa = detail::multiply_add(p, r * r, r) + 1.0F;
  // Two factors, because 2^n alone leaves the range of float for results that are subnormal or
  // nearly infinite.
  const auto half = whole >> 1;
  return mantissa * detail::power_of_two(static_cast<std::uint32_t>(half)) *
         detail::power_of_two(static_cast<std::uint32_t>(whole - half));
}

/// log x to within 2 units in the last place. Precondition: x is positive, finite and not
/// subnormal.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float fast_log(float x) {
  const detail::LogParts parts = detail::log_parts(x);
  return detail::log_of_parts(parts.x, parts.exponent);
}

/// log(1 - x) for x in [0, 1), exact for tiny x where 1 - x would round. Precondition: 1 - x is not
/// 0.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float fast_log_complement(float x) {
  const detail::LogParts parts = detail::log_parts(1.0F - x);
  return detail::log_of_parts(detail::choose(parts.exponent == 0 ? 1U : 0U, -x, parts.x),
                              parts.exponent);
}

}  // namespace tutti::inline TUTTI_ABI
