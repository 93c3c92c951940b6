// SPDX-License-Identifier: Apache-2.0
#pragma once
// What kernels need beyond CUDA C++ itself, one function or macro each: shared memory, loops,
// launches, and instructions that the language does not name. nvcc compiles the first branch of
// each #if; the second is for the tests, which run the same kernels on a CPU (tests/emulation/).

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tutti/backend/cuda/error.cuh"
#include "tutti/base/numeric/float16.hpp"

#if defined(__CUDACC__)
#include <cuda_fp16.h>

/// Unrolls the following loop, so that the arrays it indexes stay in registers.
#define TUTTI_UNROLL _Pragma("unroll")
/// Declares `T name[count]` in the static shared memory of a block.
#define TUTTI_SHARED(T, name, count) __shared__ T name[count]
/// First statement of a kernel that uses TUTTI_SHARED, itself or in functions that it calls: the
/// kernel's name, last, and the bytes of all these variables. nvcc counts them itself; the emulated
/// device takes them from here, and refuses kernels that use more.
#define TUTTI_STATIC_SHARED(bytes, ...)
#else
#define TUTTI_UNROLL
#define TUTTI_SHARED(T, name, count)   \
  static const char name##_key = 0;    \
  T(&name)                             \
  [count] = *static_cast<T(*)[count]>( \
      tutti::emulation::static_shared(&name##_key, sizeof(T) * (count), alignof(T)))
#define TUTTI_STATIC_SHARED(bytes, ...) \
  (void)&tutti::emulation::StaticShared<&__VA_ARGS__, (bytes)>::declared
#endif

namespace tutti::cuda {

/// Threads of a warp.
inline constexpr unsigned kWarpThreads = 32;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFU;

/// Grid and block of a launch.
struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  ///< Dynamic shared memory per block; see `dynamic_shared`.
};

/// An attribute of the current device.
[[nodiscard]] inline std::size_t device_attribute(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  check(cudaGetDevice(&device), "asking for the current device");
  check(cudaDeviceGetAttribute(&value, attribute, device), "asking for a device's attribute");
  return static_cast<std::size_t>(std::max(value, 0));
}

/// Makes sure that `kernel` may be launched with `dynamic_bytes` of dynamic shared memory. Static
/// and dynamic bytes count together: above the default limit (48 KiB) a kernel must opt in.
/// @throws DeviceError when a block of the current device has less shared memory than that.
inline void allow_shared_memory(const void* kernel, std::size_t dynamic_bytes) {
  if (dynamic_bytes == 0) return;  // nvcc refuses kernels with more than 48 KiB of static memory
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, kernel), "asking for a kernel's attributes");
  const std::size_t total = attributes.sharedSizeBytes + dynamic_bytes;
  const std::size_t default_limit = device_attribute(cudaDevAttrMaxSharedMemoryPerBlock);
  if (total <= default_limit) return;
  const std::size_t limit = device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  require<DeviceError>(total <= limit, "a kernel needs ", total,
                       " bytes of shared memory per block (", attributes.sharedSizeBytes,
                       " static, ", dynamic_bytes, " dynamic), and a block of this device has ",
                       limit, " at most: store the KV cache in 16 bits (StackOptions::kv_type) ",
                       "or use a GPU with more shared memory");
  const auto allowed = static_cast<std::size_t>(attributes.maxDynamicSharedSizeBytes);
  // The default of `allowed` may or may not have the static bytes taken off; only more than the
  // default limit shows that the kernel has opted in.
  if (allowed > default_limit && allowed >= dynamic_bytes) return;
  // Never lowered: a graph may hold a launch that needs more.
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(dynamic_bytes)),
        "opting in to more shared memory");
}

#if defined(__CUDACC__)

/// The block's dynamic shared memory, LaunchShape::shared_bytes, aligned to 16 bytes.
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
/// @throws DeviceError when the device cannot run this shape or an earlier kernel has failed.
template <class... Parameters, class... Arguments>
void launch(const LaunchShape& shape, cudaStream_t stream, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  allow_shared_memory(reinterpret_cast<const void*>(kernel), shape.shared_bytes);
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
  const auto* const function = reinterpret_cast<const void*>(kernel);
  allow_shared_memory(function, shape.shared_bytes);
  int number = 0;
  [[maybe_unused]] const auto check_argument = [&](const auto& argument) {
    if constexpr (std::is_pointer_v<std::decay_t<decltype(argument)>>)
      emulation::check_pointer(argument, number);
    ++number;
  };
  (check_argument(arguments), ...);
  check(emulation::launch(function, shape.grid, shape.block, shape.shared_bytes, stream,
                          [=] { kernel(static_cast<Parameters>(arguments)...); }),
        "launching a kernel");
}

#endif

[[nodiscard]] __device__ __forceinline__ float load_bfloat16(const std::uint16_t* bits) {
  return __uint_as_float(static_cast<unsigned>(*bits) << 16);
}
/// Rounds to nearest, ties to even; NaN stays NaN.
[[nodiscard]] __device__ __forceinline__ std::uint16_t bfloat16_bits(float value) {
  const unsigned bits = __float_as_uint(value);
  if (value != value) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

/// The sum over a warp, in every lane, with the same bits in all of them.
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

/// Static shared memory of block_sum.
template <unsigned kThreads>
inline constexpr std::size_t kBlockSumBytes = kThreads / kWarpThreads * sizeof(float);

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
