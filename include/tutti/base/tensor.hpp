// SPDX-License-Identifier: Apache-2.0
#pragma once
// Element types of model files, and a view of one tensor in a mapped file. Quantized blocks keep
// their file layout.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/error.hpp"

namespace tutti {

/// Element types that weights can be kept in. The quantized ones are GGUF's block types.
enum class DType : std::uint8_t { f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k };

/// How a DType lays out its elements: `block_bytes` bytes hold `block_elements` consecutive
/// elements of one row.
struct DTypeLayout {
  std::string_view name;
  std::size_t block_elements;
  std::size_t block_bytes;
};

[[nodiscard]] constexpr DTypeLayout layout_of(DType type) {
  constexpr std::array<DTypeLayout, 11> kLayouts{{{"F32", 1, 4},
                                                  {"F16", 1, 2},
                                                  {"BF16", 1, 2},
                                                  {"Q4_0", 32, 18},
                                                  {"Q4_1", 32, 20},
                                                  {"Q5_0", 32, 22},
                                                  {"Q5_1", 32, 24},
                                                  {"Q8_0", 32, 34},
                                                  {"Q4_K", 256, 144},
                                                  {"Q5_K", 256, 176},
                                                  {"Q6_K", 256, 210}}};
  return kLayouts[static_cast<std::size_t>(type)];
}

[[nodiscard]] constexpr bool is_quantized(DType type) { return layout_of(type).block_elements > 1; }

/// Bytes of one row of `elements` elements; `elements` is a multiple of the type's block.
[[nodiscard]] constexpr std::size_t row_bytes(DType type, std::size_t elements) {
  const DTypeLayout layout = layout_of(type);
  return elements / layout.block_elements * layout.block_bytes;
}

/// One tensor, row-major, the last dimension contiguous (the order of safetensors; GGUF's reader
/// reverses its own). The view does not own the memory.
struct TensorView {
  std::string name;
  DType type = DType::f32;
  std::vector<std::size_t> shape;
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
};

/// "[2, 3]", for messages.
[[nodiscard]] inline std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace tutti
