// SPDX-License-Identifier: Apache-2.0
#pragma once
// The backend that runs on the processor: weights are used where they lie, products are our own kernels, and each phase is
// split over a pool of threads by output, so that no sum depends on the number of threads.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "tutti/backend/concept.hpp"
#include "tutti/backend/cpu/activations.hpp"
#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/elementwise.hpp"
#include "tutti/backend/cpu/float_matrix.hpp"
#include "tutti/backend/cpu/linear_jobs.hpp"
#include "tutti/backend/cpu/paged_attention.hpp"
#include "tutti/backend/cpu/rope.hpp"
#include "tutti/core/linear_weights.hpp"
#include "tutti/core/probability.hpp"
#include "tutti/core/thread_pool.hpp"

namespace tutti {

struct CpuOptions {
  std::size_t threads = 0;  ///< 0 takes as many as the machine has.
};

/// Satisfies Backend. Movable; its threads sleep while nothing is computed.
class Cpu {
 public:
  using Options = CpuOptions;
  using Linear = std::vector<LinearWeights>;     ///< One layer's weights of each expert, as views.
  using Norm = std::vector<std::vector<float>>;  ///< One layer's norm of each expert.
  using Rows = cpu::FloatMatrix;
  using KvPages = cpu::KvPages;

  explicit Cpu(Options options = {}) : pool_(std::make_unique<ThreadPool>(options.threads)) {}

  [[nodiscard]] std::size_t threads() const { return pool_->size(); }

  [[nodiscard]] Linear make_linear(std::span<const LinearWeights* const> experts) const {
    Linear linear;
    for (const LinearWeights* expert : experts) linear.push_back(*expert);
    return linear;
  }
  [[nodiscard]] Norm make_norm(std::span<const std::span<const float>> experts) const {
    Norm norm;
    for (const std::span<const float> weight : experts) norm.emplace_back(weight.begin(), weight.end());
    return norm;
  }
  [[nodiscard]] Rows make_rows(std::size_t capacity, std::size_t width) const { return Rows(capacity, width); }
  [[nodiscard]] KvPages make_pages(const KvShape& shape) const { return KvPages(shape); }
  void reserve_pages(KvPages& pages, std::size_t count) const { pages.reserve(count); }
  [[nodiscard]] MatrixView<const float> host(const Rows& rows) const { return rows.view(); }

  void begin(const Batch& batch, std::span<const float> rope_frequencies) { rope_.compute(batch.rows, rope_frequencies); }

  void embed(const Linear& embedding, const Batch& batch, Rows& x) {
    for_rows(batch.size(), x.width(),
             [&](std::size_t r) { cpu::embed(embedding[batch.rows[r].expert].weight, batch.rows[r].token, x.row(r)); });
  }

  void attention_input(const NormPhase<Norm>& norm, const Linear& query, const Linear& key, const Linear& value,
                       const AttentionShape& shape, std::size_t layer, const Batch& batch, const Rows& x, KvPages& pages, Rows& q) {
    normalise(norm, {&query, &key, &value}, batch, x);
    key_.reset(batch.size(), shape.kv_heads * shape.head_dim);
    value_.reset(batch.size(), shape.kv_heads * shape.head_dim);
    jobs_.clear();
    jobs_.add(query, batch.groups, activations_, q.view());
    jobs_.add(key, batch.groups, activations_, key_.view());
    jobs_.add(value, batch.groups, activations_, value_.view());
    jobs_.run(*pool_);
    for_rows(batch.size(), q.width(), [&](std::size_t r) {
      rope_.turn(r, q.row(r), shape.heads, shape);
      rope_.turn(r, key_.row(r), shape.kv_heads, shape);
      pages.write(batch.slots[r], layer, key_.row(r), value_.row(r));
    });
  }

  void attend(const AttentionShape& shape, std::size_t layer, const Batch& batch, const KvPages& pages, Rows& q, Rows& out) {
    cpu::attend_pages(shape, layer, batch, pages, q.view(), out.view(), *pool_);
  }

  void add_linear(const Linear& linear, const Batch& batch, const Rows& in, Rows& x) {
    prepare(linear, batch.size(), in);
    jobs_.clear();
    jobs_.add(linear, batch.groups, activations_, x.view(), true);
    jobs_.run(*pool_);
  }

  void mlp_input(const NormPhase<Norm>& norm, const Linear& gate, const Linear& up, const Batch& batch, const Rows& x, Rows& out) {
    normalise(norm, {&gate, &up}, batch, x);
    up_.reset(batch.size(), out.width());
    jobs_.clear();
    jobs_.add(gate, batch.groups, activations_, out.view());
    jobs_.add(up, batch.groups, activations_, up_.view());
    jobs_.run(*pool_);
    for_rows(batch.size(), out.width(), [&](std::size_t r) { cpu::swiglu(std::span(out.row(r), out.width()), up_.row(r), out.row(r)); });
  }

  void final_norm(const NormPhase<Norm>& norm, std::span<const RowGroup> groups, std::span<const std::uint32_t> outputs, const Rows& x,
                  Rows& out) {
    for (const RowGroup& group : groups) {
      for_rows(group.count, x.width(), [&](std::size_t i) {
        const std::size_t r = group.first + i;
        cpu::rms_norm(std::span(x.row(outputs[r]), x.width()), norm.weight[group.expert], norm.epsilon, out.row(r));
      });
    }
  }

  void head(const Linear& linear, std::span<const RowGroup> groups, const Rows& in, Rows& out, std::size_t first) {
    const std::size_t rows = groups.empty() ? 0 : groups.back().first + groups.back().count;
    prepare(linear, rows, in);
    jobs_.clear();
    jobs_.add(linear, groups, activations_, out.view().middle_rows(first, rows));
    jobs_.run(*pool_);
  }

  void log_probabilities(const Rows& logits, std::span<const Token> targets, std::span<float> result) {
    pool_->for_each(targets.size(), [&](std::size_t r) { result[r] = log_probability_of(logits.view().row_span(r), targets[r]); });
  }

  template <class Body>
  void for_each(std::size_t count, Body&& body) {
    pool_->for_each(count, body);
  }

 private:
  /// Below this many floats a phase is done sooner by one thread than the others are called.
  static constexpr std::size_t kSerialFloats = 8192;

  template <class Body>
  void for_rows(std::size_t rows, std::size_t width, Body body) {
    if (rows * width < kSerialFloats) {
      for (std::size_t r = 0; r < rows; ++r) body(r);
    } else {
      pool_->for_each(rows, body);
    }
  }

  /// Normalised rows, prepared for the types of all `readers`.
  void normalise(const NormPhase<Norm>& norm, std::initializer_list<const Linear*> readers, const Batch& batch, const Rows& x) {
    activations_.reset(batch.size(), x.width(), cpu::types_read(readers));
    for_rows(batch.size(), x.width(), [&](std::size_t r) {
      cpu::rms_norm(std::span(x.row(r), x.width()), norm.weight[batch.rows[r].expert], norm.epsilon, activations_.row(r));
      activations_.prepare_row(r);
    });
  }

  void prepare(const Linear& reader, std::size_t rows, const Rows& in) {
    activations_.reset(rows, in.width(), cpu::types_read({&reader}));
    for_rows(rows, in.width(), [&](std::size_t r) {
      std::copy_n(in.row(r), in.width(), activations_.row(r));
      activations_.prepare_row(r);
    });
  }

  std::unique_ptr<ThreadPool> pool_;
  cpu::RopeAngles rope_;
  cpu::ActivationBuffer activations_;
  cpu::FloatMatrix key_, value_, up_;
  cpu::LinearJobs jobs_;
};

static_assert(Backend<Cpu>);

}  // namespace tutti
