// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/quantized/dequantize.hpp"

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/raw_bytes.hpp"

namespace tutti {
namespace {

using test::raw_bytes;

std::vector<float> dequantize(DType type, const std::string& bytes, std::size_t elements) {
  std::vector<float> values(elements);
  dequantize_row(type, reinterpret_cast<const std::byte*>(bytes.data()), elements, values.data());
  return values;
}

TEST_CASE("All types give the same bits as the gguf package") {
  // Order and counts as in tests/data/formats/generate.py.
  std::ifstream file(std::string(TUTTI_TEST_DATA) + "/formats/dequantize.bin", std::ios::binary);
  const std::string data(std::istreambuf_iterator<char>(file), {});
  std::size_t position = 0;
  for (const DType type : {DType::bf16, DType::f16, DType::q4_0, DType::q4_1, DType::q5_0,
                           DType::q5_1, DType::q8_0, DType::q4_k, DType::q5_k, DType::q6_k}) {
    CAPTURE(layout_of(type).name);
    const std::size_t blocks = is_quantized(type) ? 4 : 64;
    const std::size_t elements = blocks * layout_of(type).block_elements;
    const std::size_t bytes = row_bytes(type, elements);
    REQUIRE(position + bytes + elements * sizeof(float) <= data.size());
    const std::vector<float> values = dequantize(type, data.substr(position, bytes), elements);
    position += bytes;
    const std::string expected = data.substr(position, elements * sizeof(float));
    position += elements * sizeof(float);
    CHECK(std::memcmp(values.data(), expected.data(), expected.size()) == 0);
  }
  CHECK(position == data.size());
}

TEST_CASE("F32 is copied") {
  CHECK(dequantize(DType::f32, raw_bytes(std::vector<float>{1.5F, -2.0F, 1e-40F}), 3) ==
        std::vector<float>{1.5F, -2.0F, 1e-40F});
}

TEST_CASE("F16 and BF16 widen exactly") {
  // 1.0, -2.0, the smallest subnormal 2^-24, 65504
  CHECK(dequantize(DType::f16,
                   raw_bytes(std::vector<std::uint16_t>{0x3C00, 0xC000, 0x0001, 0x7BFF}),
                   4) == std::vector<float>{1.0F, -2.0F, 0x1p-24F, 65504.0F});
  CHECK(dequantize(DType::bf16, raw_bytes(std::vector<std::uint16_t>{0x3F80, 0xC040}), 2) ==
        std::vector<float>{1.0F, -3.0F});
}

TEST_CASE("A Q4_0 block has its first half in the low nibbles, offset by 8") {
  std::string block = raw_bytes(std::uint16_t{0x3800});  // 0.5
  block += '\x1F';                                       // element 0: 15, element 16: 1
  block.resize(18, '\x88');
  const std::vector<float> values = dequantize(DType::q4_0, block, 32);
  CHECK(values[0] == 3.5F);    // (15 - 8) / 2
  CHECK(values[16] == -3.5F);  // (1 - 8) / 2
  CHECK(values[1] == 0.0F);
  CHECK(values[31] == 0.0F);
}

TEST_CASE("A Q8_0 block holds signed bytes, and rows may begin at odd addresses") {
  std::string block = std::string("?") + raw_bytes(std::uint16_t{0x4000});  // 2.0
  block += std::string(1, '\x80') + std::string(30, '\0') + '\x7F';
  std::vector<float> values(32);
  dequantize_row(DType::q8_0, reinterpret_cast<const std::byte*>(block.data()) + 1, 32,
                 values.data());
  CHECK(values[0] == -256.0F);
  CHECK(values[1] == 0.0F);
  CHECK(values[31] == 254.0F);
}

TEST_CASE("An infinite scale spreads and does not crash") {
  const std::string block = raw_bytes(std::uint16_t{0x7C00}) + std::string(32, '\1');
  CHECK(std::isinf(dequantize(DType::q8_0, block, 32)[0]));
}

TEST_CASE("No elements are no work") { CHECK(dequantize(DType::q6_k, "", 0).empty()); }

}  // namespace
}  // namespace tutti
