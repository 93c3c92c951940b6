// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cpu/activation_buffer.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/support/catch.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"

using namespace tutti;
using namespace tutti::cpu;
using tutti::test::Approx;
using tutti::test::random_floats;

namespace {

/// One prepared row, kept alive by its buffer.
struct Prepared {
  ActivationBuffer buffer;
  PreparedActivations view;

  Prepared(const std::vector<float>& x, DType type, bool round = false) : buffer(round) {
    ThreadPool pool(1);
    prepare(buffer, MatrixView<const float>(x.data(), 1, x.size()), std::span(&type, 1), pool);
    view = buffer.view();
  }
};

}  // namespace

TEST_CASE("plain rows are copied, begin on cache lines and end in zeros") {
  ThreadPool pool(2);
  ActivationBuffer buffer;
  const std::vector<float> x = random_floats(3 * 37, 1);
  const DType type = DType::f32;
  // Fills the reused memory with other numbers.
  prepare(buffer, MatrixView<const float>(random_floats(3 * 64, 2).data(), 3, 64),
          std::span(&type, 1), pool);
  prepare(buffer, MatrixView<const float>(x.data(), 3, 37), std::span(&type, 1), pool);
  const PreparedActivations view = buffer.view(1, 2);
  CHECK(view.rows == 2);
  CHECK(view.cols == 37);
  CHECK(reinterpret_cast<std::uintptr_t>(view.plain) % kCacheLine == 0);
  for (std::size_t i = 0; i < view.stride; ++i) CHECK(view.plain[i] == (i < 37 ? x[37 + i] : 0.0F));
}

TEST_CASE("rows for bfloat16 weights are split into even and odd elements") {
  std::vector<float> x(2 * kLanes + 3);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i + 1);
  const Prepared prepared(x, DType::bf16);
  const float* split = prepared.view.even_odd;
  CHECK(split[0] == 1.0F);
  CHECK(split[1] == 3.0F);
  CHECK(split[kLanes] == 2.0F);
  CHECK(split[2 * kLanes] == x[2 * kLanes]);
  CHECK(split[2 * kLanes + 1] == x[2 * kLanes + 2]);
  CHECK(split[3 * kLanes] == x[2 * kLanes + 1]);
  CHECK(split[3 * kLanes + 1] == 0.0F);
  CHECK(prepared.view.bfloat16 == nullptr);
}

TEST_CASE(
    "rows for bfloat16 weights are rounded to their type if asked, where the processor can "
    "multiply it") {
  const std::vector<float> x = random_floats(2 * kLanes + 3, 4);
  const Prepared prepared(x, DType::bf16, true);
  CHECK((prepared.view.bfloat16 != nullptr) == kMultipliesBFloat16);
  CHECK((prepared.view.even_odd == nullptr) == kMultipliesBFloat16);
  if (!kMultipliesBFloat16) return;
  for (std::size_t i = 0; i < prepared.view.stride; ++i) {
    CHECK(prepared.view.bfloat16[i].bits == to_bfloat16(i < x.size() ? x[i] : 0.0F).bits);
  }
}

TEST_CASE("a block's largest magnitude becomes 127 and halves round to even") {
  std::vector<float> x(32, 0.0F);
  x[0] = -127.0F;
  x[1] = 2.5F;
  x[2] = 3.5F;
  x[17] = -1.2F;
  const Prepared prepared(x, DType::q8_0);
  const QuantizedRows& q = prepared.view.blocks;
  CHECK(q.scales[0] == 1.0F);
  CHECK(int{q.codes[0]} == -127);
  CHECK(int{q.codes[1]} == 2);
  CHECK(int{q.codes[2]} == 4);
  CHECK(int{q.codes[17]} == -1);
  CHECK(q.sums[0] == -121);
  CHECK(q.sums[1] == -1);
  CHECK(q.scaled_sums[0] == -122.0F);
}

TEST_CASE(
    "a block's scale and scaled sum are rounded to 16 bits, its codes come from the exact scale") {
  std::vector<float> x(32, 0.1F);
  x[5] = 0.3F;
  const Prepared prepared(x, DType::q4_1);
  const QuantizedRows& q = prepared.view.blocks;
  const float scale = 0.3F / 127.0F;
  CHECK(q.scales[0] == to_float(to_float16(scale)));
  CHECK(int{q.codes[5]} == 127);
  CHECK(int{q.codes[0]} == 42);  // 42.33
  CHECK(q.scaled_sums[0] == to_float(to_float16(scale * (127.0F + 31.0F * 42.0F))));
}

TEST_CASE("a superblock's element of largest magnitude becomes -127 whatever its sign") {
  for (const float extreme : {8.0F, -8.0F}) {
    std::vector<float> x(512, 1.0F);
    x[300] = extreme;
    const Prepared prepared(x, DType::q4_k);
    const QuantizedRows& q = prepared.view.superblocks;
    CHECK(int{q.codes[300]} == -127);
    CHECK(q.scales[8] == Approx(-extreme / 127.0F));
    for (std::size_t block = 9; block < 16; ++block) CHECK(q.scales[block] == q.scales[8]);
    CHECK(q.scales[0] == Approx(-1.0F / 127.0F));
    CHECK(q.scaled_sums[0] == Approx(32.0F));
  }
}

TEST_CASE("a block of zeros has scale 0") {
  for (const DType type : {DType::q4_0, DType::q6_k}) {
    const Prepared prepared(std::vector<float>(256, 0.0F), type);
    const QuantizedRows& q = type == DType::q4_0 ? prepared.view.blocks : prepared.view.superblocks;
    CHECK(q.scales[0] == 0.0F);
    CHECK(int{q.codes[100]} == 0);
    CHECK(q.scaled_sums[7] == 0.0F);
  }
}

TEST_CASE("decoded codes are within half a step, and codes never exceed 127") {
  const std::vector<float> x = random_floats(1024, 5);
  for (const DType type : {DType::q8_0, DType::q5_k}) {
    const Prepared prepared(x, type);
    const QuantizedRows& q = type == DType::q8_0 ? prepared.view.blocks : prepared.view.superblocks;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float scale = q.scales[i / 32];
      REQUIRE(std::abs(int{q.codes[i]}) <= 127);
      // The scale itself is rounded by up to 2^-11 of the value.
      REQUIRE(std::fabs(scale * static_cast<float>(q.codes[i]) - x[i]) <=
              0.5F * std::fabs(scale) * 1.01F + 5e-4F * std::fabs(x[i]));
    }
  }
}

TEST_CASE("NaN and infinity make a block's scale NaN or infinite and keep the codes in range") {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (const DType type : {DType::q8_0, DType::q4_k}) {
      std::vector<float> x = random_floats(256, 6);
      x[40] = bad;
      const Prepared prepared(x, type);
      const QuantizedRows& q = type == DType::q8_0 ? prepared.view.blocks
                                                   : prepared.view.superblocks;
      CHECK(!std::isfinite(q.scales[1]));
      for (std::size_t i = 0; i < 256; ++i) REQUIRE(std::abs(int{q.codes[i]}) <= 127);
    }
  }
}
