// SPDX-License-Identifier: Apache-2.0
// The emulated device's memory, streams and graphs. Compiled without sanitizers, as the scheduler
// is. Only kernels and copies can access device memory: a host that touches it faults. Memory that
// has not been written since its allocation is NaN.
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/emulation/emulation.hpp"
#include "tests/emulation/sanitizers.hpp"
#include "tests/emulation/scheduler.hpp"

using tutti::emulation::EmulationError;
using Operation = std::function<void()>;

struct CUgraph_st {
  std::vector<Operation> operations;
};
struct CUgraphExec_st {
  std::vector<Operation> operations;
};
struct CUstream_st {
  std::deque<Operation> waiting;
  std::unique_ptr<CUgraph_st> capture;  ///< What is enqueued while it is there goes into it.
};

/// The point of the last recording; copies of the pointer may outlive the event.
struct CUevent_st {
  struct Point {
    CUstream_st* stream = nullptr;
    bool reached = true;
    std::chrono::steady_clock::time_point when;
  };
  std::shared_ptr<Point> point = std::make_shared<Point>();
};
/// A pool keeps freed memory and reuses it for the stream that freed it.
struct CUmemPoolHandle_st {
  struct Block {
    char* begin;
    std::size_t capacity;
    cudaStream_t stream;
  };
  std::vector<Block> kept;  ///< The latest last.
  std::uint64_t release_threshold = 0;
  std::size_t kept_bytes = 0;
};

namespace tutti::emulation {

namespace {

constexpr std::size_t kAddressSpace = std::size_t{64} << 30;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kRedZone = 256;
constexpr int kUnwritten = 0xFF;
/// Shared memory of a block without opting in, static and dynamic.
constexpr std::size_t kDefaultShared = 48 * 1024;

[[nodiscard]] std::size_t round_up(std::size_t n, std::size_t unit) {
  return (n + unit - 1) / unit * unit;
}

struct Device {
  char* base = static_cast<char*>(
      mmap(nullptr, kAddressSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  std::size_t reserved = 0;  ///< Bytes of the address space that have been in use.
  std::size_t used = 0;      ///< Bytes of live allocations.
  std::size_t kept = 0;      ///< Bytes that pools keep.
  int open = 0;              ///< Kernels and copies in progress.
  struct Allocation {
    std::size_t bytes, capacity;
    cudaMemPool_t pool;
  };
  std::map<char*, Allocation> allocations;  ///< Live ones.
  std::map<char*, std::size_t> memory;      ///< The same: where they begin and their bytes.
  /// Freed memory that no pool keeps, of any stream: nothing enqueued uses it.
  std::vector<CUmemPoolHandle_st::Block> unused;
  std::set<cudaMemPool_t> pools;
  std::map<char*, std::size_t> pinned;  ///< Live pinned host memory.
  std::set<CUstream_st*> streams;
  CUstream_st null_stream;
  cudaError_t last_error = cudaSuccess;
  cudaError_t kernel_error = cudaSuccess;  ///< Of a kernel, until the host waits.
  std::uint64_t kernels = 0, graphs = 0;

  Device() { streams.insert(&null_stream); }

  void protect(int protection) const {
    if (reserved > 0 && mprotect(base, reserved, protection) != 0) std::abort();
  }
  [[nodiscard]] bool holds(const void* pointer) const {
    return pointer >= base && pointer < base + kAddressSpace;
  }
};

Device& device() {
  static auto* const instance = new Device;
  return *instance;
}

/// A kernel's shared memory per block.
struct Function {
  std::size_t static_bytes = 0;
  std::size_t allowed_dynamic = kDefaultShared;  ///< More than that must be opted in to.
};
std::map<const void*, Function>& functions() {
  static auto* const instance = new std::map<const void*, Function>;
  return *instance;
}

/// While one exists, device memory is accessible.
struct Access {
  Access() {
    if (device().open++ == 0) device().protect(PROT_READ | PROT_WRITE);
  }
  ~Access() {
    if (--device().open == 0) device().protect(PROT_NONE);
  }
};

/// Bytes from `pointer` to the end of the live block that holds it; 0 if there is none.
[[nodiscard]] std::size_t bytes_left(const std::map<char*, std::size_t>& blocks,
                                     const void* pointer) {
  const auto* at = static_cast<const char*>(pointer);
  auto after = blocks.upper_bound(const_cast<char*>(at));
  if (after == blocks.begin()) return 0;
  const auto& [begin, bytes] = *--after;
  return at < begin + bytes ? bytes - static_cast<std::size_t>(at - begin) : 0;
}

cudaError_t result(cudaError_t error) {
  if (error != cudaSuccess) device().last_error = error;
  return error;
}

void drain(CUstream_st& stream) {
  while (!stream.waiting.empty()) {
    const Operation operation = std::move(stream.waiting.front());
    stream.waiting.pop_front();
    operation();
  }
}

/// Runs the stream of an event up to it.
void reach(const std::shared_ptr<CUevent_st::Point>& point) {
  while (!point->reached) {
    const Operation operation = std::move(point->stream->waiting.front());
    point->stream->waiting.pop_front();
    operation();
  }
}

CUstream_st& stream_of(cudaStream_t stream) {
  return stream == nullptr ? device().null_stream : *stream;
}

/// Whether a graph is being captured, during which memory can neither be allocated nor freed.
bool capturing() {
  return std::any_of(device().streams.begin(), device().streams.end(),
                     [](const CUstream_st* stream) { return stream->capture != nullptr; });
}

cudaError_t enqueue(cudaStream_t handle, Operation operation) {
  CUstream_st& stream = stream_of(handle);
  if (stream.capture != nullptr) {
    stream.capture->operations.push_back(std::move(operation));
    return cudaSuccess;
  }
  stream.waiting.push_back(std::move(operation));
  if (!options().deferred) drain(stream);
  return cudaSuccess;
}

/// Takes the smallest of `blocks` with `capacity` bytes or more that `stream` has freed (null:
/// any).
bool take_block(std::vector<CUmemPoolHandle_st::Block>& blocks, std::size_t capacity,
                cudaStream_t stream, CUmemPoolHandle_st::Block& taken) {
  auto best = blocks.end();
  for (auto block = blocks.begin(); block != blocks.end(); ++block) {
    if (block->capacity < capacity || (stream != nullptr && block->stream != stream)) continue;
    if (best == blocks.end() || block->capacity <= best->capacity) best = block;
  }
  if (best == blocks.end()) return false;
  taken = *best;
  blocks.erase(best);
  return true;
}

/// Returns the memory that a pool keeps beyond `bytes` to the device, oldest first.
void release_kept(CUmemPoolHandle_st& pool, std::size_t bytes) {
  while (pool.kept_bytes > bytes) {
    CUmemPoolHandle_st::Block& block = pool.kept.front();
    // Real memory is freed once the work that uses it is done.
    if (device().streams.contains(block.stream)) drain(*block.stream);
    pool.kept_bytes -= block.capacity;
    device().kept -= block.capacity;
    device().unused.push_back(block);
    pool.kept.erase(pool.kept.begin());
  }
}

/// @throws EmulationError when a copy would leave the block of device memory in which it begins.
void check_range(const void* pointer, std::size_t bytes) {
  if (!device().holds(pointer)) return;
  const std::size_t left = bytes_left(device().memory, pointer);
  if (left < bytes)
    throw EmulationError("a copy of " + std::to_string(bytes) + " bytes begins where " +
                         std::to_string(left) + " are left");
}

}  // namespace

Options& options() {
  static Options instance;
  return instance;
}

std::uint64_t kernels_run() { return device().kernels; }
std::uint64_t graphs_made() { return device().graphs; }
std::size_t bytes_in_use() { return device().used; }
std::size_t bytes_kept() { return device().kept; }

bool declare_static_shared(const void* kernel, std::size_t bytes) {
  functions()[kernel] = {bytes, kDefaultShared - bytes};
  return true;
}

cudaError_t launch(const void* kernel, dim3 grid, dim3 block, std::size_t shared_bytes,
                   cudaStream_t stream, std::function<void()> body) {
  constexpr std::size_t kMaxThreads = 1024, kMaxBlocks = 65535;
  const std::size_t threads = std::size_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > kMaxThreads || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.y > kMaxBlocks || grid.z > kMaxBlocks) {
    return result(cudaErrorInvalidConfiguration);
  }
  const Function& function = functions()[kernel];
  if (shared_bytes > function.allowed_dynamic) return result(cudaErrorInvalidValue);
  const SharedBytes shared{shared_bytes, function.static_bytes};
  return enqueue(stream, [=] {
    const Access access;
    if (++device().kernels == options().failing_kernel) {
      device().kernel_error = cudaErrorLaunchFailure;
      return;
    }
    run_kernel(grid, block, shared, body);
  });
}

void check_pointer(const void* pointer, int argument) {
  if (pointer == nullptr || bytes_left(device().memory, pointer) > 0 ||
      bytes_left(device().pinned, pointer) > 0)
    return;
  throw EmulationError("argument " + std::to_string(argument) +
                       " of a kernel points to no live device memory");
}

}  // namespace tutti::emulation

using namespace tutti::emulation;

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int number) {
  return result(number == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}
cudaError_t cudaGetDevice(int* number) {
  *number = 0;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int number) {
  if (number != 0) return result(cudaErrorInvalidDevice);
  *properties = {"emulated on the CPU", options().memory_bytes, options().compute_major,
                 options().compute_minor, 4};
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int number) {
  if (number != 0) return result(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = static_cast<int>(kDefaultShared); break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(options().shared_limit);
      break;
    case cudaDevAttrComputeCapabilityMajor: *value = options().compute_major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = options().compute_minor; break;
    case cudaDevAttrMemoryPoolsSupported: *value = options().memory_pools ? 1 : 0; break;
    default: return result(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = options().driver_version;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = options().runtime_version;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  *total_bytes = options().memory_bytes;
  *free_bytes = *total_bytes - std::min(*total_bytes, device().used + device().kept);
  return cudaSuccess;
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  if (properties->location.id != 0) return result(cudaErrorInvalidDevice);
  if (!options().memory_pools) return result(cudaErrorNotSupported);
  *pool = new CUmemPoolHandle_st;
  device().pools.insert(*pool);
  return cudaSuccess;
}
/// Live allocations stay; memory freed later goes to no pool.
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  release_kept(*pool, 0);
  for (auto& [begin, allocation] : device().allocations) {
    if (allocation.pool == pool) allocation.pool = nullptr;
  }
  device().pools.erase(pool);
  delete pool;
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr, void* value) {
  pool->release_threshold = *static_cast<std::uint64_t*>(value);
  return cudaSuccess;
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, std::size_t bytes) {
  release_kept(*pool, bytes);
  return cudaSuccess;
}

cudaError_t cudaMallocFromPoolAsync(void** memory, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  Device& d = device();
  if (pool == nullptr || !d.streams.contains(stream)) return result(cudaErrorInvalidResourceHandle);
  if (bytes == 0) {
    *memory = nullptr;
    return cudaSuccess;
  }
  if (capturing()) return result(cudaErrorStreamCaptureUnsupported);
  const std::size_t capacity = round_up(round_up(bytes, kRedZone) + kRedZone, kPage);
  CUmemPoolHandle_st::Block block{nullptr, capacity, stream};
  if (take_block(pool->kept, capacity, stream, block)) {
    pool->kept_bytes -= block.capacity;
    d.kept -= block.capacity;
  } else if (bytes > options().memory_bytes - std::min(options().memory_bytes, d.used + d.kept)) {
    return result(cudaErrorMemoryAllocation);
  } else if (!take_block(d.unused, capacity, nullptr, block)) {
    if (d.reserved + capacity > kAddressSpace) return result(cudaErrorMemoryAllocation);
    block.begin = d.base + d.reserved;
    d.reserved += capacity;
    if (d.open > 0) d.protect(PROT_READ | PROT_WRITE);
    poison(block.begin, capacity);
  }
  char* const begin = block.begin;
  d.allocations[begin] = {bytes, block.capacity, pool};
  d.memory[begin] = bytes;
  d.used += bytes;
  *memory = begin;
  // In the order of the stream: work enqueued before may still use the same addresses.
  return enqueue(stream, [begin, bytes, filled = round_up(bytes + kRedZone, kPage)] {
    const Access access;
    // The bytes after the array are NaN too, so that reading past the end is found without a
    // sanitizer.
    unpoison(begin, filled);
    std::memset(begin, kUnwritten, filled);
    poison(begin + bytes, filled - bytes);
  });
}

// Work enqueued before may use the memory; work enqueued later must not.
cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  if (capturing()) return result(cudaErrorStreamCaptureUnsupported);
  Device& d = device();
  if (!d.streams.contains(stream)) return result(cudaErrorInvalidResourceHandle);
  const auto found = d.allocations.find(static_cast<char*>(memory));
  if (found == d.allocations.end()) return result(cudaErrorInvalidValue);
  const auto [begin, allocation] = *found;
  d.allocations.erase(found);
  d.memory.erase(begin);
  d.used -= allocation.bytes;
  if (cudaMemPool_t pool = allocation.pool; pool != nullptr && options().reuse_addresses) {
    pool->kept.push_back({begin, allocation.capacity, stream});
    pool->kept_bytes += allocation.capacity;
    d.kept += allocation.capacity;
  }
  return enqueue(stream, [begin = begin, bytes = allocation.bytes] {
    poison(begin, bytes);
    madvise(begin, round_up(bytes + kRedZone, kPage), MADV_DONTNEED);
  });
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  if (capturing()) return result(cudaErrorStreamCaptureUnsupported);
  *memory = std::malloc(bytes);
  if (*memory == nullptr) return result(cudaErrorMemoryAllocation);
  device().pinned[static_cast<char*>(*memory)] = bytes;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) {
  for (CUstream_st* stream : device().streams) drain(*stream);
  device().pinned.erase(static_cast<char*>(memory));
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  if (bytes > 0 && (device().holds(from) != from_device || device().holds(to) != to_device))
    return result(cudaErrorInvalidValue);
  check_range(to, bytes);
  check_range(from, bytes);
  // As in CUDA: pageable memory is read before the call returns, pinned memory when the copy runs.
  if (!from_device && bytes_left(device().pinned, from) < bytes) {
    // A graph would read that memory at each launch, which is never intended.
    if (stream_of(stream).capture != nullptr) return result(cudaErrorStreamCaptureUnsupported);
    auto staged = std::make_shared<std::vector<char>>(static_cast<const char*>(from),
                                                      static_cast<const char*>(from) + bytes);
    return enqueue(stream, [=] {
      const Access access;
      std::memcpy(to, staged->data(), bytes);
    });
  }
  const cudaError_t error = enqueue(stream, [=] {
    const Access access;
    std::memcpy(to, from, bytes);
  });
  // A copy into pageable memory is done when the call returns.
  if (!to_device && bytes_left(device().pinned, to) < bytes && stream_of(stream).capture == nullptr)
    drain(stream_of(stream));
  return error;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  check_range(to, bytes);
  return enqueue(stream, [=] {
    const Access access;
    std::memset(to, value, bytes);
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  device().streams.insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  drain(*stream);
  device().streams.erase(stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream_of(stream).capture != nullptr) return result(cudaErrorStreamCaptureUnsupported);
  drain(stream_of(stream));
  for (const cudaMemPool_t pool : device().pools) release_kept(*pool, pool->release_threshold);
  return result(std::exchange(device().kernel_error, cudaSuccess));
}
cudaError_t cudaDeviceSynchronize() {
  for (CUstream_st* stream : device().streams) {
    if (stream->capture != nullptr) return result(cudaErrorStreamCaptureUnsupported);
  }
  for (CUstream_st* stream : device().streams) drain(*stream);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (stream_of(stream).capture != nullptr)
    return result(cudaErrorStreamCaptureUnsupported);  // the backend's graphs contain none
  const auto point = std::make_shared<CUevent_st::Point>(
      CUevent_st::Point{&stream_of(stream), false, {}});
  event->point = point;
  return enqueue(stream, [point] {
    point->reached = true;
    point->when = std::chrono::steady_clock::now();
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  reach(event->point);
  return result(std::exchange(device().kernel_error, cudaSuccess));
}
/// Time of the emulating processor: useful for trying a measurement, not for its results.
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  if (!begin->point->reached || !end->point->reached) return result(cudaErrorNotReady);
  *milliseconds =
      std::chrono::duration<float, std::milli>(end->point->when - begin->point->when).count();
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return enqueue(stream, [point = event->point] { reach(point); });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream == nullptr || stream->capture != nullptr)
    return result(cudaErrorStreamCaptureUnsupported);
  stream->capture = std::make_unique<CUgraph_st>();
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status = stream_of(stream).capture != nullptr ? cudaStreamCaptureStatusActive
                                                 : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (stream == nullptr || stream->capture == nullptr)
    return result(cudaErrorStreamCaptureUnsupported);
  *graph = stream->capture.release();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  *executable = new CUgraphExec_st{graph->operations};
  ++device().graphs;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  for (const Operation& operation : executable->operations) enqueue(stream, operation);
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  if (!options().has_code) return result(cudaErrorNoKernelImageForDevice);
  const Function& function = functions()[kernel];
  *attributes = {function.static_bytes, static_cast<int>(function.allowed_dynamic), 90};
  return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int value) {
  Function& function = functions()[kernel];
  if (value < 0 || function.static_bytes + static_cast<std::size_t>(value) > options().shared_limit)
    return result(cudaErrorInvalidValue);
  function.allowed_dynamic = static_cast<std::size_t>(value);
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return std::exchange(device().last_error, cudaSuccess); }
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorNoKernelImageForDevice: return "cudaErrorNoKernelImageForDevice";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
    default: return "cudaError";
  }
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    default: return "an error of the emulated device";
  }
}
