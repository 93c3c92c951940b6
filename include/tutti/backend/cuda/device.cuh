// SPDX-License-Identifier: Apache-2.0
#pragma once
// What kernels need of the compiler beyond CUDA C++ itself, one function or macro each: shared
// memory, loops, launching, and instructions that have no name in the language. nvcc compiles the
// first half; the second is for the tests, which run the same kernels on a CPU (tests/emulation/).

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tutti/backend/cuda/error.cuh"
#include "tutti/base/float16.hpp"

#if defined(__CUDACC__)
#include <cuda_fp16.h>

/// The loop behind it has few turns, known to the compiler: what it indexes stays in registers.
#define TUTTI_UNROLL _Pragma("unroll")
/// `T name[count]` in the memory that the threads of a block share.
#define TUTTI_SHARED(T, name, count) __shared__ T name[count]
#else
#define TUTTI_UNROLL
#define TUTTI_SHARED(T, name, count)   \
  static const char name##_key = 0;    \
  T(&name)                             \
  [count] = *static_cast<T(*)[count]>( \
      tutti::emulation::static_shared(&name##_key, sizeof(T) * (count), alignof(T)))
#endif

namespace tutti::cuda {

/// Threads that execute together.
inline constexpr unsigned kWarpThreads = 32;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFU;

/// How many threads run a kernel.
struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  ///< Of `dynamic_shared`, for each block.
};

#if defined(__CUDACC__)

/// The shared memory that the launch asked for, aligned to 16 bytes.
template <class T>
[[nodiscard]] __device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char tutti_dynamic_shared[];
  return reinterpret_cast<T*>(tutti_dynamic_shared);
}

[[nodiscard]] __device__ __forceinline__ float load_half(const std::uint16_t* bits) {
  return __half2float(__ushort_as_half(*bits));
}
[[nodiscard]] __device__ __forceinline__ std::uint16_t half_bits(float value) {
  return __half_as_ushort(__float2half_rn(value));
}

/// Enqueues a kernel. The arguments are converted to its parameters' types.
/// @throws DeviceError when the shape is not possible or an earlier kernel has failed.
template <class... Parameters, class... Arguments>
void launch(const LaunchShape& shape, cudaStream_t stream, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  constexpr std::size_t kWithoutAsking = 48 * 1024;
  if (shape.shared_bytes > kWithoutAsking) {
    // Never less than before: a graph may hold a launch that needs more.
    const auto* const function = reinterpret_cast<const void*>(kernel);
    const auto bytes = static_cast<int>(shape.shared_bytes);
    cudaFuncAttributes attributes{};
    check(cudaFuncGetAttributes(&attributes, function), "asking for a kernel's shared memory");
    if (attributes.maxDynamicSharedSizeBytes < bytes) {
      check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
            "asking for shared memory");
    }
  }
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...),
        "launching a kernel");
}

#else

template <class T>
[[nodiscard]] T* dynamic_shared() {
  return static_cast<T*>(emulation::dynamic_shared());
}

[[nodiscard]] inline float load_half(const std::uint16_t* bits) { return to_float(Float16{*bits}); }
[[nodiscard]] inline std::uint16_t half_bits(float value) { return to_float16(value).bits; }

template <class... Parameters, class... Arguments>
void launch(const LaunchShape& shape, cudaStream_t stream, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  int number = 0;
  [[maybe_unused]] const auto look_at = [&](const auto& argument) {
    if constexpr (std::is_pointer_v<std::decay_t<decltype(argument)>>)
      emulation::check_pointer(argument, number);
    ++number;
  };
  (look_at(arguments), ...);
  check(emulation::launch(shape.grid, shape.block, shape.shared_bytes, stream,
                          [=] { kernel(static_cast<Parameters>(arguments)...); }),
        "launching a kernel");
}

#endif

[[nodiscard]] __device__ __forceinline__ float load_bfloat16(const std::uint16_t* bits) {
  return __uint_as_float(static_cast<unsigned>(*bits) << 16);
}
/// Rounded to nearest, halves to even; NaN stays NaN.
[[nodiscard]] __device__ __forceinline__ std::uint16_t bfloat16_bits(float value) {
  const unsigned bits = __float_as_uint(value);
  if (value != value) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

/// The sum over a warp, in every lane: the same order whichever lane asks.
[[nodiscard]] __device__ __forceinline__ float warp_sum(float value) {
  for (unsigned distance = kWarpThreads / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, static_cast<int>(distance));
  }
  return value;
}
[[nodiscard]] __device__ __forceinline__ float warp_maximum(float value) {
  for (unsigned distance = kWarpThreads / 2; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, static_cast<int>(distance)));
  }
  return value;
}

/// The sum over a block of kThreads, in every thread. All threads must call it.
template <unsigned kThreads>
[[nodiscard]] __device__ __forceinline__ float block_sum(float value) {
  constexpr unsigned kWarps = kThreads / kWarpThreads;
  TUTTI_SHARED(float, sums, kWarps);
  value = warp_sum(value);
  if (threadIdx.x % kWarpThreads == 0) sums[threadIdx.x / kWarpThreads] = value;
  __syncthreads();
  float total = sums[0];
  for (unsigned warp = 1; warp < kWarps; ++warp) total += sums[warp];
  __syncthreads();  // before the next call writes
  return total;
}

}  // namespace tutti::cuda
