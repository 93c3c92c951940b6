// SPDX-License-Identifier: Apache-2.0
#pragma once
// The words that every part of the library shares: a token, and a row, the unit of work of the
// forward pass.

#include <cstddef>
#include <cstdint>

namespace tutti {

/// Index into a vocabulary. Negative values never name a token.
using Token = std::int32_t;

/// One token at one place of one sequence of one expert. The forward pass sees nothing but rows,
/// grouped by expert.
struct Row {
  std::uint32_t expert = 0;  ///< Which of the N experts computes the row.
  /// Which sequence of that expert the row belongs to (see KvPageTable).
  std::uint32_t sequence = 0;
  /// Number of tokens before it in that sequence, those shared with its parent included.
  std::uint32_t position = 0;
  Token token = 0;  ///< The token to embed.

  friend bool operator==(const Row&, const Row&) = default;
};

}  // namespace tutti
