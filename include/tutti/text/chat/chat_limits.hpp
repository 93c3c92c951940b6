// SPDX-License-Identifier: Apache-2.0
#pragma once
// How much work one rendering of a chat template may be.

#include <cstddef>

namespace tutti {

struct ChatLimits {
  /// Expressions and statements evaluated, and items of lists made.
  std::size_t max_steps = 1'000'000;
  /// Bytes of the output, and of any string on the way to it. All strings that are made may have 64
  /// times as many together.
  std::size_t max_output_bytes = std::size_t{1} << 24;
  /// Levels of statements, expressions and macro calls within each other.
  std::size_t max_depth = 250;
};

}  // namespace tutti
