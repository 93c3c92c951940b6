// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a layer does to single rows besides products and attention. Each row's sums have one fixed order.

#include "tutti/backend/cuda/device.cuh"
#include "tutti/backend/cuda/kernels/product.cuh"
#include "tutti/core/types.hpp"

namespace tutti::cuda {

/// Threads of a block that works on one row.
inline constexpr unsigned kRowThreads = 128;

/// x[r] = scale * the embedding of the row's token. Grid: rows.
template <DType type, unsigned kThreads>
__global__ void __launch_bounds__(kThreads) embed_kernel(DeviceLinear embedding, const Row* rows, float scale, DeviceRows x) {
  const Row row = rows[blockIdx.x];
  const DeviceMatrix matrix = embedding.matrices[row.expert];
  float* to = x.data + std::size_t{blockIdx.x} * x.stride;
  for (std::uint32_t k = threadIdx.x * 8; k < matrix.cols; k += kThreads * 8) {
    float weights[8];
    load_weights<type>(matrix, static_cast<std::uint32_t>(row.token), k, weights);
    for (unsigned i = 0; i < 8 && k + i < matrix.cols; ++i) to[k + i] = scale * weights[i];
  }
}

/// x[r] += the embedding of the row's position. Grid: rows.
template <DType type, unsigned kThreads>
__global__ void __launch_bounds__(kThreads) add_positions_kernel(DeviceLinear positions, const Row* rows, DeviceRows x) {
  const Row row = rows[blockIdx.x];
  const DeviceMatrix matrix = positions.matrices[row.expert];
  float* to = x.data + std::size_t{blockIdx.x} * x.stride;
  for (std::uint32_t k = threadIdx.x * 8; k < matrix.cols; k += kThreads * 8) {
    float weights[8];
    load_weights<type>(matrix, row.position, k, weights);
    for (unsigned i = 0; i < 8 && k + i < matrix.cols; ++i) to[k + i] += weights[i];
  }
}

/// The norms of all experts, [experts, width] each.
struct DeviceNorm {
  const float* weights = nullptr;
  const float* biases = nullptr;  ///< LayerNorm's.
  std::uint32_t width = 0;
  float epsilon = 0.0F;
  bool layer = false;  ///< LayerNorm instead of RMSNorm.
};

/// The mean that LayerNorm takes away (0 for RMSNorm) and the factor that follows. All threads of a block call it.
struct Moments {
  float mean = 0.0F;
  float factor = 1.0F;
};
template <class Sum>
[[nodiscard]] __device__ __forceinline__ Moments moments_of(const float* x, const DeviceNorm& norm, unsigned thread, unsigned threads,
                                                            Sum sum) {
  const auto width = static_cast<float>(norm.width);
  Moments moments;
  if (norm.layer) {
    float total = 0.0F;
    for (std::uint32_t i = thread; i < norm.width; i += threads) total += x[i];
    moments.mean = sum(total) / width;
  }
  float squares = 0.0F;
  for (std::uint32_t i = thread; i < norm.width; i += threads) squares = fmaf(x[i] - moments.mean, x[i] - moments.mean, squares);
  moments.factor = 1.0F / sqrtf(sum(squares) / width + norm.epsilon);
  return moments;
}
[[nodiscard]] __device__ __forceinline__ float normalised(float x, const Moments& moments, const DeviceNorm& norm, std::size_t weight) {
  const float value = (x - moments.mean) * moments.factor * norm.weights[weight];
  return norm.layer ? value + norm.biases[weight] : value;
}

/// out[i] = norm of x[sources[i]], or of x[i] where `sources` is null, by the weights of that row's expert; added to out[i] if
/// `accumulate`. Grid: outputs.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    norm_kernel(DeviceNorm norm, const Row* rows, const std::uint32_t* sources, DeviceRows x, DeviceRows out, bool accumulate) {
  const std::uint32_t source = sources == nullptr ? blockIdx.x : sources[blockIdx.x];
  const float* from = x.data + std::size_t{source} * x.stride;
  const Moments moments = moments_of(from, norm, threadIdx.x, kThreads, [](float value) { return block_sum<kThreads>(value); });
  const std::size_t weights = std::size_t{rows[source].expert} * norm.width;
  float* to = out.data + std::size_t{blockIdx.x} * out.stride;
  for (std::uint32_t i = threadIdx.x; i < norm.width; i += kThreads) {
    const float value = normalised(from[i], moments, norm, weights + i);
    to[i] = accumulate ? to[i] + value : value;
  }
}

/// Each head of x by itself, in place. Grid: (rows, heads), a warp each.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads) head_norm_kernel(DeviceNorm norm, const Row* rows, DeviceRows x) {
  float* head = x.data + std::size_t{blockIdx.x} * x.stride + std::size_t{blockIdx.y} * norm.width;
  const Moments moments = moments_of(head, norm, threadIdx.x, kThreads, [](float value) { return warp_sum(value); });
  static_assert(kThreads == kWarpThreads);
  const std::size_t weights = std::size_t{rows[blockIdx.x].expert} * norm.width;
  for (std::uint32_t i = threadIdx.x; i < norm.width; i += kThreads) head[i] = normalised(head[i], moments, norm, weights + i);
}

/// GELU by its tanh approximation (Hendrycks and Gimpel 2016).
[[nodiscard]] __device__ __forceinline__ float activated(Activation activation, float x) {
  if (activation == Activation::silu) return x / (1.0F + expf(-x));
  return 0.5F * x * (1.0F + tanhf(0.7978845608F * (x + 0.044715F * x * x * x)));
}

/// gate = activation(gate) * up, or activation(gate) where `up.data` is null. Grid: rows.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads) activate_kernel(Activation activation, DeviceRows gate, DeviceRows up, std::uint32_t width) {
  float* g = gate.data + std::size_t{blockIdx.x} * gate.stride;
  const float* u = up.data == nullptr ? nullptr : up.data + std::size_t{blockIdx.x} * up.stride;
  for (std::uint32_t i = threadIdx.x; i < width; i += kThreads) {
    const float value = activated(activation, g[i]);
    g[i] = u == nullptr ? value : value * u[i];
  }
}

/// result[r] = log softmax(logits[r])[targets[r]], in nats; NaN if any logit of the row is NaN. Grid: rows.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    log_probability_kernel(DeviceRows logits, std::uint32_t width, const Token* targets, float* result) {
  const float* row = logits.data + std::size_t{blockIdx.x} * logits.stride;
  float largest = -INFINITY;
  for (std::uint32_t i = threadIdx.x; i < width; i += kThreads) largest = fmaxf(largest, row[i]);
  largest = block_maximum<kThreads>(largest);
  float sum = 0.0F;
  for (std::uint32_t i = threadIdx.x; i < width; i += kThreads) sum += expf(row[i] - largest);
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x == 0) result[blockIdx.x] = row[targets[blockIdx.x]] - largest - logf(sum);
}

}  // namespace tutti::cuda
