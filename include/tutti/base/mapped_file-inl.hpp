// SPDX-License-Identifier: Apache-2.0
#pragma once
// Maps files with mmap on POSIX systems and with MapViewOfFile on Windows.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include "tutti/base/error.hpp"
#include "tutti/base/mapped_file.hpp"
#include "tutti/base/numeric/narrow.hpp"

#if defined(_WIN32)
#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#if !defined(WIN32_LEAN_AND_MEAN)
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#endif

namespace tutti {

namespace detail {

/// Throws unless a file of `size` bytes fits into the address space.
inline std::size_t mappable_size(std::uint64_t size, const std::filesystem::path& path) {
  require<FormatError>(std::in_range<std::size_t>(size), path.string(), ": has ", size,
                       " bytes, more than the ", std::numeric_limits<std::size_t>::max(),
                       " that this process can address");
  return narrow<std::size_t>(size);
}

}  // namespace detail

#if defined(_WIN32)

namespace detail {

/// The system's text for an error number, in UTF-8, without the line break at its end.
inline std::string windows_error_text(DWORD code) {
  wchar_t wide[512];
  DWORD length = ::FormatMessageW(
      FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
      nullptr, code, 0, wide, static_cast<DWORD>(std::size(wide)), nullptr);
  while (length > 0 && wide[length - 1] == L' ') --length;
  char text[4 * std::size(wide)];
  const int bytes = ::WideCharToMultiByte(CP_UTF8, 0, wide, static_cast<int>(length), text,
                                          static_cast<int>(std::size(text)), nullptr, nullptr);
  if (length == 0 || bytes <= 0) return "Windows error " + std::to_string(code);
  return {text, static_cast<std::size_t>(bytes)};
}

/// Closes a handle at the end of a scope.
class WindowsHandle {
 public:
  explicit WindowsHandle(HANDLE handle) : handle_(handle) {}
  WindowsHandle(const WindowsHandle&) = delete;
  WindowsHandle& operator=(const WindowsHandle&) = delete;
  ~WindowsHandle() {
    if (*this) ::CloseHandle(handle_);
  }
  explicit operator bool() const { return handle_ != INVALID_HANDLE_VALUE && handle_ != nullptr; }
  [[nodiscard]] HANDLE get() const { return handle_; }

 private:
  HANDLE handle_;
};

}  // namespace detail

TUTTI_INLINE MappedFile::MappedFile(const std::filesystem::path& path) {
  // Backup semantics open directories too, which are refused below by the same message as on POSIX.
  // SECURITY_IDENTIFICATION: the server of a named pipe must not impersonate this process.
  const detail::WindowsHandle file(::CreateFileW(
      path.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
      FILE_FLAG_BACKUP_SEMANTICS | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, nullptr));
  if (!file)
    fail<FormatError>(path.string(),
                      ": cannot open: ", detail::windows_error_text(::GetLastError()));
  BY_HANDLE_FILE_INFORMATION status{};
  const bool regular = ::GetFileType(file.get()) == FILE_TYPE_DISK &&
                       ::GetFileInformationByHandle(file.get(), &status) != 0 &&
                       (status.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
  require<FormatError>(regular, path.string(), ": is not a regular file");
  size_ = detail::mappable_size((std::uint64_t{status.nFileSizeHigh} << 32) | status.nFileSizeLow,
                                path);
  if (size_ == 0) return;  // A mapping of zero bytes is an error; an empty file is an empty span.
  // The view keeps the mapping and the file open after both handles are closed.
  const detail::WindowsHandle mapping(
      ::CreateFileMappingW(file.get(), nullptr, PAGE_READONLY, 0, 0, nullptr));
  const void* address = mapping ? ::MapViewOfFile(mapping.get(), FILE_MAP_READ, 0, 0, size_)
                                : nullptr;
  if (address == nullptr)
    fail<FormatError>(path.string(), ": cannot map ", size_,
                      " bytes: ", detail::windows_error_text(::GetLastError()));
  data_ = static_cast<const std::byte*>(address);
}

TUTTI_INLINE MappedFile::~MappedFile() {
  if (data_ != nullptr) ::UnmapViewOfFile(data_);
}

#else

TUTTI_INLINE MappedFile::MappedFile(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer. It changes nothing for regular
  // files.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    fail<FormatError>(path.string(), ": cannot open: ", std::generic_category().message(errno));
  struct stat status {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const auto size = regular ? static_cast<std::uint64_t>(status.st_size) : 0;
  // A mapping of zero bytes is an error of mmap; an empty file is an empty span. A size that
  // size_t cannot hold is refused below.
  const bool fits = std::in_range<std::size_t>(size);
  void* address = size > 0 && fits ? ::mmap(nullptr, narrow<std::size_t>(size), PROT_READ,
                                            MAP_PRIVATE, descriptor, 0)
                                   : nullptr;
  const int error = errno;
  ::close(descriptor);
  require<FormatError>(regular, path.string(), ": is not a regular file");
  size_ = detail::mappable_size(size, path);
  if (address == MAP_FAILED)
    fail<FormatError>(path.string(), ": cannot map ", size_,
                      " bytes: ", std::generic_category().message(error));
  data_ = static_cast<const std::byte*>(address);
}

TUTTI_INLINE MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

#endif

}  // namespace tutti
