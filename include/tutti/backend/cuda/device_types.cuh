// SPDX-License-Identifier: Apache-2.0
#pragma once
// The types that the Backend concept asks for: stacked linear layers and norms, rows of
// activations, and the KV cache's pages.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/backend/cuda/expert_groups.cuh"
#include "tutti/backend/cuda/kernels/attention.cuh"
#include "tutti/backend/cuda/matrix.cuh"
#include "tutti/backend/cuda/memory.cuh"
#include "tutti/base/matrix_view.hpp"

namespace tutti::cuda {

/// One matrix per expert; null for experts without it.
struct StackedMatrices {
  DType type = DType::f32;    ///< On the device, the same for all.
  std::uint32_t outputs = 0;  ///< Largest number of rows of any of them.
  std::uint32_t pattern = 0;  ///< Number in BatchGroups.
  std::vector<std::shared_ptr<const StoredMatrix>> stored;
  DeviceArray<DeviceMatrix> table;  ///< [experts]
};

/// One layer's weights of each expert.
struct Linear {
  StackedMatrices weights;
  DeviceArray<float> bias_values;
  DeviceArray<const float*> biases;        ///< [experts]; empty when no expert has one.
  StackedMatrices low_rank_a, low_rank_b;  ///< Empty when no expert has a delta.

  [[nodiscard]] bool has_deltas() const { return low_rank_a.outputs > 0; }
};

/// One layer's norms of each expert, [experts, width]; the biases are LayerNorm's.
struct Norm {
  DeviceArray<float> weights, biases;
  std::uint32_t width = 0;
};

/// A [capacity, width] float matrix on the device, with a pinned buffer for its copy on the host.
class Rows {
 public:
  Rows() = default;
  Rows(std::size_t capacity, std::size_t width, const Stream& stream)
      : capacity_(capacity),
        width_(width),
        stride_(padded(width)),
        data_(capacity * stride_, stream) {
    data_.set_zero(stream);  // kernels read the padding of rows and never write it
  }

  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  /// Rows from `first` on, for reading and writing.
  [[nodiscard]] DeviceRows view(std::size_t first = 0) const {
    return {const_cast<float*>(data_.data()) + first * stride_,
            static_cast<std::uint32_t>(stride_)};
  }

  void set_zero(const Stream& stream) { data_.set_zero(stream); }

  /// Waits for the stream and returns a copy of the first `count` rows.
  [[nodiscard]] MatrixView<const float> download(std::size_t count, const Stream& stream) const {
    host_.download(data_, count * stride_, stream);
    stream.wait();
    return {host_.data(), count, width_, stride_};
  }

  /// Reallocates unless there is room for `capacity` rows of `width`; reallocating loses the
  /// contents.
  void reset(std::size_t capacity, std::size_t width, const Stream& stream) {
    if (capacity > capacity_ || width != width_)
      *this = Rows(std::max(capacity, capacity_), width, stream);
  }

 private:
  std::size_t capacity_ = 0, width_ = 0, stride_ = 0;
  DeviceArray<float> data_;
  mutable PinnedArray<float> host_;
};

/// The memory of the KV cache. Pages keep their addresses when more are added.
class KvStorage {
 public:
  explicit KvStorage(const KvShape& shape) : shape_(shape) {}

  [[nodiscard]] const KvShape& shape() const { return shape_; }
  /// Device memory of all pages.
  [[nodiscard]] std::size_t bytes() const {
    const auto unallocated = std::count(pages_.begin(), pages_.end(), nullptr);
    return (pages_.size() - static_cast<std::size_t>(unallocated)) * shape_.page_bytes();
  }
  [[nodiscard]] DevicePages view() const {
    return {table_.data(), static_cast<std::uint32_t>(shape_.kv_heads),
            static_cast<std::uint32_t>(shape_.head_dim), shape_.type};
  }

  /// Makes sure that pages [0, count) have memory.
  void reserve(std::size_t count, const Stream& stream) {
    const std::size_t before = pages_.size();
    bool complete = !released_;
    if (count > before) {
      // By half of what there is, so that a long generation allocates a few times only; but not
      // beyond the pages that the cache may have.
      pages_.resize(std::max(count, std::min(before + before / 2, shape_.max_pages)));
      complete = false;
    }
    if (complete) return;
    for (std::size_t first = 0; first < pages_.size();) {
      if (pages_[first] != nullptr) {
        ++first;
        continue;
      }
      std::size_t last = first;
      while (last < pages_.size() && pages_[last] == nullptr) ++last;
      slabs_.push_back(
          {first, DeviceArray<std::byte>((last - first) * shape_.page_bytes(), stream)});
      for (std::size_t i = first; i < last; ++i)
        pages_[i] = slabs_.back().memory.data() + (i - first) * shape_.page_bytes();
      first = last;
    }
    released_ = false;
    table_ = upload(std::span<void* const>(pages_), stream);
  }

  /// Enqueues copies of whole pages.
  void copy(std::span<const PageCopy> copies, const Stream& stream) {
    for (const PageCopy& copy : copies) {
      check(cudaMemcpyAsync(pages_[copy.to], pages_[copy.from], shape_.page_bytes(),
                            cudaMemcpyDeviceToDevice, stream.get()),
            "copying a page of the KV cache");
    }
  }

  /// Frees allocations whose pages are all `unused`, until the next `reserve`.
  void release(std::span<const PageId> unused) {
    std::vector<bool> is_unused(pages_.size());
    for (const PageId page : unused) {
      if (page < pages_.size()) is_unused[page] = true;
    }
    std::erase_if(slabs_, [&](const Slab& slab) {
      const std::size_t last = slab.first + slab.memory.size() / shape_.page_bytes();
      for (std::size_t i = slab.first; i < last; ++i) {
        if (!is_unused[i]) return false;
      }
      std::fill(pages_.begin() + static_cast<std::ptrdiff_t>(slab.first),
                pages_.begin() + static_cast<std::ptrdiff_t>(last), nullptr);
      released_ = true;
      return true;
    });
  }

 private:
  /// One allocation, of the pages from `first` on.
  struct Slab {
    std::size_t first = 0;
    DeviceArray<std::byte> memory;
  };

  KvShape shape_;
  std::vector<Slab> slabs_;
  std::vector<void*> pages_;  ///< Null while a page has no memory.
  bool released_ = false;     ///< Whether a page may have none.
  DeviceArray<void*> table_;
};

}  // namespace tutti::cuda
