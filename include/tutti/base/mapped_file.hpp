// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file mapped read-only into memory. Weights are used in place, so processes that load the same
// model share its pages, and the system can drop them and read them again at any time. POSIX and
// Windows.

#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>

#include "tutti/base/macros.hpp"

namespace tutti {

/// Owns one mapping. Movable, not copyable; share it by std::shared_ptr. The file must not change
/// while it is mapped: after it has been truncated, reading the lost pages ends the process (SIGBUS
/// on POSIX, EXCEPTION_IN_PAGE_ERROR on Windows). Replace model files by renaming new ones over
/// them.
class MappedFile {
 public:
  /// @throws FormatError when the file cannot be opened, is no regular file or cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/base/mapped_file-inl.hpp"
#endif
