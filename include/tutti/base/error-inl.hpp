// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of error.hpp.

#include <cstdio>
#include <span>
#include <string>

#include "tutti/base/error.hpp"

namespace tutti::detail {

TUTTI_INLINE void MessagePart::append_to(std::string& message) const {
  switch (kind_) {
    case Kind::text: message += text_; return;
    case Kind::signed_integer: message += std::to_string(static_cast<long long>(integer_)); return;
    case Kind::unsigned_integer: message += std::to_string(integer_); return;
    case Kind::real: break;
  }
  char digits[32];
  std::snprintf(digits, sizeof digits, "%g", real_);
  message += digits;
}

TUTTI_INLINE std::string message_of(std::span<const MessagePart> parts) {
  std::string message;
  for (const MessagePart& part : parts) part.append_to(message);
  return message;
}

}  // namespace tutti::detail
