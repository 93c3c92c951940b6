// SPDX-License-Identifier: Apache-2.0
#pragma once
// The lanes of simd.hpp where no other header fits: four floats in the vectors that GCC and Clang
// offer on every processor. Include simd.hpp instead.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tutti/base/numeric/float16.hpp"

namespace tutti::cpu::inline TUTTI_ABI {

struct FloatLanes {
  static constexpr std::size_t kCount = 4;
  using Vector = float __attribute__((vector_size(16)));
  Vector v;
};

[[nodiscard]] inline FloatLanes broadcast(float value) {
  return {FloatLanes::Vector{value, value, value, value}};
}
[[nodiscard]] inline FloatLanes load(const float* from) {
  FloatLanes result;
  std::memcpy(&result.v, from, sizeof result.v);
  return result;
}
inline void store(float* to, FloatLanes value) { std::memcpy(to, &value.v, sizeof value.v); }

template <class T>
[[nodiscard]] FloatLanes load_as(const std::byte* from) {
  T elements[4];
  std::memcpy(elements, from, sizeof elements);
  return {FloatLanes::Vector{to_float(elements[0]), to_float(elements[1]), to_float(elements[2]),
                             to_float(elements[3])}};
}
template <>
[[nodiscard]] inline FloatLanes load_as<float>(const std::byte* from) {
  FloatLanes result;
  std::memcpy(&result.v, from, sizeof result.v);
  return result;
}

inline void store_halves(Float16* to, FloatLanes value) {
  for (std::size_t i = 0; i < 4; ++i) to[i] = to_float16(value.v[i]);
}

/// Bits of four floats.
using FloatBits = std::uint32_t __attribute__((vector_size(16)));

/// The even of eight bfloat16: the upper halves of floats, two in 32 bits (little-endian).
[[nodiscard]] inline FloatLanes load_even(const std::byte* from) {
  FloatBits pairs;
  std::memcpy(&pairs, from, sizeof pairs);
  return {std::bit_cast<FloatLanes::Vector>(pairs << 16)};
}
struct UpperHalves {};
[[nodiscard]] inline UpperHalves upper_halves() { return {}; }
[[nodiscard]] inline FloatLanes load_odd(const std::byte* from, UpperHalves) {
  FloatBits pairs;
  std::memcpy(&pairs, from, sizeof pairs);
  return {std::bit_cast<FloatLanes::Vector>(pairs & 0xFFFF0000U)};
}

[[nodiscard]] inline FloatLanes keep(FloatLanes value) { return value; }

[[nodiscard]] inline FloatLanes operator+(FloatLanes a, FloatLanes b) { return {a.v + b.v}; }
[[nodiscard]] inline FloatLanes operator-(FloatLanes a, FloatLanes b) { return {a.v - b.v}; }
[[nodiscard]] inline FloatLanes operator*(FloatLanes a, FloatLanes b) { return {a.v * b.v}; }
[[nodiscard]] inline FloatLanes operator/(FloatLanes a, FloatLanes b) { return {a.v / b.v}; }
/// Two roundings where the processor has no fused instruction: calling the library's fma would be a
/// hundred times slower.
[[nodiscard]] inline FloatLanes fma(FloatLanes a, FloatLanes b, FloatLanes c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  FloatLanes result = c;
  for (std::size_t i = 0; i < 4; ++i) result.v[i] = std::fma(a.v[i], b.v[i], c.v[i]);
  return result;
#else
  return {a.v * b.v + c.v};
#endif
}
[[nodiscard]] inline FloatLanes select_less(FloatLanes a, FloatLanes b, FloatLanes then,
                                            FloatLanes otherwise) {
  return {a.v < b.v ? then.v : otherwise.v};
}
/// b where either is NaN, as the instruction of x86.
[[nodiscard]] inline FloatLanes max(FloatLanes a, FloatLanes b) { return select_less(b, a, a, b); }
[[nodiscard]] inline FloatLanes min(FloatLanes a, FloatLanes b) { return select_less(a, b, a, b); }
[[nodiscard]] inline FloatLanes abs(FloatLanes a) {
  for (std::size_t i = 0; i < 4; ++i) a.v[i] = std::fabs(a.v[i]);
  return a;
}
[[nodiscard]] inline FloatLanes round(FloatLanes a) {
  for (std::size_t i = 0; i < 4; ++i) a.v[i] = std::nearbyint(a.v[i]);
  return a;
}
[[nodiscard]] inline FloatLanes scale_by_power_of_two(FloatLanes a, FloatLanes n) {
  for (std::size_t i = 0; i < 4; ++i) {
    const auto whole = static_cast<std::int32_t>(
        n.v[i] > -127.0F ? (n.v[i] < 128.0F ? n.v[i] : 128.0F) : -127.0F);
    const std::int32_t half = whole >> 1;
    const auto power = [](std::int32_t e) {
      return std::bit_cast<float>(static_cast<std::uint32_t>(e + 127) << 23);
    };
    a.v[i] = a.v[i] * power(half) * power(whole - half);
  }
  return a;
}

[[nodiscard]] inline float sum(FloatLanes a) { return (a.v[0] + a.v[1]) + (a.v[2] + a.v[3]); }
inline void store_sums(float* to, FloatLanes a, FloatLanes b, FloatLanes c, FloatLanes d) {
  to[0] = sum(a);
  to[1] = sum(b);
  to[2] = sum(c);
  to[3] = sum(d);
}
[[nodiscard]] inline FloatLanes max_magnitude(FloatLanes a, FloatLanes b) {
  for (std::size_t i = 0; i < 4; ++i)
    a.v[i] = a.v[i] >= b.v[i] || std::isnan(a.v[i]) ? a.v[i] : b.v[i];
  return a;
}
[[nodiscard]] inline float largest_magnitude(FloatLanes a) {
  float largest = 0.0F;
  for (std::size_t i = 0; i < 4; ++i)
    largest = largest >= a.v[i] || std::isnan(largest) ? largest : a.v[i];
  return largest;
}
inline void store_bytes(std::int8_t* to, FloatLanes a) {
  for (std::size_t i = 0; i < 4; ++i) to[i] = static_cast<std::int8_t>(a.v[i]);
}
[[nodiscard]] inline float maximum(FloatLanes a) {
  const auto larger = [](float x, float y) { return x > y ? x : y; };
  return larger(larger(a.v[0], a.v[2]), larger(a.v[1], a.v[3]));
}

}  // namespace tutti::cpu::inline TUTTI_ABI
