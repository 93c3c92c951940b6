// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a file's tensors by name, checks them against the shapes of the configuration, and records
// which were used.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tutti/architecture/checkpoint_layout.hpp"
#include "tutti/architecture/layer_types.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/quantized/convert.hpp"
#include "tutti/formats/quantized/dequantize.hpp"
#include "tutti/transformer/weights/load_options.hpp"

namespace tutti {

namespace detail {

/// Reads the tensors of one model by name and records which have been used.
class WeightReader {
 public:
  WeightReader(std::string source, std::span<const TensorView> tensors, const LoadOptions& options)
      : source_(std::move(source)), tensors_(tensors), used_(tensors.size()), options_(options) {
    for (std::size_t i = 0; i < tensors.size(); ++i) index_.emplace(tensors[i].name, i);
  }

  /// Declares a tensor of an element type that weights cannot have: asking for it is an error that
  /// names the type.
  void add_unsupported(std::string name, std::string type) {
    unsupported_.emplace(std::move(name), std::move(type));
  }

  /// @throws FormatError when the file has it in an element type that weights cannot have.
  [[nodiscard]] bool has(std::string_view name) const { return index_of(name) < tensors_.size(); }

  /// A matrix of exactly this shape.
  [[nodiscard]] WeightMatrix matrix(const std::string& name, std::size_t rows, std::size_t cols) {
    const TensorView& tensor = take(name, {rows, cols});
    const WeightMatrix in_place{tensor.type, tensor.data, rows, cols, row_bytes(tensor.type, cols)};
    if (!options_.storage || *options_.storage == tensor.type) return in_place;
    return convert(in_place, *options_.storage, owners_, name);
  }

  [[nodiscard]] std::vector<float> vector(const std::string& name, std::size_t size) {
    const TensorView& tensor = take(name, {size});
    std::vector<float> values(size);
    dequantize_row(tensor.type, tensor.data, size, values.data());
    return values;
  }

  /// A linear layer `stem.weight`, with `stem.bias` where `has_bias` says that the architecture has
  /// one. `transposed`: the file has [cols, rows]; the layer is a transposed copy.
  [[nodiscard]] LinearWeights linear(const std::string& stem, std::size_t rows, std::size_t cols,
                                     bool has_bias, bool transposed) {
    LinearWeights result;
    if (transposed) {
      const TensorView& tensor = take(stem + ".weight", {cols, rows});
      require<ModelError>(
          !is_quantized(tensor.type), source_, ": tensor ", tensor.name,
          " is stored transposed in blocks of ", layout_of(tensor.type).name,
          ", expected F32, F16 or BF16: convert the model with llama.cpp's converter");
      const WeightMatrix as_stored{tensor.type, tensor.data, cols, rows,
                                   row_bytes(tensor.type, rows)};
      result.weight = transpose(as_stored, owners_);
      if (options_.storage && *options_.storage != tensor.type)
        result.weight = convert(result.weight, *options_.storage, owners_, stem);
    } else {
      result.weight = matrix(stem + ".weight", rows, cols);
    }
    if (has_bias) result.bias = vector(stem + ".bias", rows);
    return result;
  }

  /// A norm `stem.weight`, with `stem.bias` if it is a LayerNorm; `lacks_one`: the file stores the
  /// weight minus 1.
  [[nodiscard]] NormWeights norm(const std::string& stem, std::size_t size, NormKind kind,
                                 bool lacks_one) {
    NormWeights result;
    result.weight = vector(stem + ".weight", size);
    if (lacks_one) {
      for (float& weight : result.weight) weight += 1.0F;
    }
    if (kind == NormKind::layer) result.bias = vector(stem + ".bias", size);
    return result;
  }

  /// The element type of a tensor, f32 if the file has no such tensor.
  [[nodiscard]] DType type_of(std::string_view name) const {
    return has(name) ? tensors_[index_of(name)].type : DType::f32;
  }

  /// Whether two tensors of the file have the same type, shape and bytes.
  [[nodiscard]] bool same(std::string_view a, std::string_view b) const {
    const TensorView& first = tensors_[index_of(a)];
    const TensorView& second = tensors_[index_of(b)];
    return first.type == second.type && first.shape == second.shape &&
           first.bytes == second.bytes &&
           (first.bytes == 0 || std::memcmp(first.data, second.data, first.bytes) == 0);
  }

  /// Name, element type and shape of a tensor of the file, for messages.
  [[nodiscard]] std::string description(std::string_view name) const {
    const TensorView& tensor = tensors_[index_of(name)];
    return "tensor " + tensor.name + " (" + std::string(layout_of(tensor.type).name) + ' ' +
           shape_text(tensor.shape) + ')';
  }

  /// A matrix of any number of rows: a reward head has one per label.
  [[nodiscard]] LinearWeights value_head(const std::string& name, std::size_t cols) {
    const std::vector<std::size_t>& shape = tensors_[index_of(name)].shape;
    LinearWeights result;
    result.weight = matrix(name, shape.empty() ? 0 : shape.front(), cols);
    return result;
  }

  void ignore(std::string_view name) {
    if (has(name)) used_[index_of(name)] = true;
  }

  /// @throws ModelError naming a tensor that has not been read and that `layout` does not ignore: a
  /// model with unknown parts would give wrong answers.
  void finish(const CheckpointLayout& layout) const {
    const auto check = [&](std::string_view name, bool used) {
      const bool ignored = std::any_of(
          layout.ignored.begin(), layout.ignored.end(),
          [&](std::string_view end) { return !end.empty() && name.ends_with(end); });
      require<ModelError>(used || ignored, source_, ": tensor ", in_quotes(name),
                          " is not part of the architecture that the file names; it has ",
                          tensors_.size() + unsupported_.size(),
                          " tensors: convert the model, or use one of a supported family");
    };
    for (std::size_t i = 0; i < tensors_.size(); ++i) check(tensors_[i].name, used_[i]);
    for (const auto& [name, type] : unsupported_) check(name, false);
  }

  [[nodiscard]] std::vector<std::shared_ptr<const void>> take_owners() {
    return std::move(owners_);
  }

 private:
  [[nodiscard]] std::size_t index_of(std::string_view name) const {
    const auto found = index_.find(name);
    if (found != index_.end()) return found->second;
    if (const auto other = unsupported_.find(name); other != unsupported_.end()) {
      fail<FormatError>(source_, ": tensor ", in_quotes(name), " has dtype ", other->second,
                        "; weights can be F32, F16 or BF16: convert the checkpoint");
    }
    return tensors_.size();
  }

  const TensorView& take(const std::string& name, const std::vector<std::size_t>& shape) {
    const std::size_t i = index_of(name);
    require<ModelError>(i < tensors_.size(), source_, ": tensor ", name, " of shape ",
                        shape_text(shape), " is missing; the file has ", tensors_.size(),
                        " tensors: the checkpoint is incomplete or of another architecture");
    require<ModelError>(tensors_[i].shape == shape, source_, ": tensor ", name, " has shape ",
                        shape_text(tensors_[i].shape), ", the configuration asks for ",
                        shape_text(shape), ": configuration and weights do not belong together");
    used_[i] = true;
    return tensors_[i];
  }

  std::string source_;
  std::span<const TensorView> tensors_;
  std::unordered_map<std::string_view, std::size_t> index_;
  std::map<std::string, std::string, std::less<>> unsupported_;  // element types by name
  std::vector<bool> used_;
  LoadOptions options_;
  std::vector<std::shared_ptr<const void>> owners_;
};

}  // namespace detail

}  // namespace tutti
