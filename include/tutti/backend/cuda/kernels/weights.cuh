// SPDX-License-Identifier: Apache-2.0
#pragma once
// Views of weights and activations for kernels: the matrices of all experts, rows of floats, and
// the row groups of experts.

#include <type_traits>

#include "tutti/backend/cuda/device.cuh"
#include "tutti/backend/cuda/matrix.cuh"

namespace tutti::cuda {

/// The rows of one expert, or of several neighboring experts with the same weights.
struct DeviceGroup {
  std::uint32_t expert = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// The groups of a launch, on the device.
struct GroupList {
  const DeviceGroup* groups = nullptr;
  std::size_t count = 0;
  std::size_t max_rows = 0;
};

/// Rows of floats on the device; the first `padded(width)` floats of each may be read.
struct DeviceRows {
  float* data = nullptr;
  std::uint32_t stride = 0;  ///< In floats, a multiple of kLoadedWeights.

  [[nodiscard]] __device__ __forceinline__ float* row(std::size_t r) const {
    return data + r * stride;
  }
};

/// One linear layer of all experts, on the device: W x + bias, + B (A x) for experts with a
/// low-rank delta.
struct DeviceLinear {
  const DeviceMatrix* matrices = nullptr;  ///< [experts]
  /// [experts], null for experts without; null if no expert has one.
  const float* const* biases = nullptr;
  /// [experts], without columns for experts without a delta; null if no expert has one.
  const DeviceMatrix* low_rank_b = nullptr;
  DeviceRows low_rank;               ///< A x of every row.
  DType low_rank_type = DType::f32;  ///< Of low_rank_b: f32, f16 or bf16.
};

/// Eight neighboring weights, or codes of weights, as stored.
template <DType type>
using PackedWeights = std::conditional_t<!is_quantized(type), uint4,
                                         std::conditional_t<has_nibbles(type), unsigned, uint2>>;

/// The scales of kGroupWeights neighboring weights, as stored.
template <DType type>
using PackedScales = std::conditional_t<type == DType::q8_0 || type == DType::q4_0, std::uint16_t,
                                        std::conditional_t<type == DType::q4_1, unsigned, uint2>>;

/// Code `i` of eight.
template <DType type>
[[nodiscard]] __device__ __forceinline__ int code_of(const PackedWeights<type>& packed,
                                                     unsigned i) {
  if constexpr (has_nibbles(type)) {
    return static_cast<int>(packed >> (4 * i) & 15) - (has_minimum(type) ? 0 : 8);
  } else {
    return static_cast<std::int8_t>((i < 4 ? packed.x : packed.y) >> (i % 4 * 8) & 0xFF);
  }
}

/// Scale of the first or the second half.
template <DType type>
[[nodiscard]] __device__ __forceinline__ float scale_of(const PackedScales<type>& packed,
                                                        unsigned half) {
  if constexpr (std::is_same_v<PackedScales<type>, uint2>) {
    return __uint_as_float(type == DType::q6_k && half == 1 ? packed.y : packed.x);
  } else {
    const auto bits = static_cast<std::uint16_t>(packed);
    return load_half(&bits);
  }
}
template <DType type>
[[nodiscard]] __device__ __forceinline__ float minimum_of(const PackedScales<type>& packed) {
  static_assert(has_minimum(type));
  if constexpr (type == DType::q4_1) {
    const auto bits = static_cast<std::uint16_t>(packed >> 16);
    return load_half(&bits);
  } else {
    return __uint_as_float(packed.y);
  }
}

/// Eight weights of row `row` from column `k` on, a multiple of eight.
template <DType type>
__device__ __forceinline__ void load_weights(const DeviceMatrix& matrix, std::uint32_t row,
                                             std::uint32_t k, float (&weights)[8]) {
  const std::size_t at = std::size_t{row} * ((matrix.cols + 7) / 8 * 8) + k;
  if constexpr (type == DType::f32) {
    const auto* from = static_cast<const float4*>(matrix.weights) + at / 4;
    const float4 low = __ldg(from), high = __ldg(from + 1);
    weights[0] = low.x, weights[1] = low.y, weights[2] = low.z, weights[3] = low.w;
    weights[4] = high.x, weights[5] = high.y, weights[6] = high.z, weights[7] = high.w;
  } else if constexpr (type == DType::f16 || type == DType::bf16) {
    const uint4 packed = __ldg(static_cast<const uint4*>(matrix.weights) + at / 8);
    const unsigned words[4] = {packed.x, packed.y, packed.z, packed.w};
    TUTTI_UNROLL
    for (unsigned i = 0; i < 8; ++i) {
      const auto bits = static_cast<std::uint16_t>(words[i / 2] >> (i % 2 * 16));
      weights[i] = type == DType::bf16 ? load_bfloat16(&bits) : load_half(&bits);
    }
  } else {
    const PackedWeights<type> packed = __ldg(
        static_cast<const PackedWeights<type>*>(matrix.weights) + at / 8);
    const PackedScales<type> scales = __ldg(static_cast<const PackedScales<type>*>(matrix.scales) +
                                            std::size_t{row} * (matrix.cols / kGroupWeights) +
                                            k / kGroupWeights);
    const float scale = scale_of<type>(scales, k % kGroupWeights / (kGroupWeights / 2));
    TUTTI_UNROLL
    for (unsigned i = 0; i < 8; ++i) {
      weights[i] = static_cast<float>(code_of<type>(packed, i)) * scale;
      if constexpr (has_minimum(type)) weights[i] += minimum_of<type>(scales);
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
    case DType::q4_k: return function(std::integral_constant<DType, DType::q4_k>{});
    case DType::q5_k: return function(std::integral_constant<DType, DType::q5_k>{});
    case DType::q6_k: return function(std::integral_constant<DType, DType::q6_k>{});
    default: return function(std::integral_constant<DType, DType::f32>{});
  }
}

}  // namespace tutti::cuda
