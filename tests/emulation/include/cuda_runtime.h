// SPDX-License-Identifier: Apache-2.0
#pragma once
// Replaces CUDA's header of this name, so that a C++ compiler builds the Cuda backend and a CPU
// runs its kernels: the vector types, the functions of device code, and the part of the runtime API
// that the backend calls. Every CUDA thread is a fiber of ../scheduler.cpp; ../runtime.cpp has
// memory, streams and graphs.

#if defined(__CUDACC__)
#error "this header replaces CUDA's without nvcc: remove tests/emulation/include from the path"
#endif

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

// After the standard headers, which may use these names themselves.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

struct uint2 {
  unsigned x, y;
};
struct uint3 {
  unsigned x, y, z;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

/// Of the running fiber; set at every switch.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace tutti::emulation {

/// A place in a kernel's source; std::source_location is missing in clang 14.
struct Place {
  const char* file = "";
  int line = 0;
  static constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

enum class Collective : std::uint8_t {
  shuffle,
  shuffle_down,
  shuffle_xor,
  ballot,
  synchronize,
  mma_bf16,
  mma_tf32
};

/// One lane's part in a warp's collective operation.
struct LaneValue {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  int argument = 0;
};
/// One lane's fragments of mma.m16n8k16 (bf16) or mma.m16n8k8 (tf32).
struct LaneFragments {
  float* c;
  const std::uint32_t* a;
  const std::uint32_t* b;
};

void block_barrier(Place place);
void warp_collective(unsigned mask, Collective kind, void* lane, Place place);
void fence();
/// Called before an atomic operation; another thread may run first.
void before_atomic(void* address);
[[nodiscard]] void* dynamic_shared();
/// The block's shared variable named by `key`, of `bytes` bytes, initially NaNs.
[[nodiscard]] void* static_shared(const void* key, std::size_t bytes, std::size_t alignment);

/// Sets the bytes of static shared memory that a kernel has. Returns true.
bool declare_static_shared(const void* kernel, std::size_t bytes);
/// Declares them before main, once the kernel that names it is instantiated.
template <auto kKernel, std::size_t kBytes>
struct StaticShared {
  static const bool declared;
};
template <auto kKernel, std::size_t kBytes>
const bool StaticShared<kKernel, kBytes>::declared =
    declare_static_shared(reinterpret_cast<const void*>(kKernel), kBytes);

template <class T>
[[nodiscard]] T exchange(unsigned mask, Collective kind, T value, int argument, Place place) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  LaneValue lane{0, 0, argument};
  std::memcpy(&lane.in, &value, sizeof value);
  warp_collective(mask, kind, &lane, place);
  std::memcpy(&value, &lane.out, sizeof value);
  return value;
}

/// A relaxed atomic read-modify-write, as CUDA's atomics are.
template <class T, class Change>
T atomic_change(T* address, Change change) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  before_atomic(address);
  auto* bits = reinterpret_cast<Bits*>(address);
  Bits old = __atomic_load_n(bits, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(
      bits, &old, std::bit_cast<Bits>(static_cast<T>(change(std::bit_cast<T>(old)))), false,
      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
  return std::bit_cast<T>(old);
}

}  // namespace tutti::emulation

#define TUTTI_PLACE tutti::emulation::Place place = tutti::emulation::Place::here()
inline void __syncthreads(TUTTI_PLACE) { tutti::emulation::block_barrier(place); }
inline void __syncwarp(unsigned mask = ~0U, TUTTI_PLACE) {
  tutti::emulation::warp_collective(mask, tutti::emulation::Collective::synchronize, nullptr,
                                    place);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, TUTTI_PLACE) {
  return tutti::emulation::exchange(mask, tutti::emulation::Collective::shuffle, value, lane,
                                    place);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, TUTTI_PLACE) {
  return tutti::emulation::exchange(mask, tutti::emulation::Collective::shuffle_down, value,
                                    static_cast<int>(delta), place);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, TUTTI_PLACE) {
  return tutti::emulation::exchange(mask, tutti::emulation::Collective::shuffle_xor, value, lanes,
                                    place);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, TUTTI_PLACE) {
  return static_cast<unsigned>(tutti::emulation::exchange(
      mask, tutti::emulation::Collective::ballot, std::uint64_t{predicate != 0}, 0, place));
}
#undef TUTTI_PLACE

inline void __threadfence() { tutti::emulation::fence(); }
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return tutti::emulation::atomic_change(address, [=](T old) { return old + value; });
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return tutti::emulation::atomic_change(address, [=](T old) { return old < value ? value : old; });
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return tutti::emulation::atomic_change(address, [=](T) { return value; });
}

template <class T>
T __ldg(const T* address) {
  return *address;
}
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline float rsqrtf(float x) { return 1.0F / std::sqrt(x); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(std::uint64_t{a} * b >> 32);
}
/// A rounded product that the compiler must not fuse with an addition.
inline float __fmul_rn(float a, float b) {
  float product = a * b;
  asm("" : "+m"(product));
  return product;
}
inline int __popc(unsigned x) { return std::popcount(x); }

// The runtime API. Only error codes that the backend distinguishes have names.
enum cudaError_t : int {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchFailure = 719,
  cudaErrorNotSupported = 801,
  cudaErrorStreamCaptureUnsupported = 900,
};
enum cudaMemcpyKind : int {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
enum cudaStreamCaptureStatus : int {
  cudaStreamCaptureStatusNone,
  cudaStreamCaptureStatusActive,
  cudaStreamCaptureStatusInvalidated
};
enum cudaStreamCaptureMode : int {
  cudaStreamCaptureModeGlobal,
  cudaStreamCaptureModeThreadLocal,
  cudaStreamCaptureModeRelaxed
};
enum cudaFuncAttribute : int { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
struct cudaFuncAttributes {
  std::size_t sharedSizeBytes;
  int maxDynamicSharedSizeBytes;
  int binaryVersion;
};
enum cudaDeviceAttr : int {
  cudaDevAttrMaxSharedMemoryPerBlock = 8,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
  cudaDevAttrMemoryPoolsSupported = 115,
};
enum : unsigned { cudaStreamNonBlocking = 1, cudaEventDefault = 0, cudaEventDisableTiming = 2 };
struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
  int major, minor, multiProcessorCount;
};
using cudaStream_t = struct CUstream_st*;
using cudaGraph_t = struct CUgraph_st*;
using cudaGraphExec_t = struct CUgraphExec_st*;
using cudaMemPool_t = struct CUmemPoolHandle_st*;
using cudaEvent_t = struct CUevent_st*;
enum cudaMemAllocationType : int { cudaMemAllocationTypePinned = 1 };
enum cudaMemLocationType : int { cudaMemLocationTypeDevice = 1 };
enum cudaMemPoolAttr : int { cudaMemPoolAttrReleaseThreshold = 4 };
struct cudaMemPoolProps {
  cudaMemAllocationType allocType;
  struct {
    cudaMemLocationType type;
    int id;
  } location;
};

cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes);
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties);
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value);
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, std::size_t bytes);
cudaError_t cudaMallocFromPoolAsync(void** memory, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream);
cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream);
cudaError_t cudaMallocHost(void** memory, std::size_t bytes);
cudaError_t cudaFreeHost(void* memory);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel);
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value);
cudaError_t cudaGetLastError();
const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);

namespace tutti::emulation {

/// Enqueues `body`, to be run once by every thread of the grid. `kernel` has the attributes; null
/// stands for a function without any.
cudaError_t launch(const void* kernel, dim3 grid, dim3 block, std::size_t shared_bytes,
                   cudaStream_t stream, std::function<void()> body);
/// Throws EmulationError unless `pointer` is null or points into live device or pinned memory.
void check_pointer(const void* pointer, int argument);

}  // namespace tutti::emulation
