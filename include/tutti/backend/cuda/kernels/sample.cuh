// SPDX-License-Identifier: Apache-2.0
#pragma once
// Draws one token per row of logits, as sampler/ does on the host: the same filters in the same
// order, the same random bits, ties to the lowest token. Sums that decide what a filter keeps are
// integers or computed in the host's order, so that the order of the threads does not change them.

#include <cstdint>

#include "tutti/backend/cuda/kernels/probability.cuh"
#include "tutti/backend/device_decoding.hpp"
#include "tutti/base/numeric/fast_math.hpp"
#include "tutti/base/numeric/philox.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/gumbel.hpp"

namespace tutti::cuda {

/// SamplingOptions for kernels.
struct DeviceSampling {
  bool greedy = false;
  bool temperature_first = false;  ///< SamplerOrder::hugging_face.
  float inverse_temperature = 1.0F;
  std::uint32_t top_k = 0;  ///< 0 is off.
  float top_p = 1.0F;       ///< 1 is off.
  float log_min_p = -INFINITY;
  float repetition = 1.0F, presence = 0.0F, frequency = 0.0F;
  std::uint32_t bias_count = 0;
  /// Ascending; several biases of one token add up in their order.
  const Token* bias_tokens = nullptr;
  const float* biases = nullptr;

  friend bool operator==(const DeviceSampling&, const DeviceSampling&) = default;
};

namespace detail {

/// A rank below those of all tokens with a logit of `least` or more, and above all others.
[[nodiscard]] __device__ __forceinline__ Wide bound_of(float least) {
  return rank_of(least, 0xFFFFFFFFU);
}

/// The weight of a token in a filter: 1, or exp(logit - shift) as a multiple of 2^-44, so that sums
/// do not depend on their order.
struct Weighing {
  bool by_mass = false;
  float shift = 0.0F;
  static constexpr double kUnit = 17592186044416.0;  // 2^44: a vocabulary's sum has room below 2^64

  [[nodiscard]] __device__ __forceinline__ Wide operator()(float logit) const {
    return by_mass ? static_cast<Wide>(static_cast<double>(fast_exp(logit - shift)) * kUnit) : 1;
  }
};

/// Total weight of the tokens with a rank of `least` or higher.
template <unsigned kThreads>
[[nodiscard]] __device__ __forceinline__ Wide weight_from(const float* x, std::uint32_t count,
                                                          Wide least, const Weighing& weigh) {
  Wide sum = 0;
  for (std::uint32_t t = threadIdx.x; t < count; t += kThreads) {
    if (rank_of(x[t], t) >= least) sum += weigh(x[t]);
  }
  return block_total<kThreads>(sum);
}

/// Values of a digit of a rank.
inline constexpr unsigned kDigits = 256;
/// Static shared memory of min_kept.
inline constexpr std::size_t kMinKeptBytes = kDigits * (sizeof(Wide) + sizeof(unsigned)) +
                                             2 * sizeof(Wide);

/// The lowest rank of the shortest prefix, by descending rank, whose total weight is `wanted` or
/// more, among ranks of `least` or higher; `least` if all together weigh less. It is found digit by
/// digit, from the highest.
template <unsigned kThreads>
[[nodiscard]] __device__ __forceinline__ Wide min_kept(const float* x, std::uint32_t count,
                                                       Wide least, Wide wanted, float largest,
                                                       const Weighing& weigh) {
  TUTTI_SHARED(Wide, weights, kDigits);
  TUTTI_SHARED(unsigned, entries, kDigits);
  TUTTI_SHARED(Wide, found, 2);  // the digit, and the weight above it
  // Tokens far below the maximum are left out first: most share their digits, and atomics on one
  // counter are slow.
  for (float reach = 1.0F; reach < 128.0F; reach *= 2.0F) {
    const Wide bound = bound_of(largest - reach);
    if (bound <= least) break;
    if (weight_from<kThreads>(x, count, bound, weigh) < wanted) continue;
    least = bound;
    break;
  }
  Wide prefix = 0, above = 0;
  for (unsigned bit = 64; bit > 0;) {
    bit -= 8;
    for (unsigned d = threadIdx.x; d < kDigits; d += kThreads) weights[d] = entries[d] = 0;
    __syncthreads();
    for (std::uint32_t t = threadIdx.x; t < count; t += kThreads) {
      const Wide rank = rank_of(x[t], t);
      if (rank < least || (bit < 56 && (rank ^ prefix) >> (bit + 8) != 0)) continue;
      atomicAdd(&weights[rank >> bit & 255], weigh(x[t]));
      atomicAdd(&entries[rank >> bit & 255], 1U);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      unsigned digit = kDigits;
      while (digit > 0 && above + weights[digit - 1] < wanted) above += weights[--digit];
      found[0] = digit;
      found[1] = above;
    }
    __syncthreads();
    if (found[0] == 0) return least;
    const auto digit = static_cast<unsigned>(found[0]) - 1;
    above = found[1];
    prefix |= Wide{digit} << bit;
    const bool all_stay = entries[digit] == 1 ||
                          (!weigh.by_mass && above + weights[digit] == wanted);
    __syncthreads();
    if (all_stay) break;
  }
  return prefix > least ? prefix : least;
}

/// x[t] = the logit after bias, penalties and, in SamplerOrder::hugging_face, temperature.
template <unsigned kThreads>
__device__ __forceinline__ void change_logits(const DeviceSampling& how, const float* logits,
                                              std::uint32_t count, const std::uint32_t* said,
                                              float* x) {
  for (std::uint32_t t = threadIdx.x; t < count; t += kThreads) x[t] = logits[t];
  __syncthreads();
  for (std::uint32_t b = threadIdx.x; b < how.bias_count; b += kThreads) {
    if (b > 0 && how.bias_tokens[b - 1] == how.bias_tokens[b]) continue;
    for (std::uint32_t i = b; i < how.bias_count && how.bias_tokens[i] == how.bias_tokens[b]; ++i)
      x[how.bias_tokens[b]] += how.biases[i];
  }
  __syncthreads();
  for (std::uint32_t t = threadIdx.x; t < count; t += kThreads) {
    float logit = x[t];
    if (said != nullptr && said[t] > 0) {
      logit = logit > 0.0F ? logit / how.repetition : __fmul_rn(logit, how.repetition);
      logit = tutti::detail::multiply_add(-how.frequency, static_cast<float>(said[t]),
                                          logit - how.presence);
    }
    x[t] = how.temperature_first ? __fmul_rn(logit, how.inverse_temperature) : logit;
  }
  __syncthreads();
}

/// The lowest rank that top-k and top-p keep.
template <unsigned kThreads>
[[nodiscard]] __device__ __forceinline__ Wide filtered(const DeviceSampling& how, const float* x,
                                                       std::uint32_t count, float largest) {
  Wide least = bound_of(-3.402823466e38F);  // not the tokens with -infinity
  const bool dense = how.top_k == 0 || how.top_k >= count;
  if (!dense) least = min_kept<kThreads>(x, count, least, how.top_k, largest, Weighing{});
  if (how.top_p >= 1.0F) return least;
  const Weighing weigh{true, largest};
  const double mass = dense ? mass_of<kThreads>(x, count, largest)
                            : static_cast<double>(weight_from<kThreads>(x, count, least, weigh)) /
                                  Weighing::kUnit;
  const double wanted = ceil(static_cast<double>(how.top_p) * mass * Weighing::kUnit);
  return min_kept<kThreads>(x, count, least, wanted < 1.0 ? 1 : static_cast<Wide>(wanted), largest,
                            weigh);
}

/// Among the tokens with a rank of `least` or higher and a logit of `floor` or more: the one with
/// the largest sum of logit and noise, as a rank.
template <unsigned kThreads>
[[nodiscard]] __device__ __forceinline__ Wide drawn_from(const float* x, std::uint32_t count,
                                                         Wide least, float floor, float factor,
                                                         const DrawKey& key) {
  Wide best = 0;
  for (std::uint32_t begin = threadIdx.x * 4; begin < count; begin += kThreads * 4) {
    bool wanted[4], any = false;
    TUTTI_UNROLL
    for (unsigned i = 0; i < 4; ++i) {
      wanted[i] = begin + i < count && rank_of(x[begin + i], begin + i) >= least &&
                  x[begin + i] >= floor;
      any = any || wanted[i];
    }
    if (!any) continue;
    const PhiloxCounter bits = draw_block(key, begin / 4);
    TUTTI_UNROLL
    for (unsigned i = 0; i < 4; ++i) {
      if (!wanted[i]) continue;
      const float score = __fmul_rn(x[begin + i], factor) + gumbel(bits[i]);
      if (score == -INFINITY) continue;  // a temperature can do that
      const Wide rank = score < INFINITY ? rank_of(score, begin + i) : kBad;
      best = rank > best ? rank : best;
    }
  }
  return block_largest<kThreads>(best);
}

}  // namespace detail

/// drawn[r] = a token for logits[r], [width] each. Grid: rows.
/// @param running 0 for ended rows, which draw nothing; null if all rows draw.
/// @param keys of the draws, one per row.
/// @param said [rows, width]: how often each token occurs in the row's penalty window; null without
/// penalties.
/// @param changed buffer for the logits after bias, penalties and temperature; may be null without
/// them.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    sample_kernel(DeviceSampling how, DeviceRows logits, std::uint32_t width,
                  const std::uint32_t* running, const DrawKey* keys, const std::uint32_t* said,
                  DeviceRows changed, DrawnToken* drawn) {
  // block_combined is there twice, for maxima and for sums.
  TUTTI_STATIC_SHARED(
      2 * detail::kCombinedBytes<kThreads> + detail::kMassBytes<kThreads> + detail::kMinKeptBytes,
      sample_kernel<kThreads>);
  const std::uint32_t row = blockIdx.x;
  if (running != nullptr && running[row] == 0) return;
  const float* x = logits.row(row);
  const auto answer = [&](Token token, float log_probability) {
    if (threadIdx.x == 0) drawn[row] = {token, log_probability};
  };
  const auto failed = [&](detail::Wide highest) {
    if (highest == 0) answer(DrawnToken::kNoToken, 0.0F);
    if (highest == detail::kBad) answer(DrawnToken::kBadLogit, 0.0F);
    return highest == 0 || highest == detail::kBad;
  };
  detail::Wide highest = detail::highest_rank<kThreads>(x, width);
  if (failed(highest)) return;
  const detail::Softmax softmax = detail::softmax_of<kThreads>(x, width, highest);

  if (said != nullptr || how.bias_count > 0 || how.temperature_first) {
    detail::change_logits<kThreads>(how, x, width,
                                    said == nullptr ? nullptr : said + std::size_t{row} * width,
                                    changed.row(row));
    x = changed.row(row);
    highest = detail::highest_rank<kThreads>(x, width);
    if (failed(highest)) return;
  }
  if (!how.greedy) {
    const float largest = x[detail::token_of(highest)];
    const detail::Wide least = detail::filtered<kThreads>(how, x, width, largest);
    highest = detail::drawn_from<kThreads>(x, width, least, largest + how.log_min_p,
                                           how.temperature_first ? 1.0F : how.inverse_temperature,
                                           keys[row]);
    if (failed(highest)) return;  // scaled logits may overflow
  }
  const Token token = detail::token_of(highest);
  answer(token, softmax.log_probability(logits.row(row)[token]));
}

}  // namespace tutti::cuda
