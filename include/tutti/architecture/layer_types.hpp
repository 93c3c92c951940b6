// SPDX-License-Identifier: Apache-2.0
#pragma once
// The choices a layer's operators are parameterized by: rotary pairing, norm and activation.

#include <cstdint>

namespace tutti {

/// Which elements of a head a rotary embedding rotates together: (j, j + d/2), or (2j, 2j + 1).
enum class RopePairing : std::uint8_t { halves, interleaved };

/// RMSNorm divides by the root mean square; LayerNorm also subtracts the mean and adds a bias.
enum class NormKind : std::uint8_t { rms, layer };

/// Applied to an MLP's gate, or to its up projection if it has no gate. gelu_tanh is GELU's tanh
/// approximation.
enum class Activation : std::uint8_t { silu, gelu_tanh };

}  // namespace tutti
