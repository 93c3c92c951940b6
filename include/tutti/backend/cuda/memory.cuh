// SPDX-License-Identifier: Apache-2.0
#pragma once
// Owners of what CUDA hands out: a stream and its pool of memory, memory on the device, memory on the host that copies can use directly.

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "tutti/backend/cuda/error.cuh"

namespace tutti::cuda {

namespace detail {

[[noreturn]] inline void fail_for_memory(std::size_t bytes) {
  std::size_t free_bytes = 0, total = 0;
  if (cudaMemGetInfo(&free_bytes, &total) != cudaSuccess) free_bytes = total = 0;
  (void)cudaGetLastError();
  constexpr std::size_t kMega = std::size_t{1} << 20;
  fail<DeviceError>("the device has no room for ", bytes, " bytes (", bytes / kMega, " MB): ", free_bytes / kMega, " MB of ", total / kMega,
                    " MB are free; use fewer experts, a smaller storage type or a smaller cache, so that at most that much is asked for");
}

}  // namespace detail

/// A queue of work on the device, apart from all others, and the pool from which this work takes its memory. What is given back stays in
/// the pool for whoever asks next, until the last copy of the stream and the last array are gone. Copies are the same queue.
class Stream {
 public:
  /// On the device that is chosen.
  Stream() : state_(std::make_shared<State>()) {}

  [[nodiscard]] cudaStream_t get() const { return state_->stream; }

  /// Waits until all that was enqueued is done.
  /// @throws DeviceError when any of it failed.
  void wait() const { check(cudaStreamSynchronize(get()), "waiting for the device"); }

  /// Memory for what is enqueued from now on.
  /// @throws DeviceError when there is no room.
  [[nodiscard]] void* allocate(std::size_t bytes) const {
    void* memory = nullptr;
    cudaError_t error = cudaMallocFromPoolAsync(&memory, bytes, state_->pool, get());
    if (error == cudaErrorMemoryAllocation) {  // what the pool keeps may be in pieces that are too small
      (void)cudaGetLastError();
      wait();
      check(cudaMemPoolTrimTo(state_->pool, 0), "giving back what a pool keeps");
      error = cudaMallocFromPoolAsync(&memory, bytes, state_->pool, get());
    }
    if (error == cudaErrorMemoryAllocation) detail::fail_for_memory(bytes);
    check(error, "allocating device memory");
    return memory;
  }
  /// Gives memory back once all that has been enqueued is done, without waiting for it.
  void release(void* memory) const noexcept {
    ++state_->releases;
    (void)cudaFreeAsync(memory, get());
  }
  /// How often memory has been given back: work that was captured before may use memory that is gone.
  [[nodiscard]] std::uint64_t releases() const { return state_->releases; }

 private:
  struct State {
    cudaStream_t stream = nullptr;
    cudaMemPool_t pool = nullptr;
    std::uint64_t releases = 0;

    State() {
      try {
        check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
        cudaMemPoolProps properties{};
        properties.allocType = cudaMemAllocationTypePinned;
        properties.location.type = cudaMemLocationTypeDevice;
        check(cudaGetDevice(&properties.location.id), "asking for the device");
        check(cudaMemPoolCreate(&pool, &properties), "creating a pool of device memory");
        std::uint64_t all = ~std::uint64_t{0};
        check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all), "telling a pool to keep what it is given");
      } catch (...) {
        destroy();
        throw;
      }
    }
    ~State() { destroy(); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void destroy() const noexcept {
      if (stream != nullptr) (void)cudaStreamDestroy(stream);
      if (pool != nullptr) (void)cudaMemPoolDestroy(pool);
    }
  };

  std::shared_ptr<State> state_;
};

/// `size()` elements on the device, which the host cannot touch. They are there for the work of one stream.
template <class T>
class DeviceArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  DeviceArray() = default;
  /// @throws DeviceError when there is no room.
  DeviceArray(std::size_t size, const Stream& stream) : size_(size) {
    if (size == 0) return;
    data_ = static_cast<T*>(stream.allocate(size * sizeof(T)));
    stream_ = stream;
  }
  ~DeviceArray() {
    if (data_ != nullptr) stream_->release(data_);
  }
  DeviceArray(DeviceArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), stream_(std::move(other.stream_)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(stream_, other.stream_);
    return *this;
  }

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Makes room for `size` elements; what was there is lost if it grows.
  void grow(std::size_t size, const Stream& stream) {
    if (size <= size_) return;
    *this = {};  // first: the pool may give the new elements the same place
    *this = DeviceArray(size, stream);
  }

  /// `from` and nothing else counts from now on. What was there keeps its place if it has room.
  void assign(std::span<const T> from, const Stream& stream) {
    grow(from.size(), stream);
    upload(from, stream);
  }

  /// Copies `from` to the beginning. From memory that is not pinned the bytes are taken at once.
  void upload(std::span<const T> from, const Stream& stream) {
    if (from.empty()) return;
    check(cudaMemcpyAsync(data_, from.data(), from.size_bytes(), cudaMemcpyHostToDevice, stream.get()), "copying to the device");
  }
  void set_zero(const Stream& stream) {
    if (size_ > 0) check(cudaMemsetAsync(data_, 0, size_ * sizeof(T), stream.get()), "clearing device memory");
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::optional<Stream> stream_;  ///< Of the elements, where there are any.
};

/// An array on the device with the elements of `from`.
template <class T>
[[nodiscard]] DeviceArray<T> upload(std::span<const T> from, const Stream& stream) {
  DeviceArray<T> array(from.size(), stream);
  array.upload(from, stream);
  return array;
}

/// Host memory that the device's copies read and write while the host goes on.
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
  PinnedArray(PinnedArray&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
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
  /// Copies the first `count` elements of `from` here; they are there once the stream has been waited for.
  void download(const DeviceArray<T>& from, std::size_t count, const Stream& stream) {
    grow(count);
    if (count == 0) return;
    check(cudaMemcpyAsync(data_, from.data(), count * sizeof(T), cudaMemcpyDeviceToHost, stream.get()), "copying from the device");
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tutti::cuda
