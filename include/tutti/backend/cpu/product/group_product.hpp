// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W^T for weights in GGUF's quantized blocks in plain loops, for processors that have no
// row_lanes.hpp. A weight row is unpacked into 8-bit codes, then multiplied by every activation
// row, quantized to 8 bits as ggml does. One loop serves all formats, so that it compiles quickly.
// Output (m, n) is the same chain of multiply-adds as in block_product.hpp.

#include <cstddef>
#include <cstdint>
#include <new>

#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/product/product_job.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"
#include "tutti/formats/quantized/quantized_group.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

static_assert(kGroupWeights == kScaleBlock);

/// sum_i codes[i] x[i], exact.
template <std::size_t count>
[[nodiscard]] TUTTI_ALWAYS_INLINE inline std::int32_t dot_codes(const std::int8_t* codes,
                                                                const std::int8_t* x) {
  std::int32_t sum = 0;
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#pragma GCC unroll 1  // straight code would not be vectorized
#endif
  for (std::size_t i = 0; i < count; ++i) sum += std::int16_t{codes[i]} * std::int16_t{x[i]};
  return sum;
}

/// One row of weights times activation row `m`: one chain of multiply-adds over the groups.
[[nodiscard]] inline float multiply_groups(const QuantizedGroup* groups, DType type,
                                           const QuantizedRows& x, std::size_t cols,
                                           std::size_t m) {
  const std::size_t count = cols / kScaleBlock;
  const std::int8_t* codes = x.codes + m * cols;
  const float* scales = x.scales + m * count;
  const float* scaled_sums = x.scaled_sums + m * count;
  const bool two_scales = type == DType::q6_k, with_minimum = has_minimum(type);
  float sum = 0.0F;
  for (std::size_t i = 0; i < count; ++i, codes += kScaleBlock) {
    const QuantizedGroup& group = groups[i];
    if (two_scales) {
      const auto first = static_cast<float>(dot_codes<16>(group.codes, codes));
      const auto second = static_cast<float>(dot_codes<16>(group.codes + 16, codes + 16));
      sum = first * (group.scales[0] * scales[i]) + sum;
      sum = second * (group.scales[1] * scales[i]) + sum;
    } else {
      const auto dot = static_cast<float>(dot_codes<32>(group.codes, codes));
      sum = dot * (group.scales[0] * scales[i]) + sum;
    }
    if (with_minimum) sum = group.minimum * scaled_sums[i] + sum;
  }
  return sum;
}

/// `cols` weights of a row as groups. Constructed in place: copying a group that was just written
/// would stall.
inline void unpack_row(DType type, const std::byte* row, std::size_t cols, QuantizedGroup* to) {
  const DTypeLayout layout = layout_of(type);
  const std::size_t groups = layout.block_elements / kGroupWeights;
  for (std::size_t i = 0; i < cols / kGroupWeights; i += groups, row += layout.block_bytes) {
    for (std::size_t index = 0; index < groups; ++index)
      ::new (to++) QuantizedGroup(read_group(type, row, index));
  }
}

/// Output columns [first, last) of `job`.
inline void group_product(const ProductJob& job, std::size_t first, std::size_t last) {
  const DType type = job.weight.type;
  const QuantizedRows& x = activation_form(type) == ActivationForm::superblocks ? job.x.superblocks
                                                                                : job.x.blocks;
  const std::size_t cols = job.x.cols;
  thread_local AlignedBuffer<QuantizedGroup> buffer;
  buffer.grow(cols / kGroupWeights);
  for (std::size_t n = first; n < last; ++n) {
    unpack_row(type, job.weight.row(n), cols, buffer.data());
    for (std::size_t m = 0; m < job.x.rows; ++m) {
      float sum = multiply_groups(buffer.data(), type, x, cols, m);
      job.tile(m, n).put(0, &sum, 1);
    }
  }
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI
