// SPDX-License-Identifier: Apache-2.0
#pragma once
// A bounds-checked cursor over the bytes of a little-endian binary file.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tutti/base/error.hpp"

namespace tutti {

static_assert(std::endian::native == std::endian::little,
              "model files are little-endian and are used in place");

/// Reads values one after the other. Returned views point into `bytes`.
class ByteReader {
 public:
  /// @param file is named in errors.
  ByteReader(std::span<const std::byte> bytes, std::string file)
      : bytes_(bytes), file_(std::move(file)) {}

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return bytes_.size() - position_; }

  /// The next `count` bytes; `what` names them in errors.
  /// @throws FormatError when fewer remain.
  std::span<const std::byte> take(std::uint64_t count, std::string_view what) {
    require<FormatError>(count <= remaining(), file_, ": ", what, " at byte ", position_, " needs ",
                         count, " bytes, but only ", remaining(),
                         " remain; the file is truncated or corrupt");
    position_ += count;
    return bytes_.subspan(position_ - count, count);
  }

  template <class T>
    requires std::is_arithmetic_v<T> T read(std::string_view what) {
      T value;
      std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
      return value;
    }

  /// A string after its length as u64, as GGUF stores them. It may contain any bytes.
  std::string_view read_string(std::string_view what, std::uint64_t max_bytes) {
    const auto length = read<std::uint64_t>(what);
    require<FormatError>(length <= max_bytes, file_, ": ", what, " at byte ", position_ - 8,
                         " has ", length, " bytes, the limit is ", max_bytes);
    const std::span<const std::byte> text = take(length, what);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  std::string file_;
  std::size_t position_ = 0;
};

}  // namespace tutti
