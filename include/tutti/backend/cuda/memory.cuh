// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arrays in device memory, and copies of their elements to and from the host.

#include <cuda_runtime.h>

#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "tutti/backend/cuda/error.cuh"
#include "tutti/backend/cuda/stream.cuh"

namespace tutti::cuda {

/// `size()` elements in device memory, allocated and freed in the order of one stream.
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
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        stream_(std::move(other.stream_)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(stream_, other.stream_);
    return *this;
  }

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Reallocates if there are fewer than `size` elements, which loses the contents.
  void grow(std::size_t size, const Stream& stream) {
    if (size <= size_) return;
    *this = {};  // first: the pool may then reuse the memory
    *this = DeviceArray(size, stream);
  }

  /// Replaces the contents by `from`. The address changes only if the array grows.
  void assign(std::span<const T> from, const Stream& stream) {
    grow(from.size(), stream);
    upload(from, stream);
  }

  /// Copies `from` to the beginning. `from` may change after the call.
  void upload(std::span<const T> from, const Stream& stream) {
    stream.upload(data_, from.data(), from.size_bytes());
  }
  void set_zero(const Stream& stream) {
    if (size_ > 0)
      check(cudaMemsetAsync(data_, 0, size_ * sizeof(T), stream.get()), "clearing device memory");
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::optional<Stream> stream_;  ///< Of the allocation; none while empty.
};

/// An array on the device with the elements of `from`.
template <class T>
[[nodiscard]] DeviceArray<T> upload(std::span<const T> from, const Stream& stream) {
  DeviceArray<T> array(from.size(), stream);
  array.upload(from, stream);
  return array;
}

template <class T>
void PinnedArray<T>::download(const DeviceArray<T>& from, std::size_t count, const Stream& stream,
                              std::size_t first) {
  grow(first + count);
  if (count == 0) return;
  check(cudaMemcpyAsync(data_ + first, from.data() + first, count * sizeof(T),
                        cudaMemcpyDeviceToHost, stream.get()),
        "copying from the device");
}

}  // namespace tutti::cuda
