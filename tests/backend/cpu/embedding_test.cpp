// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cpu/embedding.hpp"

#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("embed copies the token's row as floats") {
  for (const DType type :
       {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_1, DType::q6_k}) {
    const RandomWeights table(type, 5, 256, 3);
    std::vector<float> expected(256), out(256);
    dequantize_row(type, table.view().row(4), 256, expected.data());
    cpu::embed(table.view(), 4, out.data());
    CHECK(out == expected);
  }
}

TEST_CASE("embed refuses tokens outside the vocabulary") {
  const RandomWeights table(DType::f32, 5, 4, 3);
  float out[4];
  CHECK_THROWS_WITH(cpu::embed(table.view(), 5, out),
                    contains("token 5") && contains("vocabulary of 5"));
  CHECK_THROWS_AS(cpu::embed(table.view(), -1, out), OptionError);
}
