// SPDX-License-Identifier: Apache-2.0
#pragma once
// Log-probabilities from rows of logits, one block per row. Sums of exponentials are computed in
// the order of base/numeric/probability.hpp and have its bits.

#include <cstdint>

#include "tutti/backend/cuda/kernels/weights.cuh"
#include "tutti/base/numeric/fast_math.hpp"
#include "tutti/base/types.hpp"

namespace tutti::cuda {

/// Threads of a block that processes a row of logits.
inline constexpr unsigned kLogitThreads = 512;

namespace detail {

using Wide = unsigned long long;
inline constexpr Wide kBad = ~Wide{0};

/// Static shared memory of block_combined with one kind of `Combine`, and of mass_of.
template <unsigned kThreads>
inline constexpr std::size_t kCombinedBytes = kThreads / kWarpThreads * sizeof(Wide);
template <unsigned kThreads>
inline constexpr std::size_t kMassBytes = (kThreads / kWarpThreads + 1) * sizeof(double);

/// The largest or the sum of 64-bit numbers over a block, in every thread.
template <unsigned kThreads, class Combine>
[[nodiscard]] __device__ __forceinline__ Wide block_combined(Wide value, Combine combine) {
  constexpr unsigned kWarps = kThreads / kWarpThreads;
  TUTTI_SHARED(Wide, values, kWarps);
  for (unsigned distance = kWarpThreads / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(kAllLanes, value, static_cast<int>(distance)));
  }
  if (threadIdx.x % kWarpThreads == 0) values[threadIdx.x / kWarpThreads] = value;
  __syncthreads();
  Wide result = values[0];
  for (unsigned warp = 1; warp < kWarps; ++warp) result = combine(result, values[warp]);
  __syncthreads();
  return result;
}
template <unsigned kThreads>
[[nodiscard]] __device__ __forceinline__ Wide block_largest(Wide value) {
  return block_combined<kThreads>(value, [](Wide a, Wide b) { return a > b ? a : b; });
}
template <unsigned kThreads>
[[nodiscard]] __device__ __forceinline__ Wide block_total(Wide value) {
  return block_combined<kThreads>(value, [](Wide a, Wide b) { return a + b; });
}

/// Integers in the order of the tokens: by logit, among equal logits the lowest token first.
[[nodiscard]] __device__ __forceinline__ Wide rank_of(float logit, std::uint32_t token) {
  const auto order = static_cast<std::uint32_t>(tutti::detail::order_of(logit + 0.0F)) ^
                     0x80000000U;  // + 0: -0 becomes 0
  return Wide{order} << 32 | (0xFFFFFFFFU - token);
}
[[nodiscard]] __device__ __forceinline__ Token token_of(Wide rank) {
  return static_cast<Token>(0xFFFFFFFFU - static_cast<std::uint32_t>(rank));
}
/// The rank of the largest logit; kBad if one is NaN or +infinity, 0 if all are -infinity.
template <unsigned kThreads>
[[nodiscard]] __device__ __forceinline__ Wide highest_rank(const float* x, std::uint32_t count) {
  Wide best = 0;
  for (std::uint32_t t = threadIdx.x; t < count; t += kThreads) {
    const Wide rank = x[t] == -INFINITY ? 0 : x[t] < INFINITY ? rank_of(x[t], t) : kBad;
    best = rank > best ? rank : best;
  }
  return block_largest<kThreads>(best);
}

/// sum exp(x - shift) over a row in the order of sum_of_exponentials
/// (base/numeric/probability.hpp), in every thread.
template <unsigned kThreads>
[[nodiscard]] __device__ __forceinline__ double mass_of(const float* x, std::uint32_t count,
                                                        float shift) {
  constexpr unsigned kWarps = kThreads / kWarpThreads, kBlock = 256, kTerms = kBlock / kWarpThreads;
  TUTTI_SHARED(double, sums, kWarps);
  TUTTI_SHARED(double, total, 1);
  const unsigned lane = threadIdx.x % kWarpThreads, warp = threadIdx.x / kWarpThreads;
  double so_far = 0;  // of thread 0
  for (std::uint32_t begin = 0; begin < count; begin += kWarps * kBlock) {
    float terms[kTerms];
    TUTTI_UNROLL
    for (unsigned j = 0; j < kTerms; ++j) {
      const std::uint32_t i = begin + warp * kBlock + j * kWarpThreads + lane;
      terms[j] = i < count ? fast_exp(x[i] - shift) : 0.0F;
    }
    TUTTI_UNROLL
    for (unsigned half = kTerms / 2; half > 0; half /= 2) {
      TUTTI_UNROLL
      for (unsigned j = 0; j < half; ++j) terms[j] += terms[j + half];
    }
    const float last = terms[0] + __shfl_down_sync(kAllLanes, terms[0], 16);
    double sum = 0;
    for (int i = 0; i < 16; ++i) sum += static_cast<double>(__shfl_sync(kAllLanes, last, i));
    if (lane == 0) sums[warp] = sum;
    __syncthreads();
    for (unsigned w = 0; threadIdx.x == 0 && w < kWarps && begin + w * kBlock < count; ++w)
      so_far += sums[w];
    __syncthreads();
  }
  if (threadIdx.x == 0) total[0] = so_far;
  __syncthreads();
  const double result = total[0];
  __syncthreads();
  return result;
}

/// Converts a row's logits to log-probabilities, in nats.
struct Softmax {
  double largest;
  double log_sum;  ///< Of exp(logit - largest).

  [[nodiscard]] __device__ __forceinline__ float log_probability(float logit) const {
    return static_cast<float>(static_cast<double>(logit) - largest - log_sum);
  }
};
/// @param highest highest_rank of the row, which has no NaN and not only -infinity.
template <unsigned kThreads>
[[nodiscard]] __device__ __forceinline__ Softmax softmax_of(const float* x, std::uint32_t count,
                                                            Wide highest) {
  const float largest = x[token_of(highest)];
  return {static_cast<double>(largest), log(mass_of<kThreads>(x, count, largest))};
}

}  // namespace detail

/// result[r] = log softmax(logits[r])[targets[r]], in nats; NaN where log_probability_of throws.
/// Grid: rows.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    log_probability_kernel(DeviceRows logits, std::uint32_t width, const Token* targets,
                           float* result) {
  TUTTI_STATIC_SHARED(detail::kCombinedBytes<kThreads> + detail::kMassBytes<kThreads>,
                      log_probability_kernel<kThreads>);
  const float* x = logits.row(blockIdx.x);
  const detail::Wide highest = detail::highest_rank<kThreads>(x, width);
  float value = NAN;
  if (highest != 0 && highest != detail::kBad) {
    value = detail::softmax_of<kThreads>(x, width, highest).log_probability(x[targets[blockIdx.x]]);
  }
  if (threadIdx.x == 0) result[blockIdx.x] = value;
}

}  // namespace tutti::cuda
