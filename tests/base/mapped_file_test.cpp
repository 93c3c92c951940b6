// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/mapped_file.hpp"

#if !defined(_WIN32)
#include <sys/stat.h>
#endif

#include <filesystem>
#include <fstream>
#include <string_view>
#include <type_traits>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace tutti;

namespace {

#if defined(_WIN32)
constexpr const char* kNoSuchFile = "cannot open: ";  // the text depends on the system's language
constexpr const char* kDevice = "NUL";
#else
constexpr const char* kNoSuchFile = "No such file";
constexpr const char* kDevice = "/dev/null";
#endif

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

}  // namespace

TEST_CASE("a mapped file shows the bytes of the file") {
  const test::TemporaryDirectory directory;
  const std::string_view content("one\0two\xFF", 8);
  CHECK(text_of(MappedFile(directory.write("content.bin", content))) == content);
}

TEST_CASE("an empty file is an empty span") {
  const test::TemporaryDirectory directory;
  CHECK(MappedFile(directory.write("empty.bin", "")).bytes().empty());
}

#if !defined(_WIN32)  // where a mapped file cannot be removed
TEST_CASE("the bytes stay after the file is removed from its directory") {
  const test::TemporaryDirectory directory;
  const auto path = directory.write("content.bin", "still here");
  const MappedFile mapped(path);
  std::filesystem::remove(path);
  CHECK(text_of(mapped) == "still here");
}
#endif

TEST_CASE("a path with characters outside the system's code page is opened and named in UTF-8") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / std::filesystem::path(u8"Gr\u00fc\u00dfe \u65e5\u672c.bin");
  CHECK_THROWS_WITH(MappedFile(path),
                    test::contains("Gr\xC3\xBC\xC3\x9F"
                                   "e \xE6\x97\xA5\xE6\x9C\xAC.bin: cannot open"));
  std::ofstream(path, std::ios::binary) << "hello";
  CHECK(text_of(MappedFile(path)) == "hello");
}

TEST_CASE("a missing file is an error that names the file and the reason") {
  const test::TemporaryDirectory directory;
  const auto missing = directory.path() / "missing.bin";
  CHECK_THROWS_AS(MappedFile(missing), FormatError);
  CHECK_THROWS_WITH(MappedFile(missing),
                    test::contains("missing.bin") && test::contains(kNoSuchFile));
}

TEST_CASE("a directory, a device and a named pipe are not files to map") {
  const test::TemporaryDirectory directory;
  CHECK_THROWS_WITH(MappedFile(directory.path()), test::contains("is not a regular file"));
  CHECK_THROWS_WITH(MappedFile(kDevice), test::contains("is not a regular file"));
#if !defined(_WIN32)
  const auto pipe = directory.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(MappedFile(pipe), test::contains("is not a regular file"));
#endif
}

TEST_CASE("moving hands the mapping over and leaves an empty one") {
  const test::TemporaryDirectory directory;
  MappedFile from(directory.write("first.bin", "first"));
  MappedFile to(std::move(from));
  CHECK(text_of(to) == "first");
  CHECK(from.bytes()
            .empty());  // NOLINT(bugprone-use-after-move): the state after a move is what is tested

  to = MappedFile(directory.write("second.bin", "second"));
  CHECK(text_of(to) == "second");
  static_assert(!std::is_copy_constructible_v<MappedFile> &&
                !std::is_copy_assignable_v<MappedFile>);
}
