// SPDX-License-Identifier: Apache-2.0
#pragma once
// Owners of what CUDA hands out: a stream, memory on the device, memory on the host that copies can use directly.

#include <cuda_runtime.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "tutti/backend/cuda/error.cuh"

namespace tutti::cuda {

/// A queue of work on the device, apart from all others.
class Stream {
 public:
  Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream"); }
  ~Stream() {
    if (stream_ != nullptr) (void)cudaStreamDestroy(stream_);
  }
  Stream(Stream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }

  [[nodiscard]] cudaStream_t get() const { return stream_; }

  /// Waits until all that was enqueued is done.
  /// @throws DeviceError when any of it failed.
  void wait() const { check(cudaStreamSynchronize(stream_), "waiting for the device"); }

 private:
  cudaStream_t stream_ = nullptr;
};

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

/// `size()` elements on the device, which the host cannot touch.
template <class T>
class DeviceArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  DeviceArray() = default;
  /// @throws DeviceError when there is no room.
  explicit DeviceArray(std::size_t size) : size_(size) {
    if (size == 0) return;
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, size * sizeof(T));
    if (error == cudaErrorMemoryAllocation) detail::fail_for_memory(size * sizeof(T));
    check(error, "allocating device memory");
    data_ = static_cast<T*>(memory);
  }
  ~DeviceArray() {
    if (data_ != nullptr) (void)cudaFree(data_);
  }
  DeviceArray(DeviceArray&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Makes room for `size` elements; what was there is lost if it grows. Kernels that still use the old memory finish first: freeing it
  /// waits for the device.
  void grow(std::size_t size) {
    if (size > size_) *this = DeviceArray(size);
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
};

/// An array on the device with the elements of `from`.
template <class T>
[[nodiscard]] DeviceArray<T> upload(std::span<const T> from, const Stream& stream) {
  DeviceArray<T> array(from.size());
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
