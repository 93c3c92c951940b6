// SPDX-License-Identifier: Apache-2.0
#pragma once
// Byte tokens of SentencePiece vocabularies: "<0x0A>" stands for one byte, so that characters
// outside the vocabulary can be encoded.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"

namespace tutti {

/// The byte that a token's text "<0xNN>" stands for.
[[nodiscard]] constexpr std::optional<unsigned char> byte_of_token(std::string_view text) {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (const char digit : text.substr(3, 2)) {
    const bool decimal = digit >= '0' && digit <= '9';
    const bool upper = digit >= 'A' && digit <= 'F';
    if (!decimal && !upper && !(digit >= 'a' && digit <= 'f')) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(decimal ? digit - '0'
                                               : upper ? digit - 'A' + 10
                                                       : digit - 'a' + 10);
  }
  return static_cast<unsigned char>(value);
}

/// The text of the token for `byte`, as vocabularies write it.
[[nodiscard]] inline std::string byte_token_text(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
}

/// The token of each byte that has one.
class ByteTokens {
 public:
  void set(unsigned char byte, Token token) { tokens_[byte] = token; }

  /// Appends the tokens of all bytes of `text`, or nothing if a byte has no token.
  /// @returns whether they were appended.
  bool append(std::string_view text, std::vector<Token>& tokens) const {
    const std::size_t before = tokens.size();
    for (const char byte : text) {
      const std::optional<Token>& token = tokens_[static_cast<unsigned char>(byte)];
      if (!token) {
        tokens.resize(before);
        return false;
      }
      tokens.push_back(*token);
    }
    return true;
  }

 private:
  std::array<std::optional<Token>, 256> tokens_{};
};

}  // namespace tutti
