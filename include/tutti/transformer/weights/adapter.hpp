// SPDX-License-Identifier: Apache-2.0
#pragma once
// Puts a PEFT LoRA adapter beside the weights of its base. The base stays shared: an expert is a
// few views more.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/architecture/architecture.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/float16.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/formats/huggingface/peft_adapter.hpp"
#include "tutti/formats/quantized/convert.hpp"
#include "tutti/formats/quantized/dequantize.hpp"
#include "tutti/transformer/weights/detail/weight_reader.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

namespace detail {

/// A copy of `rows` rows of a tensor of rank 2, times `scale`; `row_of(r)` names the source row of
/// destination row r. It is of the floats that `wanted` names. If that is none of them, it has the
/// tensor's type where this holds every product exactly, as 16-bit floats do for scales that are
/// powers of two, and is of 32-bit floats where not.
template <class RowOf>
WeightMatrix scaled_copy(const TensorView& tensor, std::size_t rows, float scale,
                         std::optional<DType> wanted,
                         std::vector<std::shared_ptr<const void>>& owners, RowOf row_of) {
  const std::size_t cols = tensor.shape[1];
  const std::shared_ptr<float[]> memory(new float[rows * cols]);
  for (std::size_t r = 0; r < rows; ++r) {
    float* row = memory.get() + r * cols;
    dequantize_row(tensor.type, tensor.data + row_of(r) * row_bytes(tensor.type, cols), cols, row);
    for (std::size_t c = 0; c < cols; ++c) row[c] *= scale;
  }
  const std::span<const float> values(memory.get(), rows * cols);
  const auto holds = [&](auto round) {
    return std::all_of(values.begin(), values.end(),
                       [&](float x) { return to_float(round(x)) == x; });
  };
  DType type = DType::f32;
  if (wanted && !is_quantized(*wanted)) {
    type = *wanted;
  } else if ((tensor.type == DType::f16 && holds(to_float16)) ||
             (tensor.type == DType::bf16 && holds(to_bfloat16))) {
    type = tensor.type;
  }
  const WeightMatrix floats{DType::f32, reinterpret_cast<const std::byte*>(memory.get()), rows,
                            cols, cols * sizeof(float)};
  if (type != DType::f32) return convert(floats, type, owners, "adapter");
  owners.push_back(memory);
  return floats;
}

/// Row of a query or key matrix of Hugging Face that stands at `row` where rotary pairs are
/// neighbors (GGUF, arch llama).
inline std::size_t interleaved_row(std::size_t row, std::size_t head_dim) {
  const std::size_t head = row / head_dim;
  const std::size_t within = row % head_dim;
  return head * head_dim + (within % 2) * (head_dim / 2) + within / 2;
}

}  // namespace detail

/// A copy of `base` with the adapter of `directory` on top of any adapter-free layer. A value head
/// in it (modules_to_save: score) makes the copy a reward model.
/// @throws ModelError when the adapter names a module or shape that the base does not have, or the
/// base has an adapter.
/// @param options the storage of the adapter's matrices, if that is a type of floats.
[[nodiscard]] inline ModelWeights apply_adapter(const ModelWeights& base,
                                                const std::filesystem::path& directory,
                                                const LoadOptions& options = {}) {
  const PeftAdapter adapter(directory);
  ModelWeights model = base;
  model.source = base.source + " + " + directory.string();
  const bool interleaved = base.config.rope_pairing == RopePairing::interleaved;
  std::size_t applied = 0;
  // `linear` has the module's rows from `first` on; a module has `total` rows, by default those of
  // `linear`.
  const auto apply = [&](const std::string& module, LinearWeights& linear, bool rotary,
                         std::size_t first = 0, std::size_t total = 0) {
    const LoraModule* found = adapter.find(module);
    if (found == nullptr) return;
    if (first == 0) ++applied;
    const std::size_t rows = linear.weight.rows;
    if (total == 0) total = rows;
    require<ModelError>(
        !linear.delta, directory.string(), ": ", module, " of ", base.source,
        " has an adapter already, and 2 cannot be stacked: merge the first into its base");
    const auto& a = found->a.shape;
    const auto& b = found->b.shape;
    require<ModelError>(a[1] == linear.weight.cols && b[0] == total, directory.string(),
                        ": the adapter of ", module, " is for a layer of [", b[0], ", ", a[1],
                        "], the base has [", total, ", ", linear.weight.cols,
                        "]: adapter and base do not belong together");
    const auto same = [](std::size_t r) { return r; };
    const auto behind_first = [&](std::size_t r) { return first + r; };
    const auto permuted = [&](std::size_t r) {
      return detail::interleaved_row(r, base.config.head_dim);
    };
    linear.delta.emplace();
    linear.delta->a = detail::scaled_copy(found->a, a[0], 1.0F, options.storage, model.owners,
                                          same);
    std::vector<std::shared_ptr<const void>> temporary;
    const auto copy_of_b = [&](auto row_of) {
      return detail::scaled_copy(found->b, rows, found->scale, options.storage, temporary, row_of);
    };
    linear.delta->b_transposed = transpose(
        interleaved && rotary ? copy_of_b(permuted) : copy_of_b(behind_first), model.owners);
  };
  const Architecture* family = find_architecture(&Architecture::name, base.config.architecture);
  require<ModelError>(family != nullptr, base.source, ": architecture ", base.config.architecture,
                      " is none of ", supported_architectures(&Architecture::name),
                      ", so the modules of an adapter cannot be found");
  const CheckpointLayout& names = family->hugging_face;
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    LayerWeights& layer = model.layers[l];
    const auto module = [&](std::string_view part) { return names.block_name(l, part); };
    apply(module(names.block.query), layer.query, true);
    apply(module(names.block.key), layer.key, true);
    apply(module(names.block.value), layer.value, false);
    const std::size_t query_rows = layer.query.weight.rows;
    const std::size_t kv_rows = layer.key.weight.rows;
    const std::size_t fused_rows = query_rows + 2 * kv_rows;
    apply(module(names.block.query_key_value), layer.query, false, 0, fused_rows);
    apply(module(names.block.query_key_value), layer.key, false, query_rows, fused_rows);
    apply(module(names.block.query_key_value), layer.value, false, query_rows + kv_rows,
          fused_rows);
    apply(module(names.block.output), layer.output, false);
    apply(module(names.block.gate), layer.gate, false);
    apply(module(names.block.up), layer.up, false);
    apply(module(names.block.down), layer.down, false);
  }
  if (model.head) apply(std::string(names.head), *model.head, false);
  if (const TensorView* head = adapter.value_head()) {
    require<ModelError>(head->shape.size() == 2 && head->shape[1] == base.config.hidden_size,
                        directory.string(), ": the value head has shape ", shape_text(head->shape),
                        ", the base needs [labels, ", base.config.hidden_size, "]");
    model.value_head.emplace().weight = detail::scaled_copy(
        *head, head->shape[0], 1.0F, DType::f32, model.owners, [](std::size_t r) { return r; });
  }
  require<ModelError>(applied == adapter.modules().size(), directory.string(),
                      ": the adapter changes ", adapter.modules().size(),
                      " modules, of which the base ", base.source, " has ", applied,
                      ": it belongs to another architecture");
  return model;
}

}  // namespace tutti
