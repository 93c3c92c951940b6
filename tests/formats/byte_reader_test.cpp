// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/byte_reader.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/raw_bytes.hpp"

namespace tutti {
namespace {

using test::raw_bytes;

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST_CASE("Values are read in order from wherever they lie") {
  const std::string data = raw_bytes(std::uint8_t{7}) + raw_bytes(1.5F) +
                           raw_bytes(std::uint64_t{3}) + "abc";
  ByteReader reader(as_bytes(data), "file");
  CHECK(reader.read<std::uint8_t>("a byte") == 7);
  CHECK(reader.read<float>("a float") == 1.5F);
  CHECK(reader.read_string("a string", 10) == "abc");
  CHECK(reader.position() == 16);
  CHECK(reader.remaining() == 0);
}

TEST_CASE("Reading past the end names the place and both sizes") {
  const std::string data = "abc";
  ByteReader reader(as_bytes(data), "model.gguf");
  CHECK_THROWS_WITH(reader.read<std::uint32_t>("the version"),
                    "model.gguf: the version at byte 0 needs 4 bytes, but only 3 remain; the file "
                    "is truncated or corrupt");
  CHECK(reader.position() == 0);
}

TEST_CASE("Lengths near 2^64 do not wrap") {
  const std::string data = raw_bytes(std::numeric_limits<std::uint64_t>::max()) + "abc";
  ByteReader reader(as_bytes(data), "file");
  CHECK_THROWS_AS(reader.read_string("a string", std::numeric_limits<std::uint64_t>::max()),
                  FormatError);
}

TEST_CASE("A string above its limit is refused before it is read") {
  const std::string data = raw_bytes(std::uint64_t{5}) + "abcde";
  ByteReader reader(as_bytes(data), "file");
  CHECK_THROWS_WITH(reader.read_string("a name", 4),
                    "file: a name at byte 0 has 5 bytes, the limit is 4");
}

}  // namespace
}  // namespace tutti
