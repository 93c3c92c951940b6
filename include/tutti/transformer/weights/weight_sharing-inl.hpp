// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of weight_sharing.hpp.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/transformer/weights/weight_sharing.hpp"

namespace tutti {

namespace detail {

/// `owner[e]` is the lowest expert whose copy of a matrix expert e uses.
using SharingPattern = std::vector<std::uint32_t>;

[[nodiscard]] inline bool equal_contents(const WeightMatrix& a, const WeightMatrix& b) {
  if (a.type != b.type || a.rows != b.rows || a.cols != b.cols || a.row_bytes != b.row_bytes)
    return false;
  return a.data == b.data || std::memcmp(a.data, b.data, a.bytes()) == 0;
}

/// Points each expert's matrix to the lowest expert's equal one.
inline SharingPattern share_matrix(std::span<WeightMatrix* const> matrices) {
  SharingPattern owner(matrices.size());
  for (std::uint32_t e = 0; e < matrices.size(); ++e) {
    owner[e] = e;
    for (std::uint32_t lower = 0; lower < e; ++lower) {
      if (owner[lower] != lower || !equal_contents(*matrices[lower], *matrices[e])) continue;
      matrices[e]->data = matrices[lower]->data;
      owner[e] = lower;
      break;
    }
  }
  return owner;
}

/// Sums of bytes and elements by sharing pattern.
class SharingCounter {
 public:
  /// Adds the matrix `weight` of `expert`, shared as `owner` says.
  void add(const SharingPattern& owner, std::size_t expert, const WeightMatrix& weight) {
    SharedMatrices& shared = by_owner_[owner];
    shared.owner = owner;
    shared.bytes.resize(owner.size());
    shared.elements.resize(owner.size());
    shared.bytes[expert] += static_cast<double>(weight.bytes());
    shared.elements[expert] += static_cast<double>(weight.rows * weight.cols);
  }
  [[nodiscard]] std::vector<SharedMatrices> result() const {
    std::vector<SharedMatrices> all;
    for (const auto& entry : by_owner_) all.push_back(entry.second);
    return all;
  }

 private:
  std::map<SharingPattern, SharedMatrices> by_owner_;
};

[[nodiscard]] inline std::vector<LinearWeights*> block_linears(ModelWeights& model) {
  std::vector<LinearWeights*> linears;
  for (LayerWeights& layer : model.layers) {
    for (const auto linear : LayerWeights::kLinears) linears.push_back(&(layer.*linear));
  }
  return linears;
}

[[nodiscard]] inline std::vector<LinearWeights*> head_linears(ModelWeights& model) {
  if (model.value_head) return {&*model.value_head};
  if (model.head) return {&*model.head};
  return {};
}

[[nodiscard]] inline std::vector<LinearWeights*> embedding_linears(ModelWeights& model) {
  return {&model.embedding, &model.positions};
}

/// Shares corresponding layers of the experts: `linears_of(expert)` lists them in a fixed order.
/// The patterns of all matrices are appended to `patterns`.
inline std::vector<SharedMatrices> share_linears(
    std::vector<ModelWeights>& experts,
    std::vector<LinearWeights*> (*linears_of)(ModelWeights& model),
    std::vector<SharingPattern>& patterns) {
  SharingPattern unshared(experts.size());
  std::iota(unshared.begin(), unshared.end(), 0U);
  std::vector<std::vector<LinearWeights*>> linears;
  linears.reserve(experts.size());
  for (ModelWeights& expert : experts) linears.push_back(linears_of(expert));
  SharingCounter counter;
  for (std::size_t i = 0; i < linears.front().size(); ++i) {
    std::vector<WeightMatrix*> matrices;
    matrices.reserve(experts.size());
    for (const auto& of_expert : linears) matrices.push_back(&of_expert[i]->weight);
    patterns.push_back(share_matrix(matrices));
    for (std::size_t e = 0; e < experts.size(); ++e) {
      counter.add(patterns.back(), e, *matrices[e]);
      if (const auto& delta = linears[e][i]->delta) {
        counter.add(unshared, e, delta->a);
        counter.add(unshared, e, delta->b_transposed);
      }
    }
  }
  return counter.result();
}

[[nodiscard]] inline bool has_delta(ModelWeights& model) {
  for (const auto linears_of : {block_linears, head_linears, embedding_linears}) {
    for (const LinearWeights* linear : linears_of(model)) {
      if (linear->delta) return true;
    }
  }
  return false;
}

/// For each expert the lowest one with the same matrices and vectors and no adapter, or itself.
inline std::vector<std::uint32_t> representatives(std::vector<ModelWeights>& experts,
                                                  const std::vector<SharingPattern>& patterns) {
  std::vector<bool> adapted;
  adapted.reserve(experts.size());
  for (ModelWeights& expert : experts) adapted.push_back(has_delta(expert));
  std::vector<std::uint32_t> result;
  for (std::uint32_t e = 0; e < experts.size(); ++e) {
    const auto same_as = [&](std::uint32_t other) {
      for (const SharingPattern& owner : patterns) {
        if (owner[e] != owner[other]) return false;
      }
      return !adapted[e] && !adapted[other] && equal_vectors(experts[e], experts[other]);
    };
    std::uint32_t lowest = 0;
    while (lowest < e && !same_as(lowest)) ++lowest;  // with a NaN, not even to itself
    result.push_back(lowest);
  }
  return result;
}

}  // namespace detail

TUTTI_INLINE void check_experts_fit(std::span<const ModelWeights> experts) {
  require<ModelError>(!experts.empty(), "an ensemble needs at least one expert, and there is none");
  const ModelWeights& first = experts.front();
  for (std::size_t e = 1; e < experts.size(); ++e) {
    std::string difference = first_difference(first.config, experts[e].config);
    if (difference.empty()) difference = first_tensor_difference(first, experts[e]);
    require<ModelError>(difference.empty(), "expert ", e, " (", experts[e].source,
                        ") does not fit expert 0 (", first.source, "): ", difference,
                        "; experts must be fine-tunes of one architecture");
  }
}

TUTTI_INLINE SharedExperts share_equal_tensors(std::vector<ModelWeights> experts) {
  check_experts_fit(experts);
  std::vector<detail::SharingPattern> patterns;
  WeightSharing sharing;
  sharing.layers = detail::share_linears(experts, detail::block_linears, patterns);
  sharing.head = detail::share_linears(experts, detail::head_linears, patterns);
  (void)detail::share_linears(experts, detail::embedding_linears, patterns);
  sharing.representative = detail::representatives(experts, patterns);
  return {std::move(experts), std::move(sharing)};
}

}  // namespace tutti
