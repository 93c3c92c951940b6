// SPDX-License-Identifier: Apache-2.0
#pragma once
// Plans the products of linear layers for all experts of a batch. Experts that share a matrix make
// one product of all their rows, so that shared weights are read once. Low-rank deltas are two
// small products per expert; the first runs together with the base product.

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

#include "tutti/backend/batch.hpp"
#include "tutti/backend/cpu/activation_buffer.hpp"
#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/product/product.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/threads/thread_pool.hpp"

namespace tutti::cpu {

/// The element types of all matrices of some layers, including low-rank deltas: the types that
/// activations must be prepared for.
[[nodiscard]] inline std::vector<DType> types_read(
    std::initializer_list<const std::vector<LinearWeights>*> layers) {
  std::vector<DType> types;
  const auto add = [&](DType type) {
    if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
  };
  for (const std::vector<LinearWeights>* layer : layers) {
    for (const LinearWeights& expert : *layer) {
      add(expert.weight.type);
      if (expert.delta) add(expert.delta->a.type);
    }
  }
  return types;
}

/// The products of one phase. Filled by add(), then run once.
class LinearJobs {
 public:
  void clear() {
    products_.clear();
    deltas_.clear();
  }

  /// y = W x + bias of each group's expert, or y += with `accumulate`. Rows of `x` and `y` are
  /// numbered as the groups' are.
  void add(const std::vector<LinearWeights>& experts, std::span<const RowGroup> groups,
           const ActivationBuffer& x, MatrixView<float> y, bool accumulate = false) {
    for (std::size_t g = 0; g < groups.size();) {
      const LinearWeights& linear = experts[groups[g].expert];
      const std::size_t first = groups[g].first;
      std::size_t count = 0;
      for (; g < groups.size() && reads_the_same(linear, experts[groups[g].expert]); ++g)
        count += groups[g].count;
      products_.push_back({linear.weight, x.view(first, count), y.middle_rows(first, count),
                           linear.bias.empty() ? nullptr : linear.bias.data(), accumulate});
    }
    for (const RowGroup& group : groups) {
      const LinearWeights& linear = experts[group.expert];
      if (linear.delta)
        deltas_.push_back({&*linear.delta, x.view(group.first, group.count),
                           y.middle_rows(group.first, group.count)});
    }
  }

  void run(ThreadPool& pool, const Kernels& kernels = default_kernels()) {
    std::size_t floats = 0;
    for (const Delta& delta : deltas_) floats += delta.x.rows * delta.weights->a.rows;
    low_rank_.grow(floats);
    float* next = low_rank_.data();
    std::vector<LowRankJob> second;
    for (const Delta& delta : deltas_) {
      const MatrixView<float> t(next, delta.x.rows, delta.weights->a.rows);
      products_.push_back({delta.weights->a, delta.x, t, nullptr, false});
      second.push_back({delta.weights->b_transposed, t, delta.y});
      next += t.rows * t.cols;
    }
    run_products(pool, products_, kernels);
    if (!second.empty()) add_low_rank(pool, second, kernels);
  }

 private:
  struct Delta {
    const LowRankDelta* weights;
    PreparedActivations x;
    MatrixView<float> y;
  };

  static bool reads_the_same(const LinearWeights& a, const LinearWeights& b) {
    return a.weight == b.weight && a.bias == b.bias;
  }

  std::vector<ProductJob> products_;
  std::vector<Delta> deltas_;
  AlignedBuffer<float> low_rank_;
};

}  // namespace tutti::cpu
