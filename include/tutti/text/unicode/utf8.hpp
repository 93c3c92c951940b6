// SPDX-License-Identifier: Apache-2.0
#pragma once
// UTF-8: decoding, encoding, validation, and replacement of invalid sequences. The unit of
// replacement is the "maximal subpart" (Unicode 16.0, section 3.9, table 3-8), as in Rust's
// from_utf8_lossy and Python's errors="replace".

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tutti {

/// U+FFFD, the replacement of invalid sequences.
inline constexpr char32_t kReplacementCharacter = 0xFFFD;

enum class Utf8Status : std::uint8_t {
  valid,
  invalid,    ///< No continuation could make these bytes valid.
  truncated,  ///< The text ends inside a sequence that more bytes could complete.
};

/// One decoded code point.
struct DecodedCodePoint {
  char32_t code_point = kReplacementCharacter;  ///< U+FFFD unless `status` is valid.
  /// Its bytes, 1 to 4; of an invalid sequence the length of its maximal subpart, 1 to 3.
  std::uint32_t length = 0;
  Utf8Status status = Utf8Status::invalid;
};

/// Decodes the code point that begins at byte `at`. Precondition: at < text.size().
[[nodiscard]] constexpr DecodedCodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [text](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t lead = byte(at);
  if (lead < 0x80) return {lead, 1, Utf8Status::valid};
  if (lead < 0xC2 || lead > 0xF4) return {kReplacementCharacter, 1, Utf8Status::invalid};
  const std::uint32_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The range of the second byte excludes overlong forms (E0, F0), surrogates (ED) and code points
  // above 10FFFF (F4).
  std::uint32_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  std::uint32_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t code_point = lead & (0x7FU >> length);
  for (std::uint32_t i = 1; i < length; ++i) {
    if (at + i >= text.size()) return {kReplacementCharacter, i, Utf8Status::truncated};
    const std::uint32_t next = byte(at + i);
    if (next < low || next > high) return {kReplacementCharacter, i, Utf8Status::invalid};
    code_point = (code_point << 6) | (next & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {code_point, length, Utf8Status::valid};
}

/// Appends `code_point` to `text`; surrogates and values above 10FFFF become U+FFFD.
constexpr void append_utf8(std::string& text, char32_t code_point) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000))
    code_point = kReplacementCharacter;
  if (code_point < 0x80) {
    text += static_cast<char>(code_point);
    return;
  }
  const int continuation_bytes = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
  constexpr char32_t kLeadMark[] = {0, 0xC0, 0xE0, 0xF0};
  text += static_cast<char>(kLeadMark[continuation_bytes] |
                            (code_point >> (6 * continuation_bytes)));
  for (int i = continuation_bytes - 1; i >= 0; --i)
    text += static_cast<char>(0x80 | ((code_point >> (6 * i)) & 0x3F));
}

/// Index of the first byte that is not part of valid UTF-8; text.size() if there is none.
[[nodiscard]] constexpr std::size_t valid_utf8_length(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const DecodedCodePoint decoded = decode_utf8(text, at);
    if (decoded.status != Utf8Status::valid) break;
    at += decoded.length;
  }
  return at;
}

[[nodiscard]] constexpr bool is_valid_utf8(std::string_view text) {
  return valid_utf8_length(text) == text.size();
}

/// The text with one U+FFFD for each maximal subpart of an invalid sequence. Valid text is returned
/// unchanged.
[[nodiscard]] inline std::string replace_invalid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_length(text);
    result += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    append_utf8(result, kReplacementCharacter);
    text.remove_prefix(decode_utf8(text, 0).length);
  }
  return result;
}

/// Number of bytes that can be shown already: all but a sequence at the end that more bytes could
/// complete. Sequences that no byte can complete are included, so that a stream never waits for
/// one.
[[nodiscard]] constexpr std::size_t complete_prefix_length(std::string_view text) {
  // The lead byte of an unfinished sequence is among the last three bytes.
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::size_t at = text.size() - back;
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) break;
    if (byte >= 0xC0)
      return decode_utf8(text, at).status == Utf8Status::truncated ? at : text.size();
  }
  return text.size();
}

}  // namespace tutti
