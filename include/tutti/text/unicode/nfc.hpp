// SPDX-License-Identifier: Apache-2.0
#pragma once
// Unicode normalization form C (Unicode Standard Annex 15): characters composed as far as possible,
// so that both spellings of "é" give the same tokens. The tables are those of utf8proc (Unicode
// 15.0 in Debian 12).

#include <string>
#include <string_view>

#include "tutti/base/macros.hpp"

namespace tutti {

/// `text` in NFC; invalid UTF-8 is read as U+FFFD. Time O(n).
/// @throws FormatError in programs compiled with TUTTI_WITHOUT_TEXT_LIBRARIES.
[[nodiscard]] std::string to_nfc(std::string_view text);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/unicode/nfc-inl.hpp"
#endif
