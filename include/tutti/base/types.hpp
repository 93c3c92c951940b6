// SPDX-License-Identifier: Apache-2.0
#pragma once
// Types used by every part of the library: a token, and a row, the unit of work of the forward
// pass.

#include <cstddef>
#include <cstdint>

namespace tutti {

/// Index into a vocabulary. Negative values never name a token.
using Token = std::int32_t;

/// One token at one position of one sequence of one expert. The forward pass takes rows grouped by
/// expert.
struct Row {
  std::uint32_t expert = 0;  ///< The expert that computes the row.
  /// The sequence of that expert that the row is appended to (see KvPageTable).
  std::uint32_t sequence = 0;
  /// Number of tokens before it in that sequence, including those shared with its parent.
  std::uint32_t position = 0;
  Token token = 0;  ///< The token to embed.

  friend bool operator==(const Row&, const Row&) = default;
};

}  // namespace tutti
