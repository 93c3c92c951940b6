// SPDX-License-Identifier: Apache-2.0
#pragma once
// RMSNorm and LayerNorm of rows. All kernels compute a row's sums in the order of a block of
// kRowThreads, so that their bits are equal.

#include "tutti/backend/cuda/kernels/weights.cuh"
#include "tutti/base/types.hpp"

namespace tutti::cuda {

/// Threads of a block that processes one row.
inline constexpr unsigned kRowThreads = 128;

/// The norms of all experts, [experts, width] each.
struct DeviceNorm {
  const float* weights = nullptr;
  const float* biases = nullptr;  ///< LayerNorm's.
  std::uint32_t width = 0;
  float epsilon = 0.0F;
  bool layer = false;  ///< LayerNorm instead of RMSNorm.
};

/// The mean that LayerNorm subtracts (0 for RMSNorm) and the factor. All threads of a block call
/// it.
struct Moments {
  float mean = 0.0F;
  float factor = 1.0F;
};
template <class Sum>
[[nodiscard]] __device__ __forceinline__ Moments moments_of(const float* x, const DeviceNorm& norm,
                                                            unsigned thread, unsigned threads,
                                                            Sum sum) {
  const auto width = static_cast<float>(norm.width);
  Moments moments;
  if (norm.layer) {
    float total = 0.0F;
    for (std::uint32_t i = thread; i < norm.width; i += threads) total += x[i];
    moments.mean = sum(total) / width;
  }
  float squares = 0.0F;
  for (std::uint32_t i = thread; i < norm.width; i += threads)
    squares = fmaf(x[i] - moments.mean, x[i] - moments.mean, squares);
  moments.factor = 1.0F / sqrtf(sum(squares) / width + norm.epsilon);
  return moments;
}
[[nodiscard]] __device__ __forceinline__ float normalized(float x, const Moments& moments,
                                                          const DeviceNorm& norm,
                                                          std::size_t weight) {
  const float value = (x - moments.mean) * moments.factor;
  // One fmaf or one product, so that every kernel rounds alike.
  return norm.layer ? fmaf(value, norm.weights[weight], norm.biases[weight])
                    : value * norm.weights[weight];
}

/// out[i] = norm of x[sources[i]], or of x[i] where `sources` is null, by the weights of that row's
/// expert; added to out[i] if `accumulate`. Grid: outputs.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    norm_kernel(DeviceNorm norm, const Row* rows, const std::uint32_t* sources, DeviceRows x,
                DeviceRows out, bool accumulate) {
  TUTTI_STATIC_SHARED(kBlockSumBytes<kThreads>, norm_kernel<kThreads>);
  const std::uint32_t source = sources == nullptr ? blockIdx.x : sources[blockIdx.x];
  const float* from = x.row(source);
  const Moments moments = moments_of(from, norm, threadIdx.x, kThreads,
                                     [](float value) { return block_sum<kThreads>(value); });
  const std::size_t weights = std::size_t{rows[source].expert} * norm.width;
  float* to = out.row(blockIdx.x);
  for (std::uint32_t i = threadIdx.x; i < norm.width; i += kThreads) {
    const float value = normalized(from[i], moments, norm, weights + i);
    to[i] = accumulate ? to[i] + value : value;
  }
}

/// Normalizes rows [first, first + count) into shared memory, `stride` floats each, padded with
/// zeros. A block of kRowThreads calls it.
__device__ __forceinline__ void normalize_to_shared(const DeviceNorm& norm, const Row* rows,
                                                    DeviceRows x, std::uint32_t first,
                                                    std::uint32_t count, float* to,
                                                    std::uint32_t stride) {
  for (std::uint32_t m = 0; m < count; ++m) {
    const float* from = x.row(first + m);
    const Moments moments = moments_of(from, norm, threadIdx.x, kRowThreads,
                                       [](float value) { return block_sum<kRowThreads>(value); });
    const std::size_t weights = std::size_t{rows[first + m].expert} * norm.width;
    for (std::uint32_t i = threadIdx.x; i < stride; i += kRowThreads) {
      to[m * stride + i] = i < norm.width ? normalized(from[i], moments, norm, weights + i) : 0.0F;
    }
  }
  __syncthreads();
}

}  // namespace tutti::cuda
