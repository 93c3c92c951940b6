// SPDX-License-Identifier: Apache-2.0
#pragma once
// Working memory of the kernels: cache-line aligned, never initialized, only ever growing.

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

namespace tutti::cpu {

inline constexpr std::size_t kCacheLine = 64;

/// Rounds `n` up to a multiple of `unit`.
[[nodiscard]] constexpr std::size_t round_up(std::size_t n, std::size_t unit) {
  return (n + unit - 1) / unit * unit;
}

/// An array of trivial elements whose content is lost when it grows.
template <class T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t count) { grow(count); }

  /// Makes room for `count` elements at least.
  void grow(std::size_t count) {
    if (count <= count_) return;
    memory_.reset();
    count_ = 0;
    memory_.reset(
        static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{kCacheLine})));
    count_ = count;
  }

  [[nodiscard]] T* data() const { return memory_.get(); }
  [[nodiscard]] std::size_t size() const { return count_; }

 private:
  struct Free {
    void operator()(T* memory) const { ::operator delete (memory, std::align_val_t{kCacheLine}); }
  };
  std::unique_ptr<T, Free> memory_;
  std::size_t count_ = 0;
};

}  // namespace tutti::cpu
