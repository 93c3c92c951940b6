// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W^T for the few rows of each expert: one warp for each weight row, which it reads once for up to kTile rows of x. The
// expert is the grid's second index, so that one launch serves all of them.
// Output (m, n) is the sum of 32 chains, one a lane, over k in ascending order, added in one fixed tree: its bits depend on row m
// of x and row n of W alone.

#include "tutti/backend/cuda/device.cuh"
#include "tutti/backend/cuda/matrix.cuh"

namespace tutti::cuda {

/// One expert's rows, or those of several neighbours that have the same weights.
struct DeviceGroup {
  std::uint32_t expert = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// Groups on the device, for one launch.
struct GroupList {
  const DeviceGroup* groups = nullptr;
  std::size_t count = 0;
  std::size_t most_rows = 0;
};

/// One linear layer of all experts, on the device.
struct DeviceLinear {
  const DeviceMatrix* matrices = nullptr;  ///< [experts]
  const float* const* biases = nullptr;    ///< [experts], null entries for none; null for none at all.
};

/// Rows of floats on the device; the first `padded(width)` floats of each may be read.
struct DeviceRows {
  float* data = nullptr;
  std::uint32_t stride = 0;  ///< In floats, a multiple of kLoadedWeights.
};

/// Eight weights of row `row` from column `k` on, a multiple of eight.
template <DType type>
__device__ __forceinline__ void load_weights(const DeviceMatrix& matrix, std::uint32_t row, std::uint32_t k, float (&weights)[8]) {
  const std::size_t at = std::size_t{row} * ((matrix.cols + 7) / 8 * 8) + k;
  if constexpr (type == DType::f32) {
    const auto* from = static_cast<const float4*>(matrix.weights) + at / 4;
    const float4 low = __ldg(from), high = __ldg(from + 1);
    weights[0] = low.x, weights[1] = low.y, weights[2] = low.z, weights[3] = low.w;
    weights[4] = high.x, weights[5] = high.y, weights[6] = high.z, weights[7] = high.w;
  } else if constexpr (type == DType::f16 || type == DType::bf16) {
    const uint4 packed = __ldg(static_cast<const uint4*>(matrix.weights) + at / 8);
    const unsigned words[4] = {packed.x, packed.y, packed.z, packed.w};
    for (unsigned i = 0; i < 8; ++i) {
      const auto bits = static_cast<std::uint16_t>(words[i / 2] >> (i % 2 * 16));
      weights[i] = type == DType::bf16 ? load_bfloat16(&bits) : load_half(&bits);
    }
  } else {
    const std::size_t block = std::size_t{row} * (matrix.cols / kScaledWeights) + k / kScaledWeights;
    const float scale = load_half(matrix.scales + block);
    if constexpr (type == DType::q8_0) {
      const uint2 packed = __ldg(static_cast<const uint2*>(matrix.weights) + at / 8);
      for (unsigned i = 0; i < 8; ++i) {
        const unsigned word = i < 4 ? packed.x : packed.y;
        weights[i] = static_cast<float>(static_cast<std::int8_t>(word >> (i % 4 * 8) & 0xFF)) * scale;
      }
    } else {
      const unsigned packed = __ldg(static_cast<const unsigned*>(matrix.weights) + at / 8);
      const float minimum = type == DType::q4_1 ? load_half(matrix.minima + block) : 0.0F;
      for (unsigned i = 0; i < 8; ++i) {
        const int code = static_cast<int>(packed >> (4 * i) & 15) - (type == DType::q4_0 ? 8 : 0);
        weights[i] = static_cast<float>(code) * scale + minimum;
      }
    }
  }
}

/// Warps of a block, one weight row each.
inline constexpr unsigned kProductWarps = 4;

/// Grid: (weight rows / kProductWarps, groups). `accumulate` adds to y.
template <DType type, unsigned kTile>
__global__ void __launch_bounds__(kProductWarps* kWarpThreads)
    product_kernel(DeviceLinear linear, const DeviceGroup* groups, DeviceRows x, DeviceRows y, bool accumulate) {
  const DeviceGroup group = groups[blockIdx.y];
  const DeviceMatrix matrix = linear.matrices[group.expert];
  const unsigned lane = threadIdx.x % kWarpThreads;
  const std::uint32_t row = blockIdx.x * kProductWarps + threadIdx.x / kWarpThreads;
  if (row >= matrix.rows) return;  // a whole warp
  const float* bias = linear.biases == nullptr ? nullptr : linear.biases[group.expert];
  for (std::uint32_t begin = 0; begin < group.count; begin += kTile) {
    const float* inputs[kTile];
    float sums[kTile];
    for (unsigned m = 0; m < kTile; ++m) {
      // Tiles that are not full multiply their first row again, and throw the result away.
      const std::uint32_t r = group.first + begin + (begin + m < group.count ? m : 0);
      inputs[m] = x.data + std::size_t{r} * x.stride;
      sums[m] = 0.0F;
    }
    for (std::uint32_t k = lane * 8; k < matrix.cols; k += 8 * kWarpThreads) {
      float weights[8];
      load_weights<type>(matrix, row, k, weights);
      for (unsigned m = 0; m < kTile; ++m) {
        const auto* from = reinterpret_cast<const float4*>(inputs[m] + k);
        const float4 low = from[0], high = from[1];
        const float values[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
        for (unsigned i = 0; i < 8; ++i) sums[m] = fmaf(weights[i], values[i], sums[m]);
      }
    }
    for (unsigned m = 0; m < kTile; ++m) {
      const float sum = warp_sum(sums[m]);
      if (lane != 0 || begin + m >= group.count) continue;
      float* to = y.data + std::size_t{group.first + begin + m} * y.stride + row;
      const float value = bias == nullptr ? sum : sum + bias[row];
      *to = accumulate ? *to + value : value;
    }
  }
}

/// Calls function(kType) with the device's type as a constant.
template <class Function>
void with_device_type(DType type, Function function) {
  switch (device_type(type)) {
    case DType::f16: return function(std::integral_constant<DType, DType::f16>{});
    case DType::bf16: return function(std::integral_constant<DType, DType::bf16>{});
    case DType::q8_0: return function(std::integral_constant<DType, DType::q8_0>{});
    case DType::q4_0: return function(std::integral_constant<DType, DType::q4_0>{});
    case DType::q4_1: return function(std::integral_constant<DType, DType::q4_1>{});
    default: return function(std::integral_constant<DType, DType::f32>{});
  }
}

/// Enqueues y (+)= x W^T + bias for `groups` groups of at most `most_rows` rows, with `outputs` weight rows of `type`.
inline void enqueue_product(DType type, const DeviceLinear& linear, std::uint32_t outputs, const GroupList& groups, DeviceRows x,
                            DeviceRows y, bool accumulate, cudaStream_t stream) {
  if (groups.count == 0 || outputs == 0) return;
  const LaunchShape shape{dim3((outputs + kProductWarps - 1) / kProductWarps, static_cast<unsigned>(groups.count)),
                          dim3(kProductWarps * kWarpThreads)};
  with_device_type(type, [&](auto constant) {
    constexpr DType kType = decltype(constant)::value;
    const auto enqueue = [&](auto kernel) { launch(shape, stream, kernel, linear, groups.groups, x, y, accumulate); };
    if (groups.most_rows == 1) return enqueue(product_kernel<kType, 1>);
    if (groups.most_rows == 2) return enqueue(product_kernel<kType, 2>);
    if (groups.most_rows <= 4) return enqueue(product_kernel<kType, 4>);
    enqueue(product_kernel<kType, 8>);
  });
}

}  // namespace tutti::cuda
