// SPDX-License-Identifier: Apache-2.0
#pragma once
// Philox 4x32-10, the counter-based random generator of Salmon, Moraes, Dror and Shaw, "Parallel
// random numbers: as easy as 1, 2, 3" (SC 2011). A draw is a pure function of its coordinates: no
// state, no order, the same bits on host and device.

#include <array>
#include <cstdint>

#include "tutti/base/macros.hpp"

namespace tutti {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

/// Ten rounds of Philox 4x32: 128 random bits per (counter, key).
[[nodiscard]] TUTTI_HOST_DEVICE constexpr PhiloxCounter philox4x32(PhiloxCounter counter,
                                                                   PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/// The coordinates of one draw. Two draws share random bits only if all five agree.
struct DrawKey {
  std::uint64_t seed = 0;
  std::uint32_t request = 0;
  std::uint16_t expert = 0;
  std::uint16_t sample = 0;
  std::uint32_t position = 0;
};

/// 32 random bits for `token` at the draw `key`; tokens 4i to 4i + 3 share one Philox call.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr PhiloxCounter draw_block(const DrawKey& key,
                                                                   std::uint32_t token_block) {
  return philox4x32(
      {token_block, key.position, (std::uint32_t{key.expert} << 16) | key.sample, key.request},
      {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)});
}

/// Maps 32 bits to the middle of one of 2^23 equal cells of (0, 1): never 0, never 1, exact in
/// float.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float to_open_unit(std::uint32_t bits) {
  return (static_cast<float>(bits >> 9) + 0.5F) * 0x1p-23F;
}

}  // namespace tutti
