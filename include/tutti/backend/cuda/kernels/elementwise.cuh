// SPDX-License-Identifier: Apache-2.0
#pragma once
// The embeddings of rows.

#include "tutti/backend/cuda/kernels/norm.cuh"

namespace tutti::cuda {

/// x[r] = scale * the embedding of the row's token. Grid: rows.
template <DType type, unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    embed_kernel(DeviceLinear embedding, const Row* rows, float scale, DeviceRows x) {
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
__global__ void __launch_bounds__(kThreads)
    add_positions_kernel(DeviceLinear positions, const Row* rows, DeviceRows x) {
  const Row row = rows[blockIdx.x];
  const DeviceMatrix matrix = positions.matrices[row.expert];
  float* to = x.data + std::size_t{blockIdx.x} * x.stride;
  for (std::uint32_t k = threadIdx.x * 8; k < matrix.cols; k += kThreads * 8) {
    float weights[8];
    load_weights<type>(matrix, row.position, k, weights);
    for (unsigned i = 0; i < 8 && k + i < matrix.cols; ++i) to[k + i] += weights[i];
  }
}

}  // namespace tutti::cuda
