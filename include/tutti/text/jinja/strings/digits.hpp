// SPDX-License-Identifier: Apache-2.0
#pragma once
// ASCII digits, as templates and format strings have them.

namespace tutti::jinja::detail {

[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The value of a digit in any base up to 16; 16 for what is no digit.
[[nodiscard]] constexpr unsigned digit_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return 16;
}

}  // namespace tutti::jinja::detail
