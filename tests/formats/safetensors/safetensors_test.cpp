// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/safetensors/safetensors.hpp"

#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tutti {
namespace {

using test::contains;
using test::SafetensorsWriter;
using test::TemporaryDirectory;

void write_index(const TemporaryDirectory& directory, const std::string& weight_map,
                 const std::string& metadata = "{}") {
  directory.write("model.safetensors.index.json",
                  R"({"metadata": )" + metadata + R"(, "weight_map": )" + weight_map + "}");
}

TEST_CASE("A model is one file, given by its name or its directory") {
  const TemporaryDirectory directory;
  SafetensorsWriter().add_f32("a", {1}, {1}).write(directory.path() / "model.safetensors");
  CHECK(SafetensorsModel(directory.path()).find("a") != nullptr);
  CHECK(SafetensorsModel(directory.path() / "model.safetensors").tensors().size() == 1);
  CHECK(SafetensorsModel(directory.path()).find("b") == nullptr);
}

#if !defined(_WIN32)  // where only administrators create symbolic links
TEST_CASE("A path that cannot be examined is refused as one that cannot be opened") {
  const TemporaryDirectory directory;
  const std::filesystem::path loop = directory.path() / "model.safetensors";
  std::filesystem::create_symlink(loop, loop);
  CHECK_THROWS_AS(SafetensorsModel(loop), FormatError);
  CHECK_THROWS_WITH(SafetensorsModel(directory.path()), contains("model.safetensors: cannot open"));
  CHECK_THROWS_AS(SafetensorsModel(directory.path() / std::string(300, 'x')), FormatError);
}
#endif

TEST_CASE("Shards make one model") {
  const TemporaryDirectory directory;
  SafetensorsWriter()
      .add_f32("a", {1}, {1})
      .add_f32("c", {1}, {3})
      .write(directory.path() / "one.safetensors");
  SafetensorsWriter().add_f32("b", {1}, {2}).write(directory.path() / "two.safetensors");
  write_index(directory,
              R"({"a": "one.safetensors", "b": "two.safetensors", "c": "one.safetensors"})");
  const SafetensorsModel model(directory.path());
  CHECK(model.files().size() == 2);
  CHECK(model.tensors().size() == 3);
  CHECK(model.find("b") != nullptr);
  CHECK(model.find("d") == nullptr);
}

TEST_CASE("An index that disagrees with its shards is refused") {
  const TemporaryDirectory directory;
  SafetensorsWriter()
      .add_f32("a", {1}, {1})
      .add_f32("c", {1}, {3})
      .write(directory.path() / "one.safetensors");
  SafetensorsWriter().add_f32("a", {1}, {2}).write(directory.path() / "two.safetensors");
  write_index(directory, R"({"a": "one.safetensors", "b": "one.safetensors"})");
  CHECK_THROWS_WITH(
      SafetensorsModel(directory.path()),
      contains("tensor \"b\" should be in \"one.safetensors\", which does not have it"));
  write_index(directory, R"({"a": "one.safetensors"})");
  CHECK_THROWS_WITH(SafetensorsModel(directory.path()),
                    contains("lists 1 tensors, but its shards hold 2"));
  write_index(directory, R"({"a": "two.safetensors", "c": "one.safetensors"})");
  CHECK_THROWS_WITH(SafetensorsModel(directory.path()),
                    contains("lists 2 tensors, but its shards hold 3"));
  write_index(directory, R"({"a": "missing.safetensors"})");
  CHECK_THROWS_WITH(SafetensorsModel(directory.path()),
                    contains("missing.safetensors: cannot open"));
}

TEST_CASE("A tensor that lies in another shard than the index says is refused") {
  const TemporaryDirectory directory;
  SafetensorsWriter().add_f32("a", {1}, {1}).write(directory.path() / "one.safetensors");
  SafetensorsWriter().add_f32("b", {1}, {2}).write(directory.path() / "two.safetensors");
  write_index(directory, R"({"a": "two.safetensors", "b": "one.safetensors"})");
  CHECK_THROWS_WITH(
      SafetensorsModel(directory.path()),
      contains("tensor \"a\" should be in \"two.safetensors\", which does not have it"));
}

TEST_CASE("A truncated shard is refused") {
  const TemporaryDirectory directory;
  const std::string shard = SafetensorsWriter().add_f32("a", {2}, {1, 2}).bytes();
  directory.write("one.safetensors", shard.substr(0, shard.size() - 1));
  write_index(directory, R"({"a": "one.safetensors"})");
  CHECK_THROWS_WITH(SafetensorsModel(directory.path()),
                    contains("one.safetensors: \"a\": ends at byte 8, expected"));
}

TEST_CASE("The total size in an index is that of its shards, or not given") {
  const TemporaryDirectory directory;
  SafetensorsWriter()
      .add_f32("a", {1}, {1})
      .add("ids", "I64", {1}, "12345678")
      .write(directory.path() / "one.safetensors");
  SafetensorsWriter().add_f32("b", {2}, {2, 3}).write(directory.path() / "two.safetensors");
  const std::string weight_map =
      R"({"a": "one.safetensors", "ids": "one.safetensors", "b": "two.safetensors"})";
  for (const char* metadata : {"{}", "null", R"({"total_size": null})", R"({"total_size": 20})",
                               R"({"total_size": 20.0})"}) {
    CAPTURE(metadata);
    write_index(directory, weight_map, metadata);
    CHECK(SafetensorsModel(directory.path()).tensors().size() == 2);
  }
  write_index(directory, weight_map, R"({"total_size": 24})");
  CHECK_THROWS_WITH(
      SafetensorsModel(directory.path()),
      contains("\"total_size\" is 24.000000, the tensors of the 2 shards have 20.000000"));
  write_index(directory, weight_map, R"({"total_size": "20"})");
  CHECK_THROWS_WITH(SafetensorsModel(directory.path()),
                    contains("\"total_size\" is the string \"20\", expected a finite number"));
  write_index(directory, weight_map, "[]");
  CHECK_THROWS_WITH(SafetensorsModel(directory.path()),
                    contains("expected an object around \"total_size\", found an array"));
}

TEST_CASE("A shard must lie beside its index") {
  const TemporaryDirectory directory;
  SafetensorsWriter().add_f32("a", {1}, {1}).write(directory.path() / "outside.safetensors");
  const std::filesystem::path inner = directory.path() / "inner";
  for (const char* name : {"../outside.safetensors", "..", "/etc/passwd",
                           "a/../../outside.safetensors", "sub/x", "..\\\\x", "C:x", "", "."}) {
    CAPTURE(name);
    directory.write("inner/model.safetensors.index.json",
                    R"({"weight_map": {"a": ")" + std::string(name) + "\"}}");
    CHECK_THROWS_WITH(SafetensorsModel(inner), contains("is no plain file name"));
  }
}

TEST_CASE("A malformed index is refused") {
  const TemporaryDirectory directory;
  CHECK_THROWS_WITH(SafetensorsModel(directory.path()),
                    contains("has no weights: neither model.safetensors nor"));
  for (const char* index : {"[]", "{}", R"({"weight_map": []})"}) {
    directory.write("model.safetensors.index.json", index);
    CHECK_THROWS_WITH(SafetensorsModel(directory.path()),
                      contains("\"weight_map\" is missing or no object"));
  }
  write_index(directory, R"({"a": 1})");
  CHECK_THROWS_WITH(SafetensorsModel(directory.path()),
                    contains("\"a\" is the number 1, expected a string"));
}

}  // namespace
}  // namespace tutti
