// SPDX-License-Identifier: Apache-2.0
#pragma once
// Converts elements of model files to float, for every DType. The fast kernels are tested against
// it. Each element is rounded at most once, so the bits are the same on every machine.

#include <cstddef>
#include <cstring>

#include "tutti/base/numeric/float16.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/formats/quantized/quantized_group.hpp"

namespace tutti {

namespace detail {

template <class Half>
void widen(const std::byte* source, std::size_t elements, float* destination) {
  for (std::size_t i = 0; i < elements; ++i) {
    Half half;
    std::memcpy(&half, source + i * sizeof(half), sizeof(half));
    destination[i] = to_float(half);
  }
}

/// Without a minimum nothing is added, since -0 + 0 would lose its sign.
inline void dequantize_group(const QuantizedGroup& group, bool with_minimum, float* destination) {
  for (std::size_t j = 0; j < kGroupWeights; ++j) {
    const float product = group.scales[j / 16] * static_cast<float>(group.codes[j]);
    destination[j] = with_minimum ? product + group.minimum : product;
  }
}

}  // namespace detail

/// Writes `elements` consecutive elements at `source`, a multiple of the type's block, to
/// `destination`. `source` may be unaligned.
inline void dequantize_row(DType type, const std::byte* source, std::size_t elements,
                           float* destination) {
  switch (type) {
    case DType::f32: std::memcpy(destination, source, elements * sizeof(float)); break;
    case DType::f16: detail::widen<Float16>(source, elements, destination); break;
    case DType::bf16: detail::widen<BFloat16>(source, elements, destination); break;
    default:
      each_group(type, source, elements, [&](const QuantizedGroup& group) {
        detail::dequantize_group(group, has_minimum(type), destination);
        destination += kGroupWeights;
      });
  }
}

}  // namespace tutti
