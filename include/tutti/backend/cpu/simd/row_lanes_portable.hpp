// SPDX-License-Identifier: Apache-2.0
#pragma once
// The eight-row lanes of row_lanes.hpp as plain loops. Include row_lanes.hpp instead.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tutti/backend/cpu/product/row_pointers.hpp"
#include "tutti/base/numeric/float16.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

inline constexpr std::size_t kPanelRows = 8;

struct RowFloats {
  float v[kPanelRows];
};
struct RowInts {
  std::int32_t v[kPanelRows];
};
struct RowBytes {
  std::uint8_t v[4 * kPanelRows];

  friend RowBytes operator&(RowBytes a, int mask) {
    for (auto& byte : a.v) byte = static_cast<std::uint8_t>(byte & mask);
    return a;
  }
  friend RowBytes operator^(RowBytes a, int mask) {
    for (auto& byte : a.v) byte = static_cast<std::uint8_t>(byte ^ mask);
    return a;
  }
  friend RowBytes operator|(RowBytes a, const RowBytes& b) {
    for (std::size_t i = 0; i < sizeof a.v; ++i)
      a.v[i] = static_cast<std::uint8_t>(a.v[i] | b.v[i]);
    return a;
  }
};

namespace row_lanes {
/// result[r] = body(r) in every lane.
template <class Result, class Body>
[[nodiscard]] inline Result fill(Body body) {
  Result result;
  for (std::size_t r = 0; r < kPanelRows; ++r) result.v[r] = body(r);
  return result;
}
}  // namespace row_lanes

[[nodiscard]] inline RowFloats row_broadcast(float value) {
  return row_lanes::fill<RowFloats>([&](std::size_t) { return value; });
}
[[nodiscard]] inline RowFloats row_load(const float* from) {
  return row_lanes::fill<RowFloats>([&](std::size_t r) { return from[r]; });
}
inline void row_store(float* to, const RowFloats& a) { std::memcpy(to, a.v, sizeof a.v); }
[[nodiscard]] inline RowFloats operator+(const RowFloats& a, const RowFloats& b) {
  return row_lanes::fill<RowFloats>([&](std::size_t r) { return a.v[r] + b.v[r]; });
}
[[nodiscard]] inline RowFloats operator*(const RowFloats& a, const RowFloats& b) {
  return row_lanes::fill<RowFloats>([&](std::size_t r) { return a.v[r] * b.v[r]; });
}
[[nodiscard]] inline RowFloats row_fma(const RowFloats& a, const RowFloats& b, const RowFloats& c) {
  return row_lanes::fill<RowFloats>([&](std::size_t r) { return a.v[r] * b.v[r] + c.v[r]; });
}
[[nodiscard]] inline RowFloats to_floats(const RowInts& a) {
  return row_lanes::fill<RowFloats>([&](std::size_t r) { return static_cast<float>(a.v[r]); });
}
[[nodiscard]] inline RowInts row_broadcast(std::int32_t value) {
  return row_lanes::fill<RowInts>([&](std::size_t) { return value; });
}
[[nodiscard]] inline RowInts sixteenfold_plus(const RowInts& a, const RowInts& b) {
  return row_lanes::fill<RowInts>([&](std::size_t r) { return 16 * a.v[r] + b.v[r]; });
}
[[nodiscard]] inline RowInts operator-(const RowInts& a, const RowInts& b) {
  return row_lanes::fill<RowInts>([&](std::size_t r) { return a.v[r] - b.v[r]; });
}

template <std::size_t i>
[[nodiscard]] RowInts unsigned_byte(const RowBytes& a) {
  return row_lanes::fill<RowInts>([&](std::size_t r) { return std::int32_t{a.v[4 * r + i]}; });
}
template <std::size_t i>
[[nodiscard]] RowInts signed_byte(const RowBytes& a) {
  return row_lanes::fill<RowInts>(
      [&](std::size_t r) { return std::int32_t{static_cast<std::int8_t>(a.v[4 * r + i])}; });
}
template <std::size_t shift>
[[nodiscard]] RowBytes shift_right(RowBytes a, int mask) {
  for (auto& byte : a.v) byte = static_cast<std::uint8_t>((byte >> shift) & mask);
  return a;
}
template <std::size_t shift>
[[nodiscard]] RowBytes shift_left(RowBytes a, int mask) {
  for (auto& byte : a.v) byte = static_cast<std::uint8_t>((byte & mask) << shift);
  return a;
}

inline void load_16(const RowPointers& rows, std::size_t offset, RowBytes* to) {
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t r = 0; r < kPanelRows; ++r)
      std::memcpy(to[i].v + 4 * r, rows.row(r) + offset + 4 * i, 4);
  }
}
[[nodiscard]] inline RowBytes load_4(const RowPointers& rows, std::size_t offset) {
  RowBytes result;
  for (std::size_t r = 0; r < kPanelRows; ++r)
    std::memcpy(result.v + 4 * r, rows.row(r) + offset, 4);
  return result;
}
[[nodiscard]] inline RowFloats load_half(const RowPointers& rows, std::size_t offset) {
  return row_lanes::fill<RowFloats>([&](std::size_t r) {
    Float16 half;
    std::memcpy(&half, rows.row(r) + offset, sizeof half);
    return to_float(half);
  });
}
inline void load_half_pair(const RowPointers& rows, std::size_t offset, RowFloats& first,
                           RowFloats& second) {
  first = load_half(rows, offset);
  second = load_half(rows, offset + 2);
}

template <std::size_t first>
[[nodiscard]] RowBytes spread_bits(const RowBytes& word, int value) {
  RowBytes result;
  for (std::size_t r = 0; r < kPanelRows; ++r) {
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t bit = first + i;
      result.v[4 * r + i] = static_cast<std::uint8_t>(
          (word.v[4 * r + bit / 8] >> (bit % 8) & 1) != 0 ? value : 0);
    }
  }
  return result;
}

inline constexpr bool kWideCodes = true;
inline constexpr bool kSignedCodes = false;

template <std::size_t kQuads, int kLargest, std::size_t P, std::size_t M>
void add_dot(const RowBytes* const (&codes)[P], const std::int8_t* const (&x)[M],
             RowInts (&products)[P][M]) {
  for (std::size_t p = 0; p < P; ++p) {
    for (std::size_t m = 0; m < M; ++m) {
      for (std::size_t i = 0; i < 4 * kQuads; ++i) {
        for (std::size_t r = 0; r < kPanelRows; ++r)
          products[p][m].v[r] += codes[p][i / 4].v[4 * r + i % 4] * x[m][i];
      }
    }
  }
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI
