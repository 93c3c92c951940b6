// SPDX-License-Identifier: Apache-2.0
#pragma once
// Converts random bits to Gumbel noise, by the same function on host and device.

#include <array>
#include <cstddef>
#include <cstdint>

#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/fast_math.hpp"
#include "tutti/base/numeric/philox.hpp"
#include "tutti/sampler/detail/philox_lanes.hpp"

namespace tutti::inline TUTTI_ABI {

/// A Gumbel variate -log(-log u) from 32 random bits, with u = 1 - v and v the middle of one of
/// 2^32 equal cells of (0, 1).
///
/// A token of probability p wins a draw when -log u is about p or less, so small values of -log u
/// need a fine resolution. Computed from v they go down to 2^-33 in steps of 2^-32; computed from u
/// rounded to float, the steps would be 2^-24, and much rarer tokens would never be drawn.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float gumbel(std::uint32_t bits) {
  // In two exact halves: compilers vectorize conversions of signed 32-bit numbers only.
  const float high = static_cast<float>(static_cast<std::int32_t>(bits >> 16)) * 0x1p-16F;
  const float low = (static_cast<float>(static_cast<std::int32_t>(bits & 0xFFFFU)) + 0.5F) *
                    0x1p-32F;
  const float v = detail::clamp(high + low, 0.0F, 1.0F - 0x1p-24F);  // 1 - v must not become 0
  return -fast_log(-fast_log_complement(v));
}

/// The noise of `token` in the draw with key `key`.
[[nodiscard]] TUTTI_HOST_DEVICE constexpr float gumbel_of(const DrawKey& key, std::uint32_t token) {
  return gumbel(draw_block(key, token / 4)[token % 4]);
}

/// Number of tokens whose random bits are computed together.
inline constexpr std::size_t kTokenBlock = 256;

/// The random bits of tokens first_token to first_token + 255, the same as draw_block gives,
/// computed in vectors.
/// @param first_token a multiple of 4.
inline void random_block(const DrawKey& key, std::uint32_t first_token,
                         std::array<std::uint32_t, kTokenBlock>& bits) {
  using detail::PhiloxLanes;
  const PhiloxLanes multiplier0 = detail::philox_broadcast(0xD2511F53U);
  const PhiloxLanes multiplier1 = detail::philox_broadcast(0xCD9E8D57U);
  for (std::size_t call = 0; call < kTokenBlock / 4; call += PhiloxLanes::kCount) {
    PhiloxLanes c0 = detail::philox_iota(first_token / 4 + static_cast<std::uint32_t>(call));
    PhiloxLanes c1 = detail::philox_broadcast(key.position);
    PhiloxLanes c2 = detail::philox_broadcast((std::uint32_t{key.expert} << 16) | key.sample);
    PhiloxLanes c3 = detail::philox_broadcast(key.request);
    auto key0 = static_cast<std::uint32_t>(key.seed);
    auto key1 = static_cast<std::uint32_t>(key.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const PhiloxLanes product0 = product(multiplier0, c0);
      const PhiloxLanes product1 = product(multiplier1, c2);
      c0 = upper_half(product1) ^ c1 ^ detail::philox_broadcast(key0);
      c1 = product1;
      c2 = upper_half(product0) ^ c3 ^ detail::philox_broadcast(key1);
      c3 = product0;
      key0 += 0x9E3779B9U;
      key1 += 0xBB67AE85U;
    }
    detail::store_words(&bits[call * 4], c0, c1, c2, c3);
  }
}

}  // namespace tutti::inline TUTTI_ABI
