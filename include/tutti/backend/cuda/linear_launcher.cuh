// SPDX-License-Identifier: Apache-2.0
#pragma once
// Linear layers on the device: uploads and stacks those of all experts, and launches the products
// of a phase together where types and groups allow it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "tutti/backend/cuda/cublas.cuh"
#include "tutti/backend/cuda/device_types.cuh"
#include "tutti/backend/cuda/expert_groups.cuh"
#include "tutti/backend/cuda/kernels/product.cuh"
#include "tutti/formats/quantized/convert.hpp"

namespace tutti::cuda {

/// The common input of the products of a phase.
struct ProductInput {
  const Rows& x;
  DeviceNorm norm;            ///< Applied to x; none if it has no weights.
  const Row* rows = nullptr;  ///< On the device: the batch rows of x.
  std::size_t row_count = 0;
  CacheEntry entry = {};
};

/// One product of a phase.
struct Product {
  const Linear& linear;
  DeviceRows out;
  ProductEnd end = ProductEnd::store;
  const Linear* second = nullptr;  ///< Of ProductEnd::gate.
  Activation activation = Activation::silu;
};

class Products {
 public:
  /// Uses cuBLAS for products whose largest group has at least `rows` rows (1 or more), except with
  /// quantized weights and in decoding on the device.
  /// @throws DeviceError when cuBLAS cannot be used.
  void use_cublas(std::size_t rows, const Stream& stream) {
    cublas_.emplace(stream);
    cublas_rows_ = rows;
  }

  /// @throws ModelError when the experts keep the layer in different types, DeviceError when there
  /// is no room.
  /// @param threads that pack the weights; null: the caller alone.
  [[nodiscard]] Linear make(std::span<const LinearWeights* const> experts, const Stream& stream,
                            ThreadPool* threads = nullptr) {
    std::vector<const WeightMatrix*> weights, a, b;
    std::vector<std::shared_ptr<const void>> temporary;
    std::deque<WeightMatrix> transposed;
    for (const LinearWeights* expert : experts) {
      weights.push_back(expert->weight.rows == 0 ? nullptr  // the family does not have this layer
                                                 : &expert->weight);
      a.push_back(expert->delta ? &expert->delta->a : nullptr);
      b.push_back(expert->delta
                      ? &transposed.emplace_back(transpose(expert->delta->b_transposed, temporary))
                      : nullptr);
    }
    Linear linear;
    stack_biases(experts, linear, stream);
    linear.weights = stack(
        weights, [&](const WeightMatrix& matrix) { return store_.get(matrix, stream, threads); },
        [&](std::size_t i, std::size_t j) { return experts[i]->bias == experts[j]->bias; }, stream);
    for (const auto& [matrices, stacked] :
         {std::pair(&a, &linear.low_rank_a), std::pair(&b, &linear.low_rank_b)}) {
      const bool widen = differ_in_type(*matrices);
      *stacked = stack(
          *matrices,
          [&](const WeightMatrix& matrix) {
            return std::make_shared<const StoredMatrix>(matrix, stream, widen, threads);
          },
          [](std::size_t, std::size_t) { return true; }, stream);
    }
    largest_rank_ = std::max(largest_rank_, linear.low_rank_a.outputs);
    return linear;
  }

  /// Sets the groups of the current batch.
  void begin(std::span<const RowGroup> batch, const Stream& stream) {
    groups_.begin(batch, stream);
    shared_ = false;
  }

  /// Lets the kernels of decoding remove rows from the groups when they end.
  void share_groups(DecodeState& state, const Stream& stream) {
    groups_.share(state, stream);
    shared_ = true;
  }

  /// Enqueues the products of a phase for the rows of the batch.
  void run(const ProductInput& input, std::span<const Product> products, const Stream& stream) {
    run(
        input, products, [&](std::uint32_t pattern) { return groups_.list(pattern); }, stream);
  }

  /// The same for other rows, such as those with outputs.
  void run(const ProductInput& input, const Product& product, std::span<const RowGroup> groups,
           const Stream& stream) {
    run(
        input, {&product, 1},
        [&](std::uint32_t pattern) { return groups_.upload_others(groups, pattern, stream); },
        stream);
  }

 private:
  template <class List>
  void run(ProductInput input, std::span<const Product> products, List list, const Stream& stream) {
    ProductJob job{.x = input.x.view(),
                   .norm = input.norm,
                   .rows = input.rows,
                   .entry = input.entry,
                   .cols = static_cast<std::uint32_t>(input.x.width())};
    if (job.norm.weights != nullptr && !norm_fits(max_rows(products, list), input.x.width())) {
      normed_.reset(input.x.capacity(), input.x.width(), stream);
      launch({dim3(static_cast<unsigned>(input.row_count)), dim3(kRowThreads)}, stream.get(),
             norm_kernel<kRowThreads>, job.norm, job.rows, nullptr, job.x, normed_.view(), false);
      job.x = normed_.view();
      job.norm = {};
    }
    std::vector<DeviceLinear>
        linears;  // products[i].linear, then products[i].second if there is one
    multiply_low_rank(input, job, products, list, linears, stream);
    std::vector<HostPart> parts;
    const DeviceLinear* linear = linears.data();
    for (const Product& product : products) {
      const StackedMatrices& weights = product.linear.weights;
      const PlacedGroups groups = list(weights.pattern);
      HostPart part{{.linear = *linear++,
                     .groups = groups,
                     .outputs = weights.outputs,
                     .end = product.end,
                     .activation = product.activation,
                     .out = product.out},
                    groups.host,
                    weights};
      if (product.second != nullptr) {
        const StackedMatrices& second = product.second->weights;
        if (second.type == weights.type && second.pattern == weights.pattern) {
          part.part.second = *linear++;
          part.second = &second;
        } else {
          // The two matrices differ in type or groups: the second one is multiplied first.
          other_.reset(input.x.capacity(), second.outputs, stream);
          const PlacedGroups of_second = list(second.pattern);
          const HostPart before{{.linear = *linear++,
                                 .groups = of_second,
                                 .outputs = second.outputs,
                                 .out = other_.view()},
                                of_second.host,
                                second};
          enqueue(job, {&before, 1}, stream);
          part.part.other = other_.view();
        }
      }
      parts.push_back(part);
    }
    enqueue(job, parts, stream);
  }

  template <class List>
  static std::size_t max_rows(std::span<const Product> products, List list) {
    std::size_t largest = 0;
    for (const Product& product : products) {
      largest = std::max(largest, list(product.linear.weights.pattern).max_rows);
      if (product.second != nullptr)
        largest = std::max(largest, list(product.second->weights.pattern).max_rows);
    }
    return largest;
  }

  /// Enqueues A x of all products in one launch, and fills `linears` with the views of their
  /// matrices.
  template <class List>
  void multiply_low_rank(const ProductInput& input, const ProductJob& job,
                         std::span<const Product> products, List list,
                         std::vector<DeviceLinear>& linears, const Stream& stream) {
    std::vector<HostPart> parts;
    const auto add = [&](const Linear& linear) {
      linears.push_back({linear.weights.table.data(), linear.biases.data(), nullptr, {}});
      if (!linear.has_deltas()) return;
      Rows& low_rank = low_rank_[parts.size()];
      low_rank.reset(input.x.capacity(), largest_rank_,
                     stream);  // largest of all layers, so that it is allocated once
      linears.back().low_rank_b = linear.low_rank_b.table.data();
      linears.back().low_rank_type = linear.low_rank_b.type;
      linears.back().low_rank = low_rank.view();
      const PlacedGroups groups = list(linear.low_rank_a.pattern);
      parts.push_back({{.linear = {linear.low_rank_a.table.data(), nullptr, nullptr, {}},
                        .groups = groups,
                        .outputs = linear.low_rank_a.outputs,
                        .out = low_rank.view()},
                       groups.host,
                       linear.low_rank_a});
    };
    for (const Product& product : products) {
      add(product.linear);
      if (product.second != nullptr) add(*product.second);
    }
    enqueue(job, parts, stream);
  }

  /// One launch per weight type.
  void enqueue(ProductJob job, std::span<const HostPart> parts, const Stream& stream) {
    std::vector<const HostPart*> left;
    for (const HostPart& part : parts) left.push_back(&part);
    while (!left.empty()) {
      const DType type = left.front()->weights.type;
      const auto others = std::stable_partition(
          left.begin(), left.end(),
          [&](const HostPart* part) { return part->weights.type == type; });
      const std::vector<const HostPart*> same(left.begin(), others);
      left.erase(left.begin(), others);
      std::size_t max_rows = 0;
      for (std::size_t p = 0; p < same.size(); ++p) {
        job.parts[p] = same[p]->part;
        max_rows = std::max(max_rows, same[p]->part.groups.max_rows);
      }
      if (cublas_ && !shared_ && !is_quantized(type) && max_rows >= cublas_rows_ &&
          job.norm.weights == nullptr) {
        cublas_->enqueue(job, same, stream);
      } else {
        enqueue_products(type, job, same.size(), stream.get());
      }
    }
  }

  static void stack_biases(std::span<const LinearWeights* const> experts, Linear& linear,
                           const Stream& stream) {
    std::vector<float> values;
    std::vector<std::size_t> begins;
    for (const LinearWeights* expert : experts) {
      begins.push_back(values.size());
      values.insert(values.end(), expert->bias.begin(), expert->bias.end());
    }
    if (values.empty()) return;
    linear.bias_values = upload(std::span<const float>(values), stream);
    std::vector<const float*> pointers;
    for (std::size_t e = 0; e < experts.size(); ++e) {
      pointers.push_back(experts[e]->bias.empty() ? nullptr
                                                  : linear.bias_values.data() + begins[e]);
    }
    linear.biases = upload(std::span<const float* const>(pointers), stream);
  }

  [[nodiscard]] static bool differ_in_type(std::span<const WeightMatrix* const> experts) {
    std::set<DType> types;
    for (const WeightMatrix* expert : experts) {
      if (expert != nullptr) types.insert(expert->type);
    }
    return types.size() > 1;
  }

  /// @param store(matrix) brings a matrix to the device.
  /// @param alike(i, j) whether experts i and j with the same matrix make one group.
  template <class Store, class Alike>
  [[nodiscard]] StackedMatrices stack(std::span<const WeightMatrix* const> experts, Store store,
                                      Alike alike, const Stream& stream) {
    StackedMatrices stacked;
    std::vector<DeviceMatrix> table;
    SharingPattern pattern;
    std::size_t first = experts.size();
    for (std::size_t e = 0; e < experts.size(); ++e) {
      stacked.stored.push_back(experts[e] == nullptr ? nullptr : store(*experts[e]));
      table.push_back(experts[e] == nullptr ? DeviceMatrix{} : stacked.stored[e]->view());
      pattern.push_back(kNoWeights);
      if (experts[e] == nullptr) continue;
      const DType type = stacked.stored[e]->type();
      if (first == experts.size()) {
        first = e;
        stacked.type = type;
      }
      require<ModelError>(type == stacked.type, "expert ", e, " keeps a layer in ",
                          layout_of(type).name, ", expert ", first, " in ",
                          layout_of(stacked.type).name,
                          ": convert the experts to one type with LoadOptions::storage");
      stacked.outputs = std::max(stacked.outputs, table.back().rows);
      std::size_t same = 0;
      while (stacked.stored[same] != stacked.stored[e] || !alike(same, e)) ++same;
      pattern.back() = static_cast<std::uint32_t>(same);
    }
    stacked.table = upload(std::span<const DeviceMatrix>(table), stream);
    stacked.pattern = groups_.number_of(pattern);
    return stacked;
  }

  MatrixStore store_;
  BatchGroups groups_;
  bool shared_ = false;  ///< Whether kernels modify the groups.
  Rows normed_, other_;
  std::uint32_t largest_rank_ = 0;
  Rows low_rank_[kMaxParts];
  std::optional<Cublas> cublas_;
  std::size_t cublas_rows_ = 0;
};

}  // namespace tutti::cuda
