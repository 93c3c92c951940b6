// SPDX-License-Identifier: Apache-2.0
#pragma once
// The words that every part of the library shares: a token, and a row, the unit of work of the forward pass.

#include <cstddef>
#include <cstdint>

namespace tutti {

/// Index into a vocabulary. Negative values never name a token.
using Token = std::int32_t;

/// One token at one place of one sequence of one expert. The forward pass sees nothing but rows, grouped by expert.
struct Row {
  std::uint32_t expert = 0;    ///< Which of the N experts computes the row.
  std::uint32_t sequence = 0;  ///< Which sequence of that expert the row belongs to (see KvCache).
  std::uint32_t position = 0;  ///< Number of tokens before it in that sequence, those shared with its parent included.
  Token token = 0;             ///< The token to embed.

  friend bool operator==(const Row&, const Row&) = default;
};

/// Which elements of a head a rotary embedding turns together: (j, j + d/2), or (2j, 2j + 1).
enum class RopePairing : std::uint8_t { halves, interleaved };

/// RMSNorm divides by the root of the mean square; LayerNorm subtracts the mean before and adds a bias behind.
enum class NormKind : std::uint8_t { rms, layer };

/// What an MLP applies to its gate, or to its only input matrix if it has no gate. gelu_tanh is GELU's tanh approximation.
enum class Activation : std::uint8_t { silu, gelu_tanh };

}  // namespace tutti
