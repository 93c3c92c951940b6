// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/gguf/gguf_file.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/raw_bytes.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tutti {
namespace {

using test::contains;
using test::GgufIds;
using test::GgufWriter;
using test::raw_bytes;
using test::TemporaryDirectory;

GgufFile open_gguf(const std::string& bytes) {
  const TemporaryDirectory directory;
  return GgufFile(directory.write("m.gguf", bytes));  // the mapping outlives the name
}

void check_gguf_refused(const std::string& bytes, const std::string& reason) {
  CHECK_THROWS_WITH(open_gguf(bytes), contains(reason));
}

TEST_CASE("Tensors are views in row-major order, found by name") {
  const GgufFile file = open_gguf(GgufWriter()
                                      .add("general.architecture", "llama")
                                      .tensor_f32("a", {3, 2}, {1, 2, 3, 4, 5, 6})
                                      .tensor("q", GgufIds::q8_0, {64, 1}, std::string(68, 'x'))
                                      .bytes());
  CHECK(file.metadata().get<std::string>("general.architecture") == "llama");
  REQUIRE(file.tensors().size() == 2);
  const TensorView* a = file.find("a");
  REQUIRE(a != nullptr);
  CHECK(a->type == DType::f32);
  CHECK(a->shape == std::vector<std::size_t>{2, 3});  // two rows of three
  REQUIRE(a->bytes == 24);
  CHECK(std::memcmp(a->data, raw_bytes(std::vector<float>{1, 2, 3, 4, 5, 6}).data(), 24) == 0);
  CHECK(file.find("q")->type == DType::q8_0);
  CHECK(file.find("q")->bytes == 68);
  CHECK(std::memcmp(file.find("q")->data, "xxxx", 4) == 0);
  CHECK(file.find("missing") == nullptr);
}

TEST_CASE("All supported types have GGUF's ids and sizes") {
  const std::vector<std::pair<std::uint32_t, DType>> types{
      {0, DType::f32},   {1, DType::f16},   {2, DType::q4_0}, {3, DType::q4_1},
      {6, DType::q5_0},  {7, DType::q5_1},  {8, DType::q8_0}, {12, DType::q4_k},
      {13, DType::q5_k}, {14, DType::q6_k}, {30, DType::bf16}};
  for (const auto& [id, type] : types) {
    const std::size_t bytes = row_bytes(type, 256);
    const GgufFile file = open_gguf(
        GgufWriter().tensor("t", id, {256}, std::string(bytes, '\1')).bytes());
    CHECK(file.find("t")->type == type);
    CHECK(file.find("t")->bytes == bytes);
  }
}

TEST_CASE("Other types are refused by id, name and tensor") {
  check_gguf_refused(
      GgufWriter().tensor("blk.0.attn_q.weight", 10, {256}, std::string(84, 'x')).bytes(),
      "tensor \"blk.0.attn_q.weight\" has type 10 (Q2_K); supported are F32, F16,");
  check_gguf_refused(GgufWriter().tensor("t", 4, {32}, std::string(18, 'x')).bytes(),
                     "has type 4 (Q4_2 (removed))");
  check_gguf_refused(GgufWriter().tensor("t", 31, {32}, std::string(18, 'x')).bytes(),
                     "has type 31 (?)");
  check_gguf_refused(GgufWriter().tensor("t", ~0U, {32}, std::string(18, 'x')).bytes(),
                     "has type 4294967295 (?)");
}

TEST_CASE("The alignment in the metadata is obeyed") {
  GgufWriter writer;
  writer.alignment = 64;
  const GgufFile file = open_gguf(writer.add("general.alignment", std::uint32_t{64})
                                      .tensor_f32("a", {1}, {1})
                                      .tensor_f32("b", {1}, {2.5F})
                                      .bytes());
  CHECK((file.find("b")->data - file.mapping()->bytes().data()) % 64 == 0);
  float value = 0;
  std::memcpy(&value, file.find("b")->data, sizeof(value));
  CHECK(value == 2.5F);
  check_gguf_refused(
      GgufWriter().add("general.alignment", std::uint32_t{0}).tensor_f32("a", {1}, {1}).bytes(),
      "\"general.alignment\" is 0, expected a power of two");
  check_gguf_refused(GgufWriter().add("general.alignment", std::uint32_t{24}).bytes(),
                     "is 24, expected a power of two");
  check_gguf_refused(GgufWriter().add("general.alignment", "32").bytes(), "expected an integer");
  check_gguf_refused(GgufWriter()
                         .add("general.alignment", std::uint32_t{1} << 31)
                         .tensor_f32("a", {1}, {1})
                         .bytes(),
                     "it is truncated");
}

TEST_CASE("Wrong magic, versions and byte orders are refused") {
  check_gguf_refused("", "does not begin with \"GGUF\", so it is no GGUF file");
  check_gguf_refused("GGML" + std::string(20, '\0'), "does not begin with \"GGUF\"");
  check_gguf_refused("GGUF", "the version at byte 4 needs 4 bytes");
  GgufWriter writer;
  for (const std::uint32_t version : {0U, 1U, 2U, 4U, 3U << 24}) {
    writer.version = version;
    check_gguf_refused(writer.bytes(), "GGUF version " + std::to_string(version) +
                                           ", only 3 (little-endian) is supported");
  }
}

TEST_CASE("Counts that cannot fit the file are refused before anything is allocated") {
  GgufWriter writer;
  writer.tensor_count = ~std::uint64_t{0};
  check_gguf_refused(writer.bytes(), "18446744073709551615 tensors cannot fit the remaining");
  writer.tensor_count.reset();
  writer.metadata_count = std::uint64_t{1} << 60;
  check_gguf_refused(writer.bytes(), "metadata pairs cannot fit the remaining");
}

TEST_CASE("A tensor's name and rank are limited, and names are unique") {
  CHECK_NOTHROW(open_gguf(GgufWriter().tensor_f32(std::string(63, 'n'), {1}, {1}).bytes()));
  check_gguf_refused(GgufWriter().tensor_f32(std::string(64, 'n'), {1}, {1}).bytes(),
                     "has 64 bytes, the limit is 63");
  CHECK_NOTHROW(open_gguf(GgufWriter().tensor_f32("t", {1, 1, 1, 1}, {1}).bytes()));
  check_gguf_refused(GgufWriter().tensor_f32("t", {1, 1, 1, 1, 1}, {1}).bytes(),
                     "tensor \"t\" has 5 dimensions, at most 4 are allowed");
  check_gguf_refused(GgufWriter().tensor_f32("t", {1}, {1}).tensor_f32("t", {1}, {1}).bytes(),
                     "duplicate tensor \"t\"");
}

TEST_CASE("Shapes that are empty, too large or no multiple of the block are refused") {
  check_gguf_refused(GgufWriter().tensor_f32("t", {0, 4}, {}).bytes(),
                     "tensor \"t\" of shape [4, 0] is empty");
  check_gguf_refused(GgufWriter().tensor("t", GgufIds::q4_0, {48}, std::string(27, 'x')).bytes(),
                     "has rows of 48 elements, which is no multiple of the block of 32 of Q4_0");
  check_gguf_refused(
      GgufWriter().tensor("t", GgufIds::q6_k, {128, 2}, std::string(210, 'x')).bytes(),
      "no multiple of the block of 256 of Q6_K");
  constexpr std::uint64_t k2To32 = std::uint64_t{1} << 32;
  check_gguf_refused(GgufWriter().tensor("t", GgufIds::f32, {k2To32, k2To32}, "1234").bytes(),
                     "is larger than 2^64 bytes");
  check_gguf_refused(GgufWriter().tensor("t", GgufIds::f32, {k2To32, k2To32 / 4}, "1234").bytes(),
                     "is larger than 2^64 bytes");
  check_gguf_refused(
      GgufWriter().tensor("t", GgufIds::f32, {(std::uint64_t{1} << 62) - 1}, "1234").bytes(),
      "ends beyond 2^64 bytes");
}

TEST_CASE("Offsets must follow from the sizes") {
  check_gguf_refused(GgufWriter().tensor("t", GgufIds::f32, {1}, "1234", 32).bytes(),
                     "tensor \"t\" is at offset 32, expected 0");
  check_gguf_refused(
      GgufWriter().tensor_f32("a", {1}, {1}).tensor("b", GgufIds::f32, {1}, "1234", 0).bytes(),
      "tensor \"b\" is at offset 0, expected 32");
  check_gguf_refused(
      GgufWriter().tensor_f32("a", {1}, {1}).tensor("b", GgufIds::f32, {1}, "1234", 33).bytes(),
      "is at offset 33, expected 32");
}

TEST_CASE("Every truncation is refused") {
  const std::string whole = GgufWriter()
                                .add("k", std::vector<std::string>{"a", "b"})
                                .add("n", std::uint32_t{3})
                                .tensor_f32("a", {2}, {1, 2})
                                .tensor_f32("b", {2, 2}, {1, 2, 3, 4})
                                .bytes();
  CHECK_NOTHROW(open_gguf(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(open_gguf(whole.substr(0, size)), FormatError);
  }
}

TEST_CASE("No single corrupt byte crashes the reader") {
  const std::string whole = GgufWriter()
                                .add("k", std::vector<std::string>{"a", "b"})
                                .add("n", true)
                                .tensor_f32("a", {2, 2}, {1, 2, 3, 4})
                                .bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char value : {'\0', '\1', '\x7F', '\x80', '\xFF'}) {
      std::string broken = whole;
      broken[i] = value;
      try {
        const GgufFile file = open_gguf(broken);
        for (const TensorView& tensor : file.tensors())
          CHECK((tensor.bytes > 0 && tensor.data != nullptr));
      } catch (const FormatError&) {
        // being refused is fine
      }
    }
  }
}

TEST_CASE("The alignment may not be larger than 32 bits, and padding may not pass 2^64") {
  check_gguf_refused(
      GgufWriter()
          .add_raw("general.alignment", GgufIds::value_u64, raw_bytes(std::uint64_t{1} << 32))
          .bytes(),
      "\"general.alignment\" is the u64 4294967296, expected an integer from 0 to 4294967295");
  // Valid by itself: 2^64 - 32 bytes. Padded to 64, it would overflow to 0.
  GgufWriter writer;
  writer.add("general.alignment", std::uint32_t{64})
      .tensor("t", GgufIds::f32, {(std::uint64_t{1} << 62) - 8}, "1234");
  check_gguf_refused(writer.bytes(), "tensor \"t\" ends beyond 2^64 bytes");
}

TEST_CASE("A tensor must end within the file, to the byte") {
  const std::string whole =
      GgufWriter().tensor_f32("a", {1}, {1}).tensor_f32("b", {3}, {1, 2, 3}).bytes();
  CHECK_NOTHROW(open_gguf(whole));
  check_gguf_refused(whole.substr(0, whole.size() - 1),
                     "tensor \"b\" needs 12 bytes at offset 32, but the file has only 43 bytes of "
                     "data; it is truncated");
}

TEST_CASE("Names from the file are made printable and short in messages") {
  check_gguf_refused(GgufWriter().tensor("\x1B[2J\n", GgufIds::q4_0, {1}, "x").bytes(),
                     "tensor \"\\x1b[2J\\x0a\" has rows of 1");
  check_gguf_refused(
      GgufWriter().add(std::string(1000, 'k'), true).add(std::string(1000, 'k'), true).bytes(),
      "duplicate metadata key \"" + std::string(80, 'k') + "...\"");
}

TEST_CASE("Strings and arrays are capped even where the file has the bytes") {
  const TemporaryDirectory directory;
  const auto sparse = [&](const GgufWriter& writer) {
    const std::filesystem::path path = directory.write("m.gguf", writer.bytes());
    std::filesystem::resize_file(path,
                                 (std::uint64_t{1} << 28) + 4096);  // zeros that take no disk space
    return path;
  };
  const GgufWriter array = GgufWriter().add_array("k", GgufIds::value_u8,
                                                  (std::uint64_t{1} << 28) + 1, "");
  CHECK_THROWS_WITH(GgufFile(sparse(array)),
                    contains("has 268435457 items of type u8, more than the remaining"));
  CHECK_THROWS_WITH(GgufFile(sparse(array)), contains("or the limit of 268435456 allow"));
  const GgufWriter text = GgufWriter().add_raw("k", GgufIds::value_string,
                                               raw_bytes((std::uint64_t{1} << 26) + 1));
  CHECK_THROWS_WITH(
      GgufFile(sparse(text)),
      contains("a metadata string at byte 37 has 67108865 bytes, the limit is 67108864"));
}

TEST_CASE("A GGUF file in memory is read as one on disk, under the name given") {
  const std::string whole = GgufWriter().add("k", 7).tensor_f32("a", {2}, {1, 2.5F}).bytes();
  const GgufFile file(std::as_bytes(std::span(whole)), "here");
  CHECK(file.mapping() == nullptr);
  CHECK(file.metadata().get<int>("k") == 7);
  CHECK(std::memcmp(file.find("a")->data, raw_bytes(std::vector<float>{1, 2.5F}).data(), 8) == 0);
  CHECK_THROWS_WITH(GgufFile(std::as_bytes(std::span(whole)).first(3), "here"),
                    contains("here: does not begin with \"GGUF\""));
}

}  // namespace
}  // namespace tutti
