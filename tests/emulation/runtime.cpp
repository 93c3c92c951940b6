// SPDX-License-Identifier: Apache-2.0
// The emulated device's memory, streams and graphs. Compiled without sanitizers, as the scheduler
// is. Device memory is there for kernels and copies only: a host that touches it faults. What no
// one has written is NaN.
#include <sys/mman.h>

#include <algorithm>
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

/// The point behind the last recording, which all copies of the pointer can outlive.
struct CUevent_st {
  struct Point {
    CUstream_st* stream = nullptr;
    bool reached = true;
  };
  std::shared_ptr<Point> point = std::make_shared<Point>();
};
/// Pools keep nothing here: addresses are not used twice.
struct CUmemPoolHandle_st {};

namespace tutti::emulation {

namespace {

constexpr std::size_t kAddressSpace = std::size_t{64} << 30;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kRedZone = 256;
constexpr int kUnwritten = 0xFF;

[[nodiscard]] std::size_t round_up(std::size_t n, std::size_t unit) {
  return (n + unit - 1) / unit * unit;
}

struct Device {
  char* base = static_cast<char*>(
      mmap(nullptr, kAddressSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  /// Addresses are not used twice, so that a stale pointer is found out.
  std::size_t reserved = 0;
  std::size_t used = 0;                 ///< Bytes of live allocations.
  int open = 0;                         ///< How many kernels and copies are at work.
  std::map<char*, std::size_t> memory;  ///< Live allocations.
  std::map<char*, std::size_t> pinned;  ///< Live pinned host memory.
  std::set<CUstream_st*> streams;
  CUstream_st null_stream;
  cudaError_t last_error = cudaSuccess;
  cudaError_t kernel_error = cudaSuccess;  ///< Of a kernel that no one has waited for yet.
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

/// While one is alive, device memory can be touched.
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

/// Whether a graph is being captured, during which memory can neither be taken nor given back.
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

cudaError_t launch(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
                   std::function<void()> body) {
  constexpr std::size_t kMaxThreads = 1024, kMaxBlocks = 65535, kMaxShared = 227 * 1024;
  const std::size_t threads = std::size_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > kMaxThreads || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.y > kMaxBlocks || grid.z > kMaxBlocks || shared_bytes > kMaxShared) {
    return result(cudaErrorInvalidConfiguration);
  }
  return enqueue(stream, [=] {
    const Access access;
    if (++device().kernels == options().failing_kernel) {
      device().kernel_error = cudaErrorLaunchFailure;
      return;
    }
    run_kernel(grid, block, shared_bytes, body);
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
  *properties = {"emulated on the CPU", options().memory_bytes, 227 * 1024, 9, 0, 4};
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  *total_bytes = options().memory_bytes;
  *free_bytes = *total_bytes - std::min(*total_bytes, device().used);
  return cudaSuccess;
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  if (properties->location.id != 0) return result(cudaErrorInvalidDevice);
  *pool = new CUmemPoolHandle_st;
  return cudaSuccess;
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  delete pool;
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, std::size_t) { return cudaSuccess; }

cudaError_t cudaMallocFromPoolAsync(void** memory, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  Device& d = device();
  if (pool == nullptr || !d.streams.contains(stream)) return result(cudaErrorInvalidResourceHandle);
  const std::size_t size = round_up(bytes, kRedZone) + kRedZone;
  if (bytes == 0) {
    *memory = nullptr;
    return cudaSuccess;
  }
  if (capturing()) return result(cudaErrorStreamCaptureUnsupported);
  if (bytes > options().memory_bytes - std::min(options().memory_bytes, d.used) ||
      d.reserved + size > kAddressSpace) {
    return result(cudaErrorMemoryAllocation);
  }
  char* begin = d.base + d.reserved;
  {
    // A block ends before the red zone, and begins on a page if the last one ended on one:
    // addresses only grow.
    d.reserved += round_up(size, kPage);
    d.protect(PROT_READ | PROT_WRITE);
    unpoison(begin, size);
    std::memset(begin, kUnwritten, bytes);
    poison(begin + bytes, size - bytes);
    if (d.open == 0) d.protect(PROT_NONE);
  }
  d.memory[begin] = bytes;
  d.used += bytes;
  *memory = begin;
  return cudaSuccess;
}

// The memory is the stream's until what was enqueued before is done; what is enqueued later must
// not use it, even if it runs earlier.
cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  if (capturing()) return result(cudaErrorStreamCaptureUnsupported);
  Device& d = device();
  if (!d.streams.contains(stream)) return result(cudaErrorInvalidResourceHandle);
  const auto block = d.memory.find(static_cast<char*>(memory));
  if (block == d.memory.end()) return result(cudaErrorInvalidValue);
  const std::size_t bytes = block->second;
  d.memory.erase(block);
  d.used -= bytes;
  return enqueue(stream, [memory, bytes] {
    poison(memory, bytes);
    madvise(memory, round_up(bytes, kPage), MADV_DONTNEED);
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
  // As CUDA does: from pageable memory the bytes are taken before the call returns, from pinned
  // memory when the copy runs.
  if (!from_device && bytes_left(device().pinned, from) < bytes) {
    // A graph would read that memory whenever it is launched, which no one means.
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
  // And into pageable memory a copy is done when the call returns.
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
    return result(cudaErrorStreamCaptureUnsupported);  // the backend's graphs have none
  const auto point = std::make_shared<CUevent_st::Point>(
      CUevent_st::Point{&stream_of(stream), false});
  event->point = point;
  return enqueue(stream, [point] { point->reached = true; });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  reach(event->point);
  return result(std::exchange(device().kernel_error, cudaSuccess));
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

cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return cudaSuccess; }
cudaError_t cudaGetLastError() { return std::exchange(device().last_error, cudaSuccess); }
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
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
