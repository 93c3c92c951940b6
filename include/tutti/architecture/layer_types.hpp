// SPDX-License-Identifier: Apache-2.0
#pragma once
// The choices a layer's operators are parameterized by: rotary pairing, norm and activation.

#include <cstdint>

namespace tutti {

/// Pairs of elements of a head that a rotary embedding rotates: (j, j + d/2), or (2j, 2j + 1).
enum class RopePairing : std::uint8_t { halves, interleaved };

/// RMSNorm divides by the root mean square; LayerNorm subtracts the mean first and adds a bias
/// last.
enum class NormKind : std::uint8_t { rms, layer };

/// Applied by an MLP to its gate, or to its only input projection if it has no gate. gelu_tanh is
/// GELU's tanh approximation.
enum class Activation : std::uint8_t { silu, gelu_tanh };

}  // namespace tutti
