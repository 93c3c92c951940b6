// SPDX-License-Identifier: Apache-2.0
#pragma once
// Helpers for reading untrusted files: arithmetic that cannot overflow, and names from the file
// escaped for messages.

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace tutti {

/// a + b, or nothing when it overflows.
[[nodiscard]] constexpr std::optional<std::size_t> checked_add(std::size_t a, std::size_t b) {
  if (b > std::numeric_limits<std::size_t>::max() - a) return std::nullopt;
  return a + b;
}

/// a * b, or nothing when it overflows.
[[nodiscard]] constexpr std::optional<std::size_t> checked_multiply(std::size_t a, std::size_t b) {
  if (a != 0 && b > std::numeric_limits<std::size_t>::max() / a) return std::nullopt;
  return a * b;
}

/// The first `limit` characters of `text` in printable ASCII: untrusted text must not flood a log
/// or send escape codes to a terminal.
[[nodiscard]] inline std::string escaped(std::string_view text, std::size_t limit) {
  std::string result;
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      result += c;
    } else {
      constexpr std::string_view kHex = "0123456789abcdef";
      result += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return result + (text.size() > limit ? "..." : "");
}

/// A name from a file, for messages.
[[nodiscard]] inline std::string in_quotes(std::string_view name) {
  return '"' + escaped(name, 80) + '"';
}

}  // namespace tutti
