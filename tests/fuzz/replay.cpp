// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over the files of folders, without libFuzzer: what was found once must not
// come back.
//
//   tutti_fuzz_NAME_replay FOLDER...
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void replay(const std::filesystem::path& path) {
  // Named before it runs: after a crash, the last name printed is the culprit.
  std::fprintf(stderr, "%s\n", path.c_str());
  std::ifstream file(path, std::ios::binary);
  const auto size = static_cast<std::size_t>(std::filesystem::file_size(path));
  // Of exactly this size on the heap, so that AddressSanitizer sees the first byte read beyond it.
  const std::unique_ptr<std::uint8_t[]> input(new std::uint8_t[size]);
  file.read(reinterpret_cast<char*>(input.get()), static_cast<std::streamsize>(size));
  LLVMFuzzerTestOneInput(input.get(), size);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::filesystem::path> files;
    for (const std::filesystem::path& folder :
         std::vector<std::filesystem::path>(argv + 1, argv + argc)) {
      // Without any finds, git keeps no folder for them.
      if (!std::filesystem::is_directory(folder)) continue;
      for (const auto& entry : std::filesystem::directory_iterator(folder))
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const std::filesystem::path& file : files) replay(file);
    std::printf("%zu inputs replayed\n", files.size());
    return files.empty() ? 1 : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
