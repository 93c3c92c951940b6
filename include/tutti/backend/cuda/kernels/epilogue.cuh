// SPDX-License-Identifier: Apache-2.0
#pragma once
// Kernels around products by cuBLAS: rounding x to the type of the weights before, and the epilogue
// after them.

#include "tutti/backend/cuda/kernels/product_job.cuh"

namespace tutti::cuda {

/// to[r] = the first `stride` floats of row r of x, each rounded to the nearest number of `type`.
/// Grid: rows.
template <DType type, unsigned kThreads>
__global__ void __launch_bounds__(kThreads) round_rows_kernel(DeviceRows x, std::uint16_t* to) {
  static_assert(type == DType::bf16 || type == DType::f16);
  const float* from = x.row(blockIdx.x);
  for (std::uint32_t k = threadIdx.x; k < x.stride; k += kThreads) {
    to[std::size_t{blockIdx.x} * x.stride + k] = type == DType::bf16 ? bfloat16_bits(from[k])
                                                                     : half_bits(from[k]);
  }
}

/// The sums of the first and of the second matrix of each part of a job.
struct ProductSums {
  DeviceRows first[kMaxParts], second[kMaxParts];
};

/// Batch rows per block of end_sums_kernel.
inline constexpr std::uint32_t kEndedRows = 4;

/// Runs the epilogue of the sums. A thread handles one pair of weight rows. Grid: (blocks of all
/// parts * row tiles, groups).
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    end_sums_kernel(const __grid_constant__ ProductJob job,
                    const __grid_constant__ ProductSums sums) {
  const ProductBlock block(job, blockIdx.x / job.row_tiles, blockIdx.y);
  WeightPair pair = pair_of(block.part, job.entry.shape, block.number * kThreads + threadIdx.x);
  if (pair.first >= block.first.rows) return;
  const bool both = pair.second < block.second.rows;
  if (!both) pair.second = pair.first;
  const DeviceRows& first = sums.first[block.index];
  const DeviceRows& second = block.part.second.matrices == nullptr ? first
                                                                   : sums.second[block.index];
  const std::uint32_t begin = blockIdx.x % job.row_tiles * kEndedRows;
  for (std::uint32_t m = begin; m < begin + kEndedRows && m < block.group.count; ++m) {
    const std::uint32_t r = block.group.first + m;
    end_pair(job, block.part, block.group.expert, r, pair, both, first.row(r)[pair.first],
             second.row(r)[pair.second]);
  }
}

}  // namespace tutti::cuda
