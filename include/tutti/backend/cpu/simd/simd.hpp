// SPDX-License-Identifier: Apache-2.0
#pragma once
// A vector of floats as wide as the processor's, under one name: 16 lanes with AVX-512, 8 with
// AVX2 and NEON, else 4 through the compiler's own vectors (SSE2). The compiler's flags choose.
// Every kernel is written once over it. The order in which `sum` adds the lanes is fixed; results
// differ between widths but never between runs.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/float16.hpp"

#if defined(TUTTI_HAS_AVX512)
#include "tutti/backend/cpu/simd/simd_avx512.hpp"
#elif defined(TUTTI_HAS_AVX2)
#include "tutti/backend/cpu/simd/simd_avx2.hpp"
#elif defined(TUTTI_HAS_NEON)
#include "tutti/backend/cpu/simd/simd_neon.hpp"
#else
#include "tutti/backend/cpu/simd/simd_portable.hpp"
#endif

/// For functions and lambdas whose arguments must stay in registers; placed after a lambda's
/// parameters and before a function.
#define TUTTI_ALWAYS_INLINE __attribute__((always_inline))

namespace tutti::cpu::inline TUTTI_ABI {

/// A number as a type, for arguments that must be constants.
template <std::size_t value>
using Constant = std::integral_constant<std::size_t, value>;

/// Calls body(i) for the constants i = 0, ..., count - 1, one after the other in straight code. The
/// kernels' tiles live in registers only if every index is a constant, which compilers' own
/// unrolling does not promise.
template <std::size_t count, class Body>
TUTTI_ALWAYS_INLINE inline void unroll(Body body) {
  [&]<std::size_t... i>(std::index_sequence<i...>) TUTTI_ALWAYS_INLINE {
    (body(Constant<i>{}), ...);
  }
  (std::make_index_sequence<count>{});
}

/// Lanes of a vector.
inline constexpr std::size_t kLanes = FloatLanes::kCount;

/// Whether the processor multiplies pairs of bfloat16 (AVX-512 BF16): then there are BFloat16Pairs,
/// load_pairs and dot_pairs.
#if defined(TUTTI_HAS_BFLOAT16_PAIRS)
inline constexpr bool kMultipliesBFloat16 = true;
#else
inline constexpr bool kMultipliesBFloat16 = false;
/// Rounds all lanes to nearest, ties to even.
inline void store_bfloat16(BFloat16* to, FloatLanes value) {
  alignas(64) float lanes[kLanes];
  store(lanes, value);
  for (std::size_t i = 0; i < kLanes; ++i) to[i] = to_bfloat16(lanes[i]);
}
#endif

/// Prefetches the cache line at `address`, which need not be valid, into the L1 or L2 cache.
template <int level = 1>
TUTTI_ALWAYS_INLINE inline void prefetch(const void* address) {
#if defined(__x86_64__)
  // Not __builtin_prefetch: GCC 12 takes functions that do nothing else for functions without
  // effect and drops their calls.
  if constexpr (level == 1) {
    asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(address)));
  } else {
    asm volatile("prefetcht1 %0" : : "m"(*static_cast<const char*>(address)));
  }
#elif defined(__aarch64__)
  if constexpr (level == 1) {
    asm volatile("prfm pldl1keep, [%0]" : : "r"(address));
  } else {
    asm volatile("prfm pldl2keep, [%0]" : : "r"(address));
  }
#else
  __builtin_prefetch(address, 0, level == 1 ? 3 : 2);
#endif
}

#if !defined(TUTTI_HAS_AVX512)
/// The first `count` elements, 1 to kLanes - 1, zeros after them. Never touches memory past them.
[[nodiscard]] inline FloatLanes load_partial(const float* from, std::size_t count) {
  alignas(64) float padded[kLanes] = {};
  std::memcpy(padded, from, count * sizeof(float));
  return load(padded);
}

/// Stores the first `count` lanes, 1 to kLanes - 1.
inline void store_partial(float* to, FloatLanes value, std::size_t count) {
  alignas(64) float padded[kLanes];
  store(padded, value);
  std::memcpy(to, padded, count * sizeof(float));
}
#endif

}  // namespace tutti::cpu::inline TUTTI_ABI

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Calls body(load, store) for whole vectors, then for the rest of the row padded with zeros.
template <class Body>
void for_vectors(std::size_t count, Body body) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    body(
        i, [&](const float* from) { return load(from + i); },
        [&](float* to, FloatLanes value) { store(to + i, value); });
  }
  if (i < count) {
    body(
        i, [&](const float* from) { return load_partial(from + i, count - i); },
        [&](float* to, FloatLanes value) { store_partial(to + i, value, count - i); });
  }
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI

namespace tutti::cpu::inline TUTTI_ABI {

/// Rounded to 16-bit floats.
[[nodiscard]] inline FloatLanes round_to_half(FloatLanes value) {
  alignas(64) Float16 halves[kLanes];
  store_halves(halves, value);
  return load_as<Float16>(reinterpret_cast<const std::byte*>(halves));
}

/// e^x in every lane, relative error below 2e-7 in the normal range; 0 below -87.3, +inf
/// above 88.72, NaN for NaN. x = n ln 2 + r with |r| <= ln 2 / 2, ln 2 in two parts (Cody and
/// Waite); e^r by the polynomial of Cephes' expf.
[[nodiscard]] inline FloatLanes exp(FloatLanes x) {
  const FloatLanes n = round(x * broadcast(1.44269504F));
  const FloatLanes r = fma(n, broadcast(2.12194440e-4F), fma(n, broadcast(-0.693359375F), x));
  FloatLanes p = broadcast(1.9875691500e-4F);
  p = fma(p, r, broadcast(1.3981999507e-3F));
  p = fma(p, r, broadcast(8.3334519073e-3F));
  p = fma(p, r, broadcast(4.1665795894e-2F));
  p = fma(p, r, broadcast(1.6666665459e-1F));
  p = fma(p, r, broadcast(5.0000001201e-1F));
  p = fma(r * r, p, r + broadcast(1.0F));
  const FloatLanes zero_below = select_less(x, broadcast(-87.33654F), broadcast(0.0F),
                                            scale_by_power_of_two(p, n));
  return select_less(broadcast(88.72283F), x, broadcast(HUGE_VALF), zero_below);
}

/// x / (1 + e^-x) in every lane.
[[nodiscard]] inline FloatLanes silu(FloatLanes x) {
  return x / (broadcast(1.0F) + exp(broadcast(0.0F) - x));
}

/// GELU's tanh approximation in every lane, x (1 + tanh z) / 2 with z = sqrt(2 / pi) (x + 0.044715
/// x^3) (Hendrycks and Gimpel, "Gaussian error linear units", 2016); as x / (1 + e^-2z), which is
/// the same.
[[nodiscard]] inline FloatLanes gelu_tanh(FloatLanes x) {
  const FloatLanes z = broadcast(1.59576912F) * fma(broadcast(0.044715F) * x * x, x, x);
  return x / (broadcast(1.0F) + exp(broadcast(0.0F) - z));
}

}  // namespace tutti::cpu::inline TUTTI_ABI
