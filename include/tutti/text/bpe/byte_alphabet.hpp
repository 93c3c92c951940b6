// SPDX-License-Identifier: Apache-2.0
#pragma once
// The byte alphabet of GPT-2: files of byte-level tokenizers write each byte of a token as one
// visible character ("Ġthe" is " the"). Printable bytes of Latin-1 stand for themselves; the other
// 68 are U+0100 and following, in order.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

namespace detail {

inline constexpr std::array<char32_t, 256> kByteAlphabet = [] {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 0x100;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
                           byte >= 0xAE;
    alphabet[byte] = printable ? static_cast<char32_t>(byte) : next++;
  }
  return alphabet;
}();

/// The inverse, by code point; -1 for code points that stand for no byte.
inline constexpr std::array<int, 0x144> kAlphabetBytes = [] {
  std::array<int, 0x144> bytes{};
  bytes.fill(-1);
  for (std::size_t byte = 0; byte < 256; ++byte)
    bytes[kByteAlphabet[byte]] = static_cast<int>(byte);
  return bytes;
}();

}  // namespace detail

/// `bytes` as a tokenizer file writes them.
[[nodiscard]] inline std::string to_byte_alphabet(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes)
    append_utf8(text, detail::kByteAlphabet[static_cast<unsigned char>(byte)]);
  return text;
}

/// The bytes that `text` stands for; nothing if a character is not in the alphabet.
[[nodiscard]] inline std::optional<std::string> from_byte_alphabet(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint decoded = decode_utf8(text, at);
    const int byte = decoded.code_point < detail::kAlphabetBytes.size()
                         ? detail::kAlphabetBytes[decoded.code_point]
                         : -1;
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
    at += decoded.length;
  }
  return bytes;
}

}  // namespace tutti
