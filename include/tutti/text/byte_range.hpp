// SPDX-License-Identifier: Apache-2.0
#pragma once
// A part of a text, by its bytes.

#include <cstddef>

namespace tutti {

/// The bytes [begin, end) of a text.
struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;

  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

}  // namespace tutti
