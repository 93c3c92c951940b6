// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reproducible random rows and weight matrices of any type for the tests of the kernels.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "tutti/base/linear_weights.hpp"
#include "tutti/base/numeric/float16.hpp"
#include "tutti/base/numeric/philox.hpp"

namespace tutti::test {

/// Element `index` of the infinite sequence of random bits of a seed.
inline std::uint32_t random_bits(std::uint64_t seed, std::size_t index) {
  return draw_block(DrawKey{.seed = seed}, static_cast<std::uint32_t>(index / 4))[index % 4];
}

/// Uniform in (-1, 1).
inline std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = 2.0F * to_open_unit(random_bits(seed, i)) - 1.0F;
  return values;
}

/// Offsets of the 16-bit floats in a block; all other bytes of a block may have any value.
inline std::vector<std::size_t> half_offsets(DType type) {
  switch (type) {
    case DType::q4_0:
    case DType::q5_0:
    case DType::q8_0: return {0};
    case DType::q4_1:
    case DType::q5_1:
    case DType::q4_k:
    case DType::q5_k: return {0, 2};
    case DType::q6_k: return {208};
    default: return {};
  }
}

/// Owns a random [rows, cols] matrix that begins `misalignment` bytes after an aligned address.
class RandomWeights {
 public:
  RandomWeights(DType type, std::size_t rows, std::size_t cols, std::uint64_t seed,
                std::size_t misalignment = 0)
      : type_(type),
        rows_(rows),
        cols_(cols),
        misalignment_(misalignment),
        bytes_(misalignment + rows * row_bytes(type, cols)) {
    std::byte* data = bytes_.data() + misalignment;
    const auto put_half = [&](std::byte* to, float value) {
      const Float16 half = to_float16(value);
      std::memcpy(to, &half, sizeof half);
    };
    if (is_quantized(type)) {
      const DTypeLayout layout = layout_of(type);
      for (std::size_t i = 0; i < rows * row_bytes(type, cols); ++i)
        data[i] = static_cast<std::byte>(random_bits(seed, i) >> 24);
      const std::vector<float> scales = random_floats(rows * cols / layout.block_elements * 2,
                                                      seed + 1);
      for (std::size_t block = 0; block < rows * cols / layout.block_elements; ++block) {
        std::size_t which = 0;
        for (const std::size_t offset : half_offsets(type)) {
          put_half(data + block * layout.block_bytes + offset, 0.01F * scales[2 * block + which++]);
        }
      }
      return;
    }
    const std::vector<float> values = random_floats(rows * cols, seed);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (type == DType::f32) std::memcpy(data + 4 * i, &values[i], 4);
      if (type == DType::f16) put_half(data + 2 * i, values[i]);
      if (type == DType::bf16) {
        const BFloat16 brain = to_bfloat16(values[i]);
        std::memcpy(data + 2 * i, &brain, sizeof brain);
      }
    }
  }

  [[nodiscard]] WeightMatrix view() const {
    return {type_, bytes_.data() + misalignment_, rows_, cols_, row_bytes(type_, cols_)};
  }

 private:
  DType type_;
  std::size_t rows_, cols_, misalignment_;
  std::vector<std::byte> bytes_;
};

}  // namespace tutti::test
