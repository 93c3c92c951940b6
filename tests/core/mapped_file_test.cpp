// SPDX-License-Identifier: Apache-2.0
#include "tutti/core/mapped_file.hpp"

#include <fstream>
#include <string>
#include <string_view>
#include <type_traits>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

/// A file in a folder of its own that is gone at the end of the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) {
    std::string pattern = (std::filesystem::temp_directory_path() / "tutti-mapped-file-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    std::ofstream(path(), std::ios::binary) << content;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::filesystem::path path() const { return folder_ / "content.bin"; }
  [[nodiscard]] std::filesystem::path folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

std::string_view text_of(const MappedFile& file) { return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}; }

}  // namespace

TEST_CASE("a mapped file shows the bytes of the file") {
  const TemporaryFile file(std::string_view("one\0two\xFF", 8));
  CHECK(text_of(MappedFile(file.path())) == std::string_view("one\0two\xFF", 8));
}

TEST_CASE("an empty file is an empty span") {
  const TemporaryFile file("");
  CHECK(MappedFile(file.path()).bytes().empty());
}

TEST_CASE("the bytes stay after the file is removed from its folder") {
  const TemporaryFile file("still here");
  const MappedFile mapped(file.path());
  std::filesystem::remove(file.path());
  CHECK(text_of(mapped) == "still here");
}

TEST_CASE("a missing file is an error that names the file and the reason") {
  const TemporaryFile file("");
  const auto missing = file.folder() / "missing.bin";
  CHECK_THROWS_AS(MappedFile(missing), FormatError);
  CHECK_THROWS_WITH(MappedFile(missing), test::contains("missing.bin") && test::contains("No such file"));
}

TEST_CASE("a folder, a device and a named pipe are not files to map") {
  const TemporaryFile file("");
  const auto pipe = file.folder() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(MappedFile(pipe), test::contains("is not a regular file"));
  CHECK_THROWS_WITH(MappedFile(file.folder()), test::contains("is not a regular file"));
  CHECK_THROWS_WITH(MappedFile("/dev/null"), test::contains("is not a regular file"));
}

TEST_CASE("moving hands the mapping over and leaves an empty one") {
  const TemporaryFile first("first");
  const TemporaryFile second("second");
  MappedFile from(first.path());
  MappedFile to(std::move(from));
  CHECK(text_of(to) == "first");
  CHECK(from.bytes().empty());  // NOLINT(bugprone-use-after-move): the state after a move is what is tested

  to = MappedFile(second.path());
  CHECK(text_of(to) == "second");
  static_assert(!std::is_copy_constructible_v<MappedFile> && !std::is_copy_assignable_v<MappedFile>);
}
