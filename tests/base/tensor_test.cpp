// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/tensor.hpp"

#include "tests/support/catch.hpp"

using namespace tutti;

TEST_CASE("plain types take one element a block") {
  CHECK(row_bytes(DType::f32, 576) == 2304);
  CHECK(row_bytes(DType::f16, 576) == 1152);
  CHECK(row_bytes(DType::bf16, 3) == 6);
  CHECK(row_bytes(DType::f32, 0) == 0);
}

// Block sizes as in the GGUF specification: a Q4_0 block is an f16 scale and 16 bytes of nibbles,
// and so on.
TEST_CASE("quantized types take whole blocks") {
  CHECK(row_bytes(DType::q4_0, 64) == 2 * (2 + 16));
  CHECK(row_bytes(DType::q4_1, 64) == 2 * (2 + 2 + 16));
  CHECK(row_bytes(DType::q5_0, 64) == 2 * (2 + 4 + 16));
  CHECK(row_bytes(DType::q5_1, 64) == 2 * (2 + 2 + 4 + 16));
  CHECK(row_bytes(DType::q8_0, 64) == 2 * (2 + 32));
  CHECK(row_bytes(DType::q4_k, 512) == 2 * (2 + 2 + 12 + 128));
  CHECK(row_bytes(DType::q5_k, 512) == 2 * (2 + 2 + 12 + 32 + 128));
  CHECK(row_bytes(DType::q6_k, 512) == 2 * (128 + 64 + 16 + 2));
}

TEST_CASE("a type knows its name and whether it is quantized") {
  CHECK(layout_of(DType::bf16).name == "BF16");
  CHECK(layout_of(DType::q6_k).name == "Q6_K");
  CHECK_FALSE(is_quantized(DType::f32));
  CHECK_FALSE(is_quantized(DType::f16));
  CHECK_FALSE(is_quantized(DType::bf16));
  CHECK(is_quantized(DType::q4_0));
  CHECK(is_quantized(DType::q6_k));
}

TEST_CASE("a shape is written in brackets") {
  CHECK(shape_text({2, 3}) == "[2, 3]");
  CHECK(shape_text({49152}) == "[49152]");
  CHECK(shape_text({}) == "[]");
}
