// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a layer does to single rows besides products and attention. Each row's sums have one fixed order.

#include "tutti/backend/cuda/device.cuh"
#include "tutti/backend/cuda/kernels/product.cuh"
#include "tutti/core/types.hpp"

namespace tutti::cuda {

/// Threads of a block that works on one row.
inline constexpr unsigned kRowThreads = 128;

/// x[r] = embedding of the row's token. Grid: rows.
template <DType type, unsigned kThreads>
__global__ void __launch_bounds__(kThreads) embed_kernel(DeviceLinear embedding, const Row* rows, DeviceRows x) {
  const Row row = rows[blockIdx.x];
  const DeviceMatrix matrix = embedding.matrices[row.expert];
  float* to = x.data + std::size_t{blockIdx.x} * x.stride;
  for (std::uint32_t k = threadIdx.x * 8; k < matrix.cols; k += kThreads * 8) {
    float weights[8];
    load_weights<type>(matrix, static_cast<std::uint32_t>(row.token), k, weights);
    for (unsigned i = 0; i < 8 && k + i < matrix.cols; ++i) to[k + i] = weights[i];
  }
}

/// out[i] = RMSNorm of x[sources[i]], or of x[i] where `sources` is null, by the weights of the expert of that row. Grid: outputs.
/// @param weights [experts, width].
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    rms_norm_kernel(const float* weights, float epsilon, const Row* rows, const std::uint32_t* sources, DeviceRows x, std::uint32_t width,
                    DeviceRows out) {
  const std::uint32_t source = sources == nullptr ? blockIdx.x : sources[blockIdx.x];
  const float* from = x.data + std::size_t{source} * x.stride;
  float squares = 0.0F;
  for (std::uint32_t i = threadIdx.x; i < width; i += kThreads) squares = fmaf(from[i], from[i], squares);
  const float mean = block_sum<kThreads>(squares) / static_cast<float>(width);
  const float factor = 1.0F / sqrtf(mean + epsilon);
  const float* weight = weights + std::size_t{rows[source].expert} * width;
  float* to = out.data + std::size_t{blockIdx.x} * out.stride;
  for (std::uint32_t i = threadIdx.x; i < width; i += kThreads) to[i] = from[i] * factor * weight[i];
}

/// gate = silu(gate) * up. Grid: rows.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads) swiglu_kernel(DeviceRows gate, DeviceRows up, std::uint32_t width) {
  float* g = gate.data + std::size_t{blockIdx.x} * gate.stride;
  const float* u = up.data + std::size_t{blockIdx.x} * up.stride;
  for (std::uint32_t i = threadIdx.x; i < width; i += kThreads) g[i] = g[i] / (1.0F + expf(-g[i])) * u[i];
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
