// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/gguf/gguf_metadata.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/raw_bytes.hpp"

namespace tutti {
namespace {

using test::contains;
using test::GgufIds;
using test::GgufWriter;
using test::raw_bytes;

/// The pairs of a writer with the bytes that they point into.
struct Parsed {
  std::string bytes;
  GgufMetadata metadata;

  Parsed(const GgufWriter& writer, std::uint64_t count) : bytes(writer.bytes()) {
    ByteReader reader(std::as_bytes(std::span(bytes.data(), bytes.size())), "m.gguf");
    reader.take(24, "the head");
    metadata = GgufMetadata(reader, count);
  }
};

TEST_CASE("Any integer type of the file serves any integer type that it fits") {
  const Parsed parsed(GgufWriter()
                          .add("u32", std::uint32_t{7})
                          .add("i32", std::int32_t{-7})
                          .add_raw("u8", GgufIds::value_u8, raw_bytes(std::uint8_t{200}))
                          .add_raw("u64", GgufIds::value_u64, raw_bytes(~std::uint64_t{0})),
                      4);
  const GgufMetadata& metadata = parsed.metadata;
  CHECK(metadata.size() == 4);
  CHECK(metadata.get<std::uint32_t>("u32") == 7);
  CHECK(metadata.get<std::int8_t>("u32") == 7);
  CHECK(metadata.get<std::size_t>("u8") == 200);
  CHECK(metadata.get<int>("i32") == -7);
  CHECK(metadata.get<std::uint64_t>("u64") == ~std::uint64_t{0});
  CHECK_THROWS_WITH(
      metadata.get<std::uint32_t>("i32"),
      "m.gguf: metadata key \"i32\" is the i32 -7, expected an integer from 0 to 4294967295");
  CHECK_THROWS_WITH(metadata.get<std::int8_t>("u8"),
                    contains("is the u8 200, expected an integer from -128 to 127"));
  CHECK_THROWS_WITH(metadata.get<std::int64_t>("u64"), contains("expected an integer"));
}

TEST_CASE("Floats, bools and strings keep to their kind") {
  const Parsed parsed(GgufWriter()
                          .add("f", 0.5F)
                          .add_raw("d", GgufIds::value_f64, raw_bytes(1e300))
                          .add("b", true)
                          .add("s", "text")
                          .add("inf", std::numeric_limits<float>::infinity()),
                      5);
  const GgufMetadata& metadata = parsed.metadata;
  CHECK(metadata.get<float>("f") == 0.5F);
  CHECK(metadata.get<double>("f") == 0.5);
  CHECK(metadata.get<double>("d") == 1e300);
  CHECK_THROWS_AS(metadata.get<float>("d"), FormatError);
  CHECK(std::isinf(metadata.get<float>("inf")));
  CHECK(metadata.get<bool>("b"));
  CHECK(metadata.get<std::string>("s") == "text");
  const auto view = metadata.get<std::string_view>("s");
  CHECK((view.data() >= parsed.bytes.data() &&
         view.data() < parsed.bytes.data() + parsed.bytes.size()));
  CHECK_THROWS_WITH(metadata.get<int>("f"), contains("is the f32 0.5"));
  CHECK_THROWS_WITH(metadata.get<int>("b"), contains("is a bool, expected an integer"));
  CHECK_THROWS_WITH(metadata.get<bool>("s"), contains("is the string \"text\", expected a bool"));
  CHECK_THROWS_WITH(metadata.get<std::string>("f"), contains("expected a string"));
}

TEST_CASE("Arrays become vectors, strings without copies") {
  const Parsed parsed(GgufWriter()
                          .add("tokens", std::vector<std::string>{"a", "", "\xC4\xA0t"})
                          .add("scores", std::vector<float>{1, -2.5F})
                          .add("types", std::vector<std::int32_t>{1, 3})
                          .add("none", std::vector<std::string>{}),
                      4);
  const GgufMetadata& metadata = parsed.metadata;
  CHECK(metadata.get<std::vector<std::string_view>>("tokens") ==
        std::vector<std::string_view>{"a", "", "\xC4\xA0t"});
  CHECK(metadata.get<std::vector<std::string>>("tokens")[2] == "\xC4\xA0t");
  CHECK(metadata.get<std::vector<float>>("scores") == std::vector<float>{1, -2.5F});
  CHECK(metadata.get<std::vector<std::uint8_t>>("types") == std::vector<std::uint8_t>{1, 3});
  CHECK(metadata.get<std::vector<std::string_view>>("none").empty());
  CHECK_THROWS_WITH(metadata.get<std::vector<int>>("tokens"),
                    contains("is an array of 3 strings, expected an array, each item an integer"));
  CHECK_THROWS_WITH(metadata.get<std::vector<int>>("scores"), contains("is an array of 2 f32"));
  CHECK_THROWS_AS(metadata.get<int>("types"), FormatError);
}

TEST_CASE("Missing keys are errors, nothing or a default, as asked") {
  const Parsed parsed(GgufWriter().add("a", std::uint32_t{1}), 1);
  CHECK(parsed.metadata.contains("a"));
  CHECK_FALSE(parsed.metadata.contains("b"));
  CHECK_FALSE(parsed.metadata.find<int>("b").has_value());
  CHECK(parsed.metadata.get<int>("b", 5) == 5);
  CHECK(parsed.metadata.get<int>("a", 5) == 1);
  CHECK_THROWS_WITH(parsed.metadata.get<bool>("b"),
                    "m.gguf: metadata key \"b\" is missing, expected a bool");
}

void check_metadata_refused(const GgufWriter& writer, const std::string& reason) {
  CHECK_THROWS_WITH(Parsed(writer, 1), contains(reason));
}

TEST_CASE("Types out of range and arrays of arrays are refused") {
  check_metadata_refused(GgufWriter().add_raw("k", 13, "12345678"),
                         "metadata key \"k\" has value type 13, the format's types end at 12");
  check_metadata_refused(GgufWriter().add_array("k", 13, 1, "12345678"), "has value type 13");
  check_metadata_refused(
      GgufWriter().add_array("k", GgufIds::value_array, 1, std::string(20, '\0')),
      "is an array of arrays");
  check_metadata_refused(GgufWriter().add_raw("k", GgufIds::value_bool, "\x02"),
                         "has the byte 2 for a bool, expected 0 or 1");
  check_metadata_refused(
      GgufWriter().add_array("k", GgufIds::value_bool, 2, std::string("\0\xFF", 2)),
      "has the byte 255 for a bool");
}

TEST_CASE("Duplicate keys are refused") {
  CHECK_THROWS_WITH(Parsed(GgufWriter().add("k", 1).add("k", 2), 2),
                    contains("duplicate metadata key \"k\""));
}

TEST_CASE("Counts and lengths beyond the file are refused before anything is allocated") {
  constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  CHECK_THROWS_WITH(Parsed(GgufWriter().add("k", 1), kHuge),
                    contains("18446744073709551615 metadata pairs cannot fit the remaining"));
  check_metadata_refused(GgufWriter().add_raw("k", GgufIds::value_string, raw_bytes(kHuge)),
                         "the limit is 67108864");
  check_metadata_refused(
      GgufWriter().add_raw("k", GgufIds::value_string, raw_bytes(std::uint64_t{1000})),
      "needs 1000 bytes, but only");
  check_metadata_refused(GgufWriter().add_array("k", GgufIds::value_f64, kHuge / 8 + 1, ""),
                         "more than the remaining");
  check_metadata_refused(GgufWriter().add_array("k", GgufIds::value_u8, 1000, ""),
                         "1000 items of type u8");
  check_metadata_refused(
      GgufWriter().add_array("k", GgufIds::value_string, 50, GgufWriter::string("a")),
      "50 items of type string");
  check_metadata_refused(GgufWriter().add_array("k", GgufIds::value_string, 2,
                                                GgufWriter::string("a") + raw_bytes(kHuge)),
                         "the limit is");
  check_metadata_refused(GgufWriter().add(std::string(65'536, 'k'), 1),
                         "a metadata key at byte 24 has 65536 bytes, the limit is 65535");
}

}  // namespace
}  // namespace tutti
