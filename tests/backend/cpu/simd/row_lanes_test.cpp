// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cpu/simd/row_lanes.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/support/catch.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"

#if defined(TUTTI_HAS_ROW_LANES)

using namespace tutti;
using namespace tutti::cpu::detail;
using tutti::cpu::unroll;
using tutti::test::random_bits;
using tutti::test::random_floats;

namespace {

constexpr std::size_t kStride = 77;

/// Random bytes as kPanelRows rows of kStride, beginning at an odd address.
struct Rows {
  std::vector<std::uint8_t> bytes;

  explicit Rows(std::uint64_t seed) : bytes(1 + kPanelRows * kStride) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::uint8_t>(random_bits(seed, i) >> 24);
  }
  [[nodiscard]] RowPointers pointers() const {
    return {reinterpret_cast<const std::byte*>(bytes.data() + 1), kStride};
  }
  [[nodiscard]] std::uint8_t at(std::size_t row, std::size_t i) const {
    return bytes[1 + row * kStride + i];
  }
};

std::array<float, kPanelRows> lanes_of(RowFloats value) {
  std::array<float, kPanelRows> lanes;
  row_store(lanes.data(), value);
  return lanes;
}
/// Exact for the small integers of these tests.
std::array<float, kPanelRows> lanes_of(RowInts value) { return lanes_of(to_floats(value)); }

/// The four bytes of every row.
std::array<std::array<float, 4>, kPanelRows> bytes_of(const RowBytes& value) {
  std::array<std::array<float, 4>, kPanelRows> bytes;
  unroll<4>([&](auto i) {
    const auto lanes = lanes_of(unsigned_byte<i>(value));
    for (std::size_t r = 0; r < kPanelRows; ++r) bytes[r][i] = lanes[r];
  });
  return bytes;
}

/// Whether every byte i of every row r is expected(r, i).
template <class Expected>
bool has_bytes(const RowBytes& value, Expected expected) {
  const auto bytes = bytes_of(value);
  for (std::size_t r = 0; r < kPanelRows; ++r) {
    for (std::size_t i = 0; i < 4; ++i) {
      if (bytes[r][i] != static_cast<float>(static_cast<std::uint8_t>(expected(r, i))))
        return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("bytes of the rows come into their lanes from any address") {
  const Rows rows(1);
  for (const std::size_t offset : {0U, 1U, 16U, 61U}) {
    RowBytes loaded[8];
    load_16(rows.pointers(), offset, loaded);
    for (std::size_t quad = 0; quad < 4; ++quad) {
      CHECK(has_bytes(loaded[quad], [&](std::size_t r, std::size_t i) {
        return rows.at(r, offset + 4 * quad + i);
      }));
    }
    if (offset + 32 <= kStride) {
      load_32(rows.pointers(), offset, loaded);
      for (std::size_t quad = 0; quad < 8; ++quad) {
        CHECK(has_bytes(loaded[quad], [&](std::size_t r, std::size_t i) {
          return rows.at(r, offset + 4 * quad + i);
        }));
      }
    }
    CHECK(has_bytes(load_4(rows.pointers(), offset),
                    [&](std::size_t r, std::size_t i) { return rows.at(r, offset + i); }));
  }
}

TEST_CASE("16-bit floats of the rows become floats") {
  const Rows rows(2);
  const auto half_at = [&](std::size_t r, std::size_t offset) {
    return to_float(
        Float16{static_cast<std::uint16_t>(rows.at(r, offset) | rows.at(r, offset + 1) << 8)});
  };
  const auto same = [](float a, float b) { return std::isnan(a) ? std::isnan(b) : a == b; };
  for (const std::size_t offset : {0U, 2U, 33U}) {
    const auto single = lanes_of(load_half(rows.pointers(), offset));
    RowFloats first, second;
    split_halves(load_4(rows.pointers(), offset), first, second);
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      CAPTURE(offset, r);
      CHECK(same(single[r], half_at(r, offset)));
      CHECK(same(lanes_of(first)[r], half_at(r, offset)));
      CHECK(same(lanes_of(second)[r], half_at(r, offset + 2)));
    }
  }
}

TEST_CASE("four bytes that begin in the middle of a word are joined from two words") {
  const Rows rows(7);
  const RowBytes joined = join_halves(load_4(rows.pointers(), 0), load_4(rows.pointers(), 4));
  CHECK(has_bytes(joined, [&](std::size_t r, std::size_t i) { return rows.at(r, 2 + i); }));
}

TEST_CASE("bytes are masked, combined and shifted one by one") {
  const Rows rows(3);
  const RowBytes a = load_4(rows.pointers(), 0), b = load_4(rows.pointers(), 4);
  const auto x = [&](std::size_t r, std::size_t i) { return int{rows.at(r, i)}; };
  const auto y = [&](std::size_t r, std::size_t i) { return int{rows.at(r, 4 + i)}; };
  CHECK(has_bytes(a & 0x0F, [&](auto r, auto i) { return x(r, i) & 0x0F; }));
  CHECK(has_bytes(a | b, [&](auto r, auto i) { return x(r, i) | y(r, i); }));
  CHECK(has_bytes(a ^ 0x80, [&](auto r, auto i) { return x(r, i) ^ 0x80; }));
  CHECK(has_bytes(shift_right<0>(a, 0x03), [&](auto r, auto i) { return x(r, i) & 3; }));
  CHECK(has_bytes(shift_right<2>(a, 0x03), [&](auto r, auto i) { return x(r, i) >> 2 & 3; }));
  CHECK(has_bytes(shift_right<4>(a, 0x0F), [&](auto r, auto i) { return x(r, i) >> 4; }));
  CHECK(has_bytes(shift_right<6>(a, 0x03), [&](auto r, auto i) { return x(r, i) >> 6; }));
  CHECK(has_bytes(shift_left<4>(a, 0x03), [&](auto r, auto i) { return (x(r, i) & 3) << 4; }));
}

TEST_CASE("single bytes become integers with and without sign") {
  const Rows rows(4);
  const RowBytes a = load_4(rows.pointers(), 0);
  unroll<4>([&](auto i) {
    const auto plain = lanes_of(unsigned_byte<i>(a)), with_sign = lanes_of(signed_byte<i>(a));
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      CHECK(plain[r] == static_cast<float>(rows.at(r, i)));
      CHECK(with_sign[r] == static_cast<float>(static_cast<std::int8_t>(rows.at(r, i))));
    }
  });
}

TEST_CASE("each bit of a word is spread to a byte of its own") {
  const Rows rows(5);
  const RowBytes words = load_4(rows.pointers(), 0);
  unroll<8>([&](auto quad) {
    CHECK(has_bytes(spread_bits<4 * quad>(words, 0x10), [&](std::size_t r, std::size_t i) {
      const std::size_t bit = 4 * quad + i;
      return (rows.at(r, bit / 8) >> (bit % 8) & 1) != 0 ? 0x10 : 0;
    }));
  });
}

TEST_CASE("integers and floats of the rows are computed lane by lane") {
  const std::vector<float> x = random_floats(3 * kPanelRows, 6);
  const RowFloats a = row_load(&x[0]), b = row_load(&x[kPanelRows]),
                  c = row_load(&x[2 * kPanelRows]);
  const RowInts n = signed_byte<0>(load_4(Rows(6).pointers(), 0));
  for (std::size_t r = 0; r < kPanelRows; ++r) {
    const float u = x[r], v = x[kPanelRows + r], w = x[2 * kPanelRows + r];
    CHECK(lanes_of(a + b)[r] == u + v);
    CHECK(lanes_of(a * b)[r] == u * v);
    CHECK(static_cast<double>(lanes_of(row_fma(a, b, c))[r]) ==
          tutti::test::Approx(static_cast<double>(u) * static_cast<double>(v) +
                              static_cast<double>(w))
              .margin(1e-7));
    CHECK(lanes_of(row_broadcast(3) - n)[r] == 3.0F - lanes_of(n)[r]);
    CHECK(lanes_of(sixteenfold_plus(n, row_broadcast(5)))[r] == 16.0F * lanes_of(n)[r] + 5.0F);
  }
}

namespace {

/// add_dot of two panels and three activation rows against sums of single products, for the codes
/// `code_of` of random bytes and for codes and activations of the largest magnitude.
template <std::size_t kQuads, int kLargest, class CodeOf>
void check_add_dot(CodeOf code_of, int mask, int largest) {
  const Rows rows(7);
  for (const bool extreme : {false, true}) {
    RowBytes codes[2][kQuads];
    std::array<std::array<std::int8_t, 4 * kQuads>, 3> x;
    for (std::size_t p = 0; p < 2; ++p) {
      for (std::size_t i = 0; i < kQuads; ++i) {
        const RowBytes bytes = load_4(rows.pointers(), 32 * p + 4 * i);
        codes[p][i] = extreme ? (bytes & 0) ^ largest : bytes & mask;
      }
    }
    for (std::size_t m = 0; m < 3; ++m) {
      for (std::size_t i = 0; i < 4 * kQuads; ++i) {
        const int random = static_cast<int>(random_bits(8 + m, i) % 255U) - 127;
        x[m][i] = static_cast<std::int8_t>(extreme ? (m == 0 ? 127 : -127) : random);
      }
    }
    const RowBytes* panels[2] = {codes[0], codes[1]};
    const std::int8_t* factors[3] = {x[0].data(), x[1].data(), x[2].data()};
    RowInts products[2][3];
    for (std::size_t i = 0; i < 6; ++i) products[i / 3][i % 3] = row_broadcast(1000);
    add_dot<kQuads, kLargest>(panels, factors, products);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      const std::size_t p = i / 3, m = i % 3;
      for (std::size_t r = 0; r < kPanelRows; ++r) {
        int expected = 1000;
        for (std::size_t k = 0; k < 4 * kQuads; ++k)
          expected += code_of(extreme ? largest : rows.at(r, 32 * p + k) & mask) * x[m][k];
        if (lanes_of(products[p][m])[r] != static_cast<float>(expected)) ++wrong;
      }
    }
    CAPTURE(kQuads, kLargest, extreme);
    CHECK(wrong == 0);
  }
}

}  // namespace

TEST_CASE("integer products are exact, those of the largest codes and activations too") {
  const auto as_it_is = [](int byte) { return byte; };
  check_add_dot<8, 15>(as_it_is, 0x0F, 15);
  check_add_dot<8, 31>(as_it_is, 0x1F, 31);
  check_add_dot<4, 63>(as_it_is, 0x3F, 63);
  if constexpr (kSignedCodes) {
    check_add_dot<8, 128>([](int byte) { return int{static_cast<std::int8_t>(byte)}; }, 0xFF, 128);
  } else if constexpr (kWideCodes) {
    check_add_dot<8, 255>(as_it_is, 0xFF, 255);
  }
}

#endif
