// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file mapped read-only into memory. Weights are used where they lie, so a model's pages are
// shared between processes and can be dropped by the system at any time. POSIX only.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <utility>

#include "tutti/base/error.hpp"

namespace tutti {

/// Owns one mapping. Movable, not copyable; share it by std::shared_ptr.
class MappedFile {
 public:
  /// @throws FormatError when the file cannot be opened, is no regular file or cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path) {
    // O_NONBLOCK: opening a named pipe must not wait for a writer. It changes nothing for regular
    // files.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    require<FormatError>(descriptor >= 0, path.string(), ": cannot open: ", std::strerror(errno));
    struct stat status {};
    const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    size_ = regular ? static_cast<std::size_t>(status.st_size) : 0;
    // A mapping of zero bytes is an error of mmap; an empty file is simply an empty span.
    void* address = size_ > 0 ? ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0)
                              : nullptr;
    const int map_error = errno;
    ::close(descriptor);
    require<FormatError>(regular, path.string(), ": is not a regular file");
    require<FormatError>(address != MAP_FAILED, path.string(), ": cannot map ", size_,
                         " bytes: ", std::strerror(map_error));
    data_ = static_cast<const std::byte*>(address);
  }

  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  }

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tutti
