// SPDX-License-Identifier: Apache-2.0
#pragma once
// Random numbers that are the same on every machine, which those of <random>'s distributions are
// not.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "tutti/base/numeric/narrow.hpp"
#include "tutti/base/numeric/philox.hpp"

namespace programs {

/// A stream of draws from (seed, stream).
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t stream)
      : counter_{0, 0, low(stream), high(stream)}, key_{low(seed), high(seed)} {}

  /// Uniform in [0, count). @pre count > 0
  [[nodiscard]] std::size_t below(std::size_t count) {
    return tutti::narrow<std::size_t>((next() * std::uint64_t{count}) >> 32);
  }

  /// Uniform in [smallest, largest].
  [[nodiscard]] int between(int smallest, int largest) {
    return smallest + static_cast<int>(below(static_cast<std::size_t>(largest - smallest) + 1));
  }

  [[nodiscard]] bool chance(std::size_t percent) { return below(100) < percent; }

  template <class Container>
  [[nodiscard]] const auto& pick(const Container& container) {
    return container[below(container.size())];
  }

  template <class Container>
  void shuffle(Container& container) {
    for (std::size_t i = container.size(); i > 1; --i)
      std::swap(container[i - 1], container[below(i)]);
  }

 private:
  [[nodiscard]] static std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
  [[nodiscard]] static std::uint32_t high(std::uint64_t x) {
    return static_cast<std::uint32_t>(x >> 32);
  }

  [[nodiscard]] std::uint64_t next() {
    if (used_ == 4) {
      block_ = tutti::philox4x32(counter_, key_);
      counter_[1] += ++counter_[0] == 0 ? 1U : 0U;
      used_ = 0;
    }
    return block_[used_++];
  }

  tutti::PhiloxCounter counter_;
  tutti::PhiloxKey key_;
  tutti::PhiloxCounter block_{};
  std::size_t used_ = 4;
};

}  // namespace programs
