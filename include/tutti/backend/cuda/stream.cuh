// SPDX-License-Identifier: Apache-2.0
#pragma once
// Owners of CUDA's handles: streams, each with a memory pool and a staging buffer, events, and
// pinned host memory.

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "tutti/backend/cuda/error.cuh"

namespace tutti::cuda {

template <class T>
class DeviceArray;
class Stream;

namespace detail {

[[noreturn]] inline void fail_for_memory(std::size_t bytes) {
  std::size_t free_bytes = 0, total = 0;
  if (cudaMemGetInfo(&free_bytes, &total) != cudaSuccess) free_bytes = total = 0;
  (void)cudaGetLastError();
  constexpr std::size_t kMega = std::size_t{1} << 20;
  fail<DeviceError>("the device has no room for ", bytes, " bytes (", bytes / kMega,
                    " MB): ", free_bytes / kMega, " MB of ", total / kMega,
                    " MB are free; use fewer experts, a smaller storage type "
                    "(LoadOptions::storage) or a smaller cache (StackOptions::max_cache_bytes)");
}

/// The memory pools of all streams of the process: when one has no room, the freed memory that the
/// others keep is given back to the device first.
class MemoryPools {
 public:
  static MemoryPools& instance() {
    static MemoryPools pools;
    return pools;
  }
  void add(cudaMemPool_t pool) {
    const std::lock_guard lock(mutex_);
    pools_.push_back(pool);
  }
  void destroy(cudaMemPool_t pool) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase(pools_, pool);
    (void)cudaMemPoolDestroy(pool);
  }
  void trim() {
    const std::lock_guard lock(mutex_);
    for (const cudaMemPool_t pool : pools_)
      check(cudaMemPoolTrimTo(pool, 0), "releasing the freed memory of a pool");
  }

 private:
  std::mutex mutex_;
  std::vector<cudaMemPool_t> pools_;
};

}  // namespace detail

/// Pinned host memory, for asynchronous copies.
template <class T>
class PinnedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  PinnedArray() = default;
  explicit PinnedArray(std::size_t size) : size_(size) {
    if (size == 0) return;
    void* memory = nullptr;
    check(cudaMallocHost(&memory, size * sizeof(T)), "allocating pinned host memory");
    data_ = static_cast<T*>(memory);
  }
  ~PinnedArray() {
    if (data_ != nullptr) (void)cudaFreeHost(data_);
  }
  PinnedArray(PinnedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  PinnedArray& operator=(PinnedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  void grow(std::size_t size) {
    if (size > size_) *this = PinnedArray(size);
  }
  /// Enqueues a copy of elements [first, first + count) of `from` to the same indices here.
  void download(const DeviceArray<T>& from, std::size_t count, const Stream& stream,
                std::size_t first = 0);

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A point in a stream's work.
class Event {
 public:
  Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "creating an event"); }
  ~Event() {
    if (event_ != nullptr) (void)cudaEventDestroy(event_);
  }
  Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }

  [[nodiscard]] cudaEvent_t get() const { return event_; }

  /// Moves the event after all work enqueued so far.
  void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "recording an event"); }
  /// Waits until the device has reached the event; returns at once if it was never recorded.
  void wait() const { check(cudaEventSynchronize(event_), "waiting for an event"); }

 private:
  cudaEvent_t event_ = nullptr;
};

/// A ring of pinned buffers for uploads: the host fills one slot while others are copied, and does
/// not wait for the device.
class Staging {
 public:
  /// Enqueues a copy; `from` may change after the call.
  void upload(std::byte* to, const std::byte* from, std::size_t bytes, cudaStream_t stream) {
    while (bytes > 0) {
      if (used_ >= kSlotBytes) next_slot(stream);
      slots_[slot_].memory.grow(kSlotBytes);
      const std::size_t part = std::min(bytes, kSlotBytes - used_);
      std::byte* const place = slots_[slot_].memory.data() + used_;
      std::memcpy(place, from, part);
      check(cudaMemcpyAsync(to, place, part, cudaMemcpyHostToDevice, stream),
            "copying to the device");
      to += part, from += part, bytes -= part;
      used_ += (part + kAlignment - 1) / kAlignment * kAlignment;
    }
  }

 private:
  static constexpr std::size_t kSlotBytes = std::size_t{1} << 20, kAlignment = 16;

  struct Slot {
    PinnedArray<std::byte> memory;
    Event copied;
  };

  void next_slot(cudaStream_t stream) {
    slots_[slot_].copied.record(stream);
    slot_ = (slot_ + 1) % slots_.size();
    slots_[slot_].copied.wait();
    used_ = 0;
  }

  std::array<Slot, 4> slots_;
  std::size_t slot_ = 0;
  std::size_t used_ = 0;  ///< Bytes of the slot.
};

/// A queue of work on the device, independent of all others, and the memory pool of this work.
/// Freed memory stays in the pool for later allocations: up to kKeptBytes of it when the host
/// waits, all of it between two waits. Copies of a Stream share one queue.
class Stream {
 public:
  /// Freed memory that a pool keeps when the host waits; what is beyond goes back to the device.
  static constexpr std::uint64_t kKeptBytes = std::uint64_t{256} << 20;

  /// On the current device.
  Stream() : state_(std::make_shared<State>()) {}

  [[nodiscard]] cudaStream_t get() const { return state_->stream; }

  /// Waits until all enqueued work is done.
  /// @throws DeviceError when any of it failed.
  void wait() const { check(cudaStreamSynchronize(get()), "waiting for the device"); }

  /// Later work of this stream starts after the event.
  void wait_for(const Event& event) const {
    check(cudaStreamWaitEvent(get(), event.get(), 0), "making a stream wait");
  }

  /// Enqueues a copy to the device; `from` may change after the call.
  void upload(void* to, const void* from, std::size_t bytes) const {
    state_->staging.upload(static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes,
                           get());
  }

  /// Memory for work enqueued later.
  /// @throws DeviceError when the device is full, and while a graph is captured.
  [[nodiscard]] void* allocate(std::size_t bytes) const {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    check(cudaStreamIsCapturing(get(), &status), "asking whether a stream is captured");
    require<DeviceError>(status == cudaStreamCaptureStatusNone, "a graph's work asks for ", bytes,
                         " bytes: this is a bug in tutti, please report it");
    void* memory = nullptr;
    cudaError_t error = cudaMallocFromPoolAsync(&memory, bytes, state_->pool, get());
    if (error == cudaErrorMemoryAllocation) {
      // Freed memory that pools keep may be in blocks that are too small, or another stream's.
      (void)cudaGetLastError();
      wait();
      detail::MemoryPools::instance().trim();
      error = cudaMallocFromPoolAsync(&memory, bytes, state_->pool, get());
    }
    if (error == cudaErrorMemoryAllocation) detail::fail_for_memory(bytes);
    check(error, "allocating device memory");
    return memory;
  }
  /// Frees memory after the work enqueued so far, without waiting.
  void release(void* memory) const noexcept {
    ++state_->releases;
    (void)cudaFreeAsync(memory, get());
  }
  /// How often memory has been freed: graphs captured earlier may use freed memory.
  [[nodiscard]] std::uint64_t releases() const { return state_->releases; }

 private:
  struct State {
    cudaStream_t stream = nullptr;
    cudaMemPool_t pool = nullptr;
    std::uint64_t releases = 0;
    Staging staging;

    State() {
      try {
        check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
        cudaMemPoolProps properties{};
        properties.allocType = cudaMemAllocationTypePinned;
        properties.location.type = cudaMemLocationTypeDevice;
        check(cudaGetDevice(&properties.location.id), "asking for the device");
        check(cudaMemPoolCreate(&pool, &properties), "creating a pool of device memory");
        detail::MemoryPools::instance().add(pool);
        std::uint64_t kept = kKeptBytes;
        check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept),
              "setting how much freed memory a pool keeps");
      } catch (...) {
        destroy();
        throw;
      }
    }
    ~State() { destroy(); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void destroy() const noexcept {
      if (stream == nullptr) return;
      (void)cudaStreamSynchronize(stream);  // copies may still read the staging buffers
      (void)cudaStreamDestroy(stream);
      if (pool != nullptr) detail::MemoryPools::instance().destroy(pool);
    }
  };

  std::shared_ptr<State> state_;
};

}  // namespace tutti::cuda
