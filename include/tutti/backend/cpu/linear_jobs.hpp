// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lays out the products of linear layers for all experts of a batch. Experts that share a matrix make one product of all
// their rows, so that shared weights are read once; low-rank deltas follow as two small products an expert.

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

#include "tutti/backend/batch.hpp"
#include "tutti/backend/cpu/activations.hpp"
#include "tutti/backend/cpu/product.hpp"
#include "tutti/core/linear_weights.hpp"
#include "tutti/core/matrix_view.hpp"
#include "tutti/core/thread_pool.hpp"

namespace tutti::cpu {

/// The element types of all matrices of some layers, each expert's and their deltas': what activations must be prepared for.
[[nodiscard]] inline std::vector<DType> types_read(std::initializer_list<const std::vector<LinearWeights>*> layers) {
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

/// The products of one phase. Filled with add(), then run once.
class LinearJobs {
 public:
  /// @param round as that of ActivationBuffer, for what lies between the two products of a delta.
  explicit LinearJobs(bool round = false) : low_rank_(round) {}

  void clear() {
    products_.clear();
    deltas_.clear();
  }

  /// y = W x + bias of each group's expert, or y += with `accumulate`. Rows of `x` and `y` are numbered as the groups' are.
  void add(const std::vector<LinearWeights>& experts, std::span<const RowGroup> groups, const ActivationBuffer& x, MatrixView<float> y,
           bool accumulate = false) {
    for (std::size_t g = 0; g < groups.size();) {
      const LinearWeights& linear = experts[groups[g].expert];
      const std::size_t first = groups[g].first;
      std::size_t count = 0;
      for (; g < groups.size() && reads_the_same(linear, experts[groups[g].expert]); ++g) count += groups[g].count;
      products_.push_back({linear.weight, x.view(first, count), y.middle_rows(first, count),
                           linear.bias.empty() ? nullptr : linear.bias.data(), accumulate});
    }
    for (const RowGroup& group : groups) {
      const LinearWeights& linear = experts[group.expert];
      if (linear.delta) deltas_.push_back({&*linear.delta, x.view(group.first, group.count), y.middle_rows(group.first, group.count)});
    }
  }

  void run(ThreadPool& pool) {
    if (deltas_.empty()) return run_products(pool, products_);
    // First t = A x beside the products themselves, then y += B t.
    std::size_t rows = 0, widest = 0;
    std::vector<DType> types;
    for (const Delta& delta : deltas_) {
      rows += delta.x.rows;
      widest = std::max(widest, delta.weights->a.rows);
      types.push_back(delta.weights->b.type);
    }
    low_rank_.reset(rows, widest, types);
    std::size_t first = 0;
    for (const Delta& delta : deltas_) {
      for (std::size_t r = first; r < first + delta.x.rows; ++r) std::fill_n(low_rank_.row(r), widest, 0.0F);
      const MatrixView<float> t(low_rank_.row(first), delta.x.rows, delta.weights->a.rows, low_rank_.view().stride);
      products_.push_back({delta.weights->a, delta.x, t, nullptr, false});
      first += delta.x.rows;
    }
    run_products(pool, products_);
    for (std::size_t r = 0; r < rows; ++r) low_rank_.prepare_row(r);
    products_.clear();
    first = 0;
    for (const Delta& delta : deltas_) {
      PreparedActivations t = low_rank_.view(first, delta.x.rows);
      t.cols = delta.weights->a.rows;  // zeros behind them
      products_.push_back({delta.weights->b, t, delta.y, nullptr, true});
      first += delta.x.rows;
    }
    run_products(pool, products_);
  }

 private:
  struct Delta {
    const LowRankDelta* weights;
    PreparedActivations x;
    MatrixView<float> y;
  };

  static bool reads_the_same(const LinearWeights& a, const LinearWeights& b) { return a.weight == b.weight && a.bias == b.bias; }

  std::vector<ProductJob> products_;
  std::vector<Delta> deltas_;
  ActivationBuffer low_rank_;
};

}  // namespace tutti::cpu
