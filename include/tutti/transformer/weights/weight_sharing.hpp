// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which experts share which matrices. Tensors with equal contents are made to point to the same
// memory, so that a backend reads them once for the rows of all experts; the same knowledge gives
// the bytes and operations that a step needs (cost_meter.hpp).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

/// Matrices that are shared in one and the same way: `owner[e]` is the lowest expert that has
/// expert e's matrices. What every expert has for itself, the factors of its adapter, is shared by
/// nobody and may differ in size.
struct SharedMatrices {
  std::vector<std::uint32_t> owner;
  std::vector<double> bytes;     ///< Of each expert's matrices.
  std::vector<double> elements;  ///< Of each expert's matrices: multiply-adds a row.
};

/// How the experts of a stack share their weights.
struct WeightSharing {
  std::vector<std::uint32_t> representative;  ///< Lowest expert with the same weights throughout.
  std::vector<SharedMatrices> layers;
  std::vector<SharedMatrices> head;
};

namespace detail {

/// Calls `visit(linear)` for every linear layer of the blocks, in a fixed order.
template <class Model, class Visit>
void for_each_layer_linear(Model& model, Visit visit) {
  for (auto& layer : model.layers) {
    for (const auto linear : LayerWeights::kLinears) visit(layer.*linear);
  }
}

template <class Model, class Visit>
void for_each_head_linear(Model& model, Visit visit) {
  if (model.value_head) {
    visit(*model.value_head);
  } else if (model.head) {
    visit(*model.head);
  }
}

inline bool equal_contents(const WeightMatrix& a, const WeightMatrix& b) {
  if (a.type != b.type || a.rows != b.rows || a.cols != b.cols || a.row_bytes != b.row_bytes)
    return false;
  return a.data == b.data || std::memcmp(a.data, b.data, a.bytes()) == 0;
}

/// Points each expert's matrix to the lowest expert's equal one; returns that expert for each.
inline std::vector<std::uint32_t> share(std::span<WeightMatrix* const> matrices) {
  std::vector<std::uint32_t> owner(matrices.size());
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

/// Collects shared matrices by the pattern in which they are shared.
class SharingCounter {
 public:
  /// `expert` has `weight`, and shares it as `owner` says.
  void add(const std::vector<std::uint32_t>& owner, std::size_t expert,
           const WeightMatrix& weight) {
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
  std::map<std::vector<std::uint32_t>, SharedMatrices> by_owner_;
};

}  // namespace detail

/// The first tensor that `b` has in another shape than `a`, or that only one of them has, with
/// both; empty when there is none. The blocks' shapes follow from the configuration; heads do not.
[[nodiscard]] inline std::string first_tensor_difference(const ModelWeights& a,
                                                         const ModelWeights& b) {
  const auto text = [](const std::optional<LinearWeights>& linear) {
    return linear ? shape_text({linear->weight.rows, linear->weight.cols}) : std::string("absent");
  };
  std::string difference;
  const auto compare = [&](const char* name, const std::optional<LinearWeights>& left,
                           const std::optional<LinearWeights>& right) {
    if (difference.empty() && text(left) != text(right))
      difference = std::string(name) + " is " + text(right) + " instead of " + text(left);
  };
  compare("the language model's head", a.head, b.head);
  compare("the value head (score.weight)", a.value_head, b.value_head);
  for (std::size_t set = 0;
       set < std::min(a.rope_inverse_frequencies.size(), b.rope_inverse_frequencies.size());
       ++set) {
    const std::vector<float>& left = a.rope_inverse_frequencies[set];
    const std::vector<float>& right = b.rope_inverse_frequencies[set];
    for (std::size_t i = 0; i < std::min(left.size(), right.size()) && difference.empty(); ++i) {
      if (left[i] == right[i]) continue;
      std::ostringstream frequencies;
      frequencies << "rotary frequency " << i << " is " << right[i] << " instead of " << left[i];
      difference = frequencies.str();
    }
  }
  return difference;
}

/// Checks that all experts can run in one stack: equal shapes and equal rules.
/// @throws ModelError naming both experts and the first difference with both values.
inline void check_experts_fit(std::span<const ModelWeights> experts) {
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

/// Makes equal matrices of different experts share memory, and reports how. Experts are compared
/// matrix by matrix; the comparison stops at the first differing byte, so it costs little where
/// experts differ.
/// @throws ModelError when the experts do not fit each other.
[[nodiscard]] inline WeightSharing share_equal_tensors(std::vector<ModelWeights>& experts) {
  check_experts_fit(experts);
  WeightSharing sharing;
  const std::size_t n = experts.size();
  std::vector<std::vector<std::uint32_t>> patterns;
  std::vector<std::uint32_t> nobody_shares(n);
  std::iota(nobody_shares.begin(), nobody_shares.end(), 0U);

  const auto share_all = [&](auto for_each_linear) {
    detail::SharingCounter counter;
    std::vector<std::vector<LinearWeights*>> linears(n);
    for (std::size_t e = 0; e < n; ++e)
      for_each_linear(experts[e], [&](LinearWeights& linear) { linears[e].push_back(&linear); });
    for (std::size_t i = 0; i < linears.front().size(); ++i) {
      std::vector<WeightMatrix*> matrices;
      for (std::size_t e = 0; e < n; ++e) matrices.push_back(&linears[e][i]->weight);
      patterns.push_back(detail::share(matrices));
      for (std::size_t e = 0; e < n; ++e) counter.add(patterns.back(), e, *matrices[e]);
      // A delta sets its expert apart from all others.
      for (std::size_t e = 0; e < n; ++e) {
        if (!linears[e][i]->delta) continue;
        patterns.emplace_back(n, 0U)[e] = 1;
        counter.add(nobody_shares, e, linears[e][i]->delta->a);
        counter.add(nobody_shares, e, linears[e][i]->delta->b_transposed);
      }
    }
    return counter.result();
  };
  sharing.layers = share_all(
      [](ModelWeights& m, auto visit) { detail::for_each_layer_linear(m, visit); });
  sharing.head = share_all(
      [](ModelWeights& m, auto visit) { detail::for_each_head_linear(m, visit); });
  share_all([](ModelWeights& m, auto visit) {
    visit(m.embedding);
    visit(m.positions);
  });

  // Two experts are the same if they share in every pattern and have the same norms.
  for (std::uint32_t e = 0; e < n; ++e) {
    std::uint32_t lowest = 0;
    const auto same = [&](std::uint32_t a, std::uint32_t b) {
      for (const auto& owner : patterns) {
        if (owner[a] != owner[b]) return false;
      }
      return equal_vectors(experts[a], experts[b]);
    };
    while (lowest < e && !same(lowest, e))
      ++lowest;  // an expert with a NaN is not even equal to itself
    sharing.representative.push_back(lowest);
  }
  return sharing;
}

}  // namespace tutti
