// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of adapter.hpp.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/architecture/architecture.hpp"
#include "tutti/architecture/checkpoint_layout.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/float16.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/huggingface/peft_adapter.hpp"
#include "tutti/formats/quantized/convert.hpp"
#include "tutti/formats/quantized/dequantize.hpp"
#include "tutti/transformer/weights/adapter.hpp"

namespace tutti {

namespace detail {

/// The float type for a copy of `values`, which come from a tensor of type `source`: `wanted` if
/// that is a float type; otherwise the tensor's own type if the values are exact in it, else f32.
[[nodiscard]] inline DType float_type_for(std::span<const float> values, DType source,
                                          std::optional<DType> wanted) {
  if (wanted && !is_quantized(*wanted)) return *wanted;
  const auto exact_in = [&](auto round) {
    return std::all_of(values.begin(), values.end(),
                       [&](float x) { return to_float(round(x)) == x; });
  };
  const bool is_exact = (source == DType::f16 && exact_in(to_float16)) ||
                        (source == DType::bf16 && exact_in(to_bfloat16));
  return is_exact ? source : DType::f32;
}

/// Row indices of a tensor, in the order in which a copy has them.
using SourceRows = std::vector<std::size_t>;

[[nodiscard]] inline SourceRows consecutive_rows(std::size_t first, std::size_t count) {
  SourceRows rows(count);
  for (std::size_t r = 0; r < count; ++r) rows[r] = first + r;
  return rows;
}

/// A copy of the given rows of a tensor of rank 2, times `scale`, in a float type (float_type_for);
/// its memory is added to `owners`.
[[nodiscard]] inline WeightMatrix scaled_copy(const TensorView& tensor, const SourceRows& rows,
                                              float scale, std::optional<DType> wanted,
                                              std::vector<std::shared_ptr<const void>>& owners) {
  const std::size_t cols = tensor.shape[1];
  const std::shared_ptr<float[]> memory(new float[rows.size() * cols]);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    float* row = memory.get() + r * cols;
    dequantize_row(tensor.type, tensor.data + rows[r] * row_bytes(tensor.type, cols), cols, row);
    for (std::size_t c = 0; c < cols; ++c) row[c] *= scale;
  }
  const std::span<const float> values(memory.get(), rows.size() * cols);
  const DType type = float_type_for(values, tensor.type, wanted);
  const WeightMatrix floats{DType::f32, reinterpret_cast<const std::byte*>(memory.get()),
                            rows.size(), cols, cols * sizeof(float)};
  if (type != DType::f32) return convert(floats, type, owners, "adapter");
  owners.push_back(memory);
  return floats;
}

/// Applies one adapter to a copy of its base.
class AdapterApplication {
 public:
  AdapterApplication(const ModelWeights& base, const std::filesystem::path& directory,
                     const LoadOptions& options)
      : base_(base), adapter_(directory), source_(directory.string()), options_(options) {}

  [[nodiscard]] ModelWeights run() {
    const Architecture* family = find_architecture(&Architecture::name, base_.config.architecture);
    require<ModelError>(family != nullptr, base_.source, ": architecture ",
                        base_.config.architecture, " is none of ",
                        supported_architectures(&Architecture::name),
                        ", so the modules of an adapter cannot be found");
    model_ = base_;
    model_.source = base_.source + " + " + source_;
    replace_saved_layers(family->hugging_face);
    for (std::size_t l = 0; l < model_.layers.size(); ++l) adapt_block(family->hugging_face, l);
    if (model_.head) adapt(std::string(family->hugging_face.head), *model_.head);
    add_value_head();
    require<ModelError>(applied_ == adapter_.modules().size(), source_, ": the adapter changes ",
                        adapter_.modules().size(), " modules, of which the base ", base_.source,
                        " has ", applied_, ": it belongs to another architecture");
    return std::move(model_);
  }

 private:
  void adapt_block(const CheckpointLayout& layout, std::size_t l) {
    LayerWeights& layer = model_.layers[l];
    const BlockNames& names = layout.block;
    const auto module = [&](std::string_view part) { return layout.block_name(l, part); };
    adapt(module(names.query), layer.query, /*is_rotary=*/true);
    adapt(module(names.key), layer.key, /*is_rotary=*/true);
    adapt(module(names.value), layer.value);
    adapt_fused(module(names.query_key_value), {&layer.query, &layer.key, &layer.value});
    adapt(module(names.output), layer.output);
    adapt(module(names.gate), layer.gate);
    adapt(module(names.up), layer.up);
    adapt(module(names.down), layer.down);
  }

  void adapt(const std::string& module, LinearWeights& linear, bool is_rotary = false) {
    const LoraModule* found = adapter_.find(module);
    if (found == nullptr) return;
    ++applied_;
    const std::size_t count = linear.weight.rows;
    SourceRows rows = consecutive_rows(0, count);
    if (is_rotary && base_.config.rope_pairing == RopePairing::interleaved) {
      for (std::size_t r = 0; r < count; ++r) rows[r] = interleaved_row(r, base_.config.head_dim);
    }
    add_delta(module, *found, linear, rows, count);
  }

  /// `parts` are the rows of one fused module, one part after the other.
  void adapt_fused(const std::string& module, const std::vector<LinearWeights*>& parts) {
    const LoraModule* found = adapter_.find(module);
    if (found == nullptr) return;
    ++applied_;
    std::size_t total = 0;
    for (const LinearWeights* part : parts) total += part->weight.rows;
    std::size_t first = 0;
    for (LinearWeights* part : parts) {
      add_delta(module, *found, *part, consecutive_rows(first, part->weight.rows), total);
      first += part->weight.rows;
    }
  }

  /// Gives `linear` the given rows of the module's B; the module has `total` rows.
  void add_delta(const std::string& module_name, const LoraModule& lora, LinearWeights& linear,
                 const SourceRows& rows, std::size_t total) {
    require<ModelError>(
        !linear.delta, source_, ": ", module_name, " of ", base_.source,
        " has an adapter already, and 2 cannot be stacked: merge the first into its base");
    const auto& a = lora.a.shape;
    const auto& b = lora.b.shape;
    require<ModelError>(a[1] == linear.weight.cols && b[0] == total, source_, ": the adapter of ",
                        module_name, " is for a layer of [", b[0], ", ", a[1], "], the base has [",
                        total, ", ", linear.weight.cols,
                        "]: adapter and base do not belong together");
    linear.delta.emplace();
    linear.delta->a = scaled_copy(lora.a, consecutive_rows(0, a[0]), 1.0F, options_.storage,
                                  model_.owners);
    std::vector<std::shared_ptr<const void>> temporary;
    const WeightMatrix b_copy = scaled_copy(lora.b, rows, lora.scale, options_.storage, temporary);
    linear.delta->b_transposed = transpose(b_copy, model_.owners);
  }

  void add_value_head() {
    const TensorView* head = adapter_.value_head();
    if (head == nullptr) return;
    require<ModelError>(head->shape.size() == 2 && head->shape[1] == base_.config.hidden_size,
                        source_, ": the value head has shape ", shape_text(head->shape),
                        ", the base needs [labels, ", base_.config.hidden_size, "]");
    model_.value_head.emplace().weight = scaled_copy(*head, consecutive_rows(0, head->shape[0]),
                                                     1.0F, DType::f32, model_.owners);
  }

  /// Output and embedding matrices that PEFT saved with the adapter, as it does by default when one
  /// of them is adapted. Loading them overwrites the base's.
  void replace_saved_layers(const CheckpointLayout& layout) {
    for (const auto& [module, tensor] : adapter_.saved_layers()) {
      const bool is_head = module == layout.head;
      require<ModelError>((is_head && model_.head) || module == layout.base_name(layout.embedding),
                          source_, ": the adapter has weights of the layer ", in_quotes(module),
                          ", which the base ", base_.source,
                          " does not have: it belongs to another architecture");
      const bool is_tied = model_.head && model_.head->weight == model_.embedding.weight;
      WeightMatrix& target = is_head ? model_.head->weight : model_.embedding.weight;
      require<ModelError>(tensor.shape == std::vector{target.rows, target.cols}, source_,
                          ": the layer ", in_quotes(module), " has shape ",
                          shape_text(tensor.shape), ", the base has ",
                          shape_text({target.rows, target.cols}),
                          ": for a resized vocabulary, merge the adapter into its base");
      const WeightMatrix saved = saved_copy(tensor, target);
      if (saved.type == target.type && std::memcmp(saved.data, target.data, saved.bytes()) == 0)
        continue;
      target = saved;
      if (is_tied) model_.embedding.weight = model_.head->weight = saved;
    }
  }

  /// The saved matrix in the type of the base's if that is a float type, else in its own.
  [[nodiscard]] WeightMatrix saved_copy(const TensorView& tensor, const WeightMatrix& base) {
    const WeightMatrix in_place{tensor.type, tensor.data, base.rows, base.cols,
                                row_bytes(tensor.type, base.cols)};
    if (tensor.type == base.type || is_quantized(base.type)) {
      model_.owners.push_back(adapter_.file().mapping());
      return in_place;
    }
    return convert(in_place, base.type, model_.owners, "adapter");
  }

  const ModelWeights& base_;
  PeftAdapter adapter_;
  std::string source_;
  LoadOptions options_;
  ModelWeights model_;
  std::size_t applied_ = 0;
};

}  // namespace detail

TUTTI_INLINE ModelWeights apply_adapter(const ModelWeights& base,
                                        const std::filesystem::path& directory,
                                        const LoadOptions& options) {
  return detail::AdapterApplication(base, directory, options).run();
}

}  // namespace tutti
