// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/safetensors/safetensors_file.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/raw_bytes.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tutti {
namespace {

using test::contains;
using test::raw_bytes;
using test::safetensors_bytes;
using test::SafetensorsWriter;
using test::TemporaryDirectory;

SafetensorsFile open_safetensors(const std::string& bytes) {
  const TemporaryDirectory directory;
  return SafetensorsFile(directory.write("t.safetensors", bytes));  // the mapping outlives the name
}

TEST_CASE("Tensors are views with type, shape and bytes") {
  const SafetensorsFile file = open_safetensors(SafetensorsWriter()
                                                    .add_f32("b", {2, 2}, {1, 2, 3, 4})
                                                    .add("a", "BF16", {3}, "abcdef")
                                                    .add("h", "F16", {1, 1, 1}, "gh")
                                                    .bytes());
  REQUIRE(file.tensors().size() == 3);
  CHECK(file.tensors()[0].name == "b");  // in the order of the bytes
  const TensorView* b = file.find("b");
  REQUIRE(b != nullptr);
  CHECK(b->type == DType::f32);
  CHECK(b->shape == std::vector<std::size_t>{2, 2});
  REQUIRE(b->bytes == 16);
  CHECK(std::memcmp(b->data, raw_bytes(std::vector<float>{1, 2, 3, 4}).data(), 16) == 0);
  CHECK(file.find("a")->type == DType::bf16);
  CHECK(std::memcmp(file.find("h")->data, "gh", 2) == 0);
  CHECK(file.find("missing") == nullptr);
}

TEST_CASE("Other dtypes are validated, listed apart and refused as weights") {
  const SafetensorsFile file = open_safetensors(SafetensorsWriter()
                                                    .add("ids", "I64", {2}, std::string(16, '\1'))
                                                    .add("m", "BOOL", {3}, "abc")
                                                    .bytes());
  CHECK(file.tensors().empty());
  REQUIRE(file.other_tensors().size() == 2);
  CHECK(file.other_tensors()[0].dtype == "I64");
  CHECK(file.other_tensors()[1].data.size() == 3);
  CHECK(file.contains("ids"));
  CHECK_THROWS_WITH(file.find("ids"),
                    contains("tensor \"ids\" has dtype I64; weights can be F32, F16 or BF16"));
}

TEST_CASE("Scalars, empty tensors, metadata and padding are legal") {
  const SafetensorsFile file = open_safetensors(
      safetensors_bytes(R"({"__metadata__": {"format": "pt"},
      "s": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
      "e": {"dtype": "F16", "shape": [0, 7], "data_offsets": [0, 0]},
      "x": {"dtype": "F4", "shape": [3, 2], "data_offsets": [4, 7]}}   )",
                        "0123456"));
  CHECK(file.find("s")->shape.empty());
  CHECK(file.find("e")->bytes == 0);
  CHECK(file.metadata().at("format") == "pt");
  CHECK(open_safetensors(safetensors_bytes("{}", "")).tensors().empty());
}

TEST_CASE("A file shorter than its header announces is refused") {
  CHECK_THROWS_WITH(open_safetensors(""),
                    contains("the header length at byte 0 needs 8 bytes, but only 0 remain"));
  CHECK_THROWS_WITH(open_safetensors("1234567"), contains("only 7 remain"));
  CHECK_THROWS_WITH(open_safetensors(raw_bytes(std::uint64_t{100}) + "{}"),
                    contains("the header at byte 8 needs 100 bytes, but only 2 remain"));
  CHECK_THROWS_WITH(open_safetensors(raw_bytes(std::uint64_t{100'000'001}) + "{}"),
                    contains("header of 100000001 bytes, more than the format's 100000000"));
  CHECK_THROWS_AS(open_safetensors(raw_bytes(~std::uint64_t{0}) + "{}"),
                  FormatError);  // 8 + N wraps
  CHECK_THROWS_AS(open_safetensors(raw_bytes(~std::uint64_t{0} - 6) + "{}"),
                  FormatError);  // 8 + N wraps to 1
}

TEST_CASE("A header that is not an object of tensors is refused") {
  CHECK_THROWS_WITH(open_safetensors(safetensors_bytes("", "")),
                    contains("does not begin with '{'"));
  CHECK_THROWS_WITH(open_safetensors(safetensors_bytes("[]", "")),
                    contains("does not begin with '{'"));
  CHECK_THROWS_WITH(open_safetensors(safetensors_bytes("{\"a\": 1}", "")),
                    contains("\"a\": expected an object, found the number 1"));
  CHECK_THROWS_WITH(open_safetensors(safetensors_bytes("{\"\xFF\": 1}", "")),
                    contains("invalid JSON"));
  CHECK_THROWS_WITH(open_safetensors(safetensors_bytes(R"({"__metadata__": {"a": 1}})", "")),
                    contains("expected a string"));
}

/// A file with one tensor "t" described by `info` and one byte for each character of `buffer`.
void check_tensor_refused(const std::string& info, const std::string& buffer,
                          const std::string& reason) {
  CAPTURE(info);
  CHECK_THROWS_WITH(open_safetensors(safetensors_bytes("{\"t\": " + info + "}", buffer)),
                    contains(reason));
}

TEST_CASE("An entry that does not describe its bytes is refused") {
  check_tensor_refused(R"({"dtype": "F32", "shape": [1]})", "1234", "\"data_offsets\" is missing");
  check_tensor_refused(R"({"dtype": "F32", "data_offsets": [0, 4]})", "1234",
                       "\"shape\" is missing");
  check_tensor_refused(R"({"shape": [1], "data_offsets": [0, 4]})", "1234", "\"dtype\" is missing");
  check_tensor_refused(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 4]})", "1234",
                       "has 3 numbers, expected 2");
  check_tensor_refused(R"({"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]})", "1234",
                       "expected an array, each item a whole number");
  check_tensor_refused(R"({"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]})", "1234",
                       "expected an array, each item a whole number");
  check_tensor_refused(R"({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]})", "1234",
                       "F32 of shape [2] needs 8 bytes, its offsets hold 4");
  check_tensor_refused(R"({"dtype": "Q9", "shape": [4], "data_offsets": [0, 4]})", "1234",
                       "unknown dtype \"Q9\"");
  check_tensor_refused(R"({"dtype": "F4", "shape": [3], "data_offsets": [0, 1]})", "1",
                       "its offsets hold 1");
  check_tensor_refused(
      R"({"dtype": "F32", "shape": [4611686018427387905], "data_offsets": [0, 4]})", "1234",
      "its offsets hold 4");
  check_tensor_refused(
      R"({"dtype": "U8", "shape": [4294967296, 4294967296, 0], "data_offsets": [0, 0]})", "",
      "its offsets hold 0");
}

TEST_CASE("Holes, overlaps and offsets out of range are refused") {
  check_tensor_refused(R"({"dtype": "U8", "shape": [4], "data_offsets": [4, 0]})", "",
                       "begins at byte 4 of the buffer, expected 0");
  check_tensor_refused(R"({"dtype": "U8", "shape": [4], "data_offsets": [0, 4]})", "123",
                       "ends at byte 4, expected between its begin 0");
  check_tensor_refused(R"({"dtype": "U8", "shape": [4], "data_offsets": [1, 5]})", "12345",
                       "begins at byte 1 of the buffer, expected 0");
  check_tensor_refused(R"({"dtype": "U8", "shape": [4], "data_offsets": [0, 4]})", "12345",
                       "end at byte 4 of the buffer, the file at 5");
  const std::string second = R"(, "u": {"dtype": "U8", "shape": [2], "data_offsets": )";
  const std::string first = R"({"t": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]})";
  CHECK_NOTHROW(open_safetensors(safetensors_bytes(first + second + "[2, 4]}}", "1234")));
  CHECK_THROWS_WITH(open_safetensors(safetensors_bytes(first + second + "[1, 3]}}", "123")),
                    contains("\"u\": begins at byte 1 of the buffer, expected 2"));
  CHECK_THROWS_WITH(open_safetensors(safetensors_bytes(first + second + "[3, 5]}}", "12345")),
                    contains("\"u\": begins at byte 3 of the buffer, expected 2"));
  CHECK_THROWS_WITH(open_safetensors(safetensors_bytes(first + second + "[0, 2]}}", "12")),
                    contains("without holes or overlap"));
  CHECK_THROWS_WITH(
      open_safetensors(safetensors_bytes(first + second + "[2, 1]}}", "12")),
      contains("\"u\": ends at byte 1, expected between its begin 2 and the buffer's end 2"));
  // The data of one file cannot be claimed twice, and no sum of offsets wraps.
  CHECK_THROWS_WITH(
      open_safetensors(safetensors_bytes(first + second + "[2, 18446744073709551615]}}", "12")),
      contains("\"u\": ends at byte 18446744073709551615, expected between"));
}

TEST_CASE("Shapes whose product or whose bytes pass 2^64 are refused") {
  check_tensor_refused(
      R"({"dtype": "F64", "shape": [2305843009213693952, 8], "data_offsets": [0, 0]})", "",
      "no whole 64-bit number of bytes");
  check_tensor_refused(
      R"({"dtype": "U8", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]})", "",
      "no whole 64-bit number of bytes");
  check_tensor_refused(
      R"({"dtype": "U8", "shape": [18446744073709551616], "data_offsets": [0, 0]})", "",
      "expected an array, each item a whole");
}

TEST_CASE("Every truncation and every extension of a file is refused") {
  const std::string whole =
      SafetensorsWriter().add_f32("a", {2}, {1, 2}).add("b", "I8", {3}, "xyz").bytes();
  CHECK_NOTHROW(open_safetensors(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(open_safetensors(whole.substr(0, size)), FormatError);
  }
  CHECK_THROWS_AS(open_safetensors(whole + "x"), FormatError);
}

TEST_CASE("No single corrupt byte makes a view leave the file") {
  const std::string whole =
      SafetensorsWriter().add_f32("a", {2}, {1, 2}).add("b", "BF16", {1, 1}, "xy").bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char value : {'\0', '\1', '9', '"', '}', '\x7F', '\x80', '\xFF'}) {
      std::string broken = whole;
      broken[i] = value;
      const std::span<const std::byte> bytes = std::as_bytes(std::span(broken));
      try {
        const SafetensorsFile file(bytes, "broken");
        for (const TensorView& tensor : file.tensors()) {
          CHECK((tensor.data >= bytes.data() &&
                 tensor.data + tensor.bytes <= bytes.data() + bytes.size()));
        }
      } catch (const FormatError&) {
        // refused is fine
      }
    }
  }
}

TEST_CASE("A safetensors file in memory is read as one on disk, under the name given") {
  const std::string whole = SafetensorsWriter().add_f32("a", {2}, {1, 2.5F}).bytes();
  const SafetensorsFile file(std::as_bytes(std::span(whole)), "here");
  CHECK(file.mapping() == nullptr);
  CHECK(std::memcmp(file.find("a")->data, raw_bytes(std::vector<float>{1, 2.5F}).data(), 8) == 0);
  CHECK_THROWS_WITH(SafetensorsFile(std::as_bytes(std::span(whole)).first(7), "here"),
                    contains("here: the header length at byte 0"));
}

TEST_CASE("Duplicate names are refused") {
  const std::string info = R"("t": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]})";
  CHECK_THROWS_WITH(open_safetensors(safetensors_bytes("{" + info + ", " + info + "}", "1")),
                    contains("duplicate JSON key \"t\""));
  // Escapes do not hide it, nor does a level below.
  CHECK_THROWS_WITH(
      open_safetensors(safetensors_bytes(
          "{" + info + R"(, "\u0074": {"dtype": "U8", "shape": [0], "data_offsets": [1, 1]}})",
          "1")),
      contains("duplicate JSON key \"t\""));
  check_tensor_refused(R"({"dtype": "U8", "shape": [1], "data_offsets": [0, 1], "shape": [1]})",
                       "1", "duplicate JSON key \"shape\"");
}

TEST_CASE("Copies stay valid when the original is gone") {
  std::vector<SafetensorsFile> copies;
  {
    const SafetensorsFile file = open_safetensors(
        SafetensorsWriter().add_f32("t", {1}, {2.5F}).bytes());
    copies.push_back(file);
  }
  float value = 0;
  std::memcpy(&value, copies[0].find("t")->data, sizeof(value));
  CHECK(value == 2.5F);
}

TEST_CASE("Headers are accepted and refused as by the reference reader, but for duplicate keys") {
  const Json cases = read_json_file(std::filesystem::path(TUTTI_TEST_DATA) / "formats" /
                                    "safetensors" / "cases.json");
  for (const Json& entry : cases.at("cases")) {
    const auto name = entry.at("name").get<std::string>();
    CAPTURE(name);
    std::string header;  // written as Latin-1
    const auto text = entry.at("header").get<std::string>();
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte < 0x80) {
        header += text[i];
      } else {
        header += static_cast<char>((byte << 6) | (static_cast<unsigned char>(text[++i]) & 0x3F));
      }
    }
    const std::string data(entry.at("data").get<std::size_t>(), '\0');
    // Two values for one key are refused, since one of them would win silently.
    const bool is_stricter = name == "metadata key twice" || name == "tensor twice";
    if (entry.at("accepted").get<bool>() && !is_stricter) {
      CHECK_NOTHROW(open_safetensors(safetensors_bytes(header, data)));
    } else {
      CHECK_THROWS_AS(open_safetensors(safetensors_bytes(header, data)), FormatError);
    }
  }
}

}  // namespace
}  // namespace tutti
