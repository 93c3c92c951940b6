// SPDX-License-Identifier: Apache-2.0
#pragma once
// The CPU backend: weights are used in place in the mapped file, and each phase is split over a
// thread pool by output, so that no sum depends on the number of threads.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/backend/cpu/activation_buffer.hpp"
#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/attention/paged_attention.hpp"
#include "tutti/backend/cpu/attention/rope.hpp"
#include "tutti/backend/cpu/embedding.hpp"
#include "tutti/backend/cpu/float_matrix.hpp"
#include "tutti/backend/cpu/kernels.hpp"
#include "tutti/backend/cpu/linear_jobs.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/base/threads/thread_pool.hpp"
#include "tutti/version.hpp"

namespace tutti {

struct CpuOptions {
  std::size_t threads = 0;  ///< 0 means one per hardware thread.
  /// Lets bfloat16 weights multiply activations rounded to bfloat16, as PyTorch and ggml do with
  /// such models, instead of floats: up to twice as fast on processors with AVX-512 BF16, without
  /// effect on others. Relative error of an activation 2^-9.
  bool round_to_bfloat16 = false;
  /// The kernels to use; none: those of instruction_set(). Results have the same bits on all
  /// processors that run the same instruction set.
  std::optional<InstructionSet> instruction_set = std::nullopt;
};

inline namespace TUTTI_ABI {

/// Satisfies Backend. Movable; its threads sleep while nothing is computed.
class Cpu {
 public:
  using Options = CpuOptions;
  using Linear = std::vector<LinearWeights>;  ///< One layer's weights of each expert, as views.
  using Norm = std::vector<NormWeights>;      ///< One layer's norm of each expert.
  using Rows = cpu::FloatMatrix;
  using KvStorage = cpu::KvStorage;

  explicit Cpu(Options options = {})
      : kernels_(options.instruction_set ? &cpu::kernels_of(*options.instruction_set)
                                         : &cpu::default_kernels()),
        pool_(std::make_unique<ThreadPool>(options.threads)),
        activations_(options.round_to_bfloat16, *kernels_) {
#if defined(TUTTI_COMPILED)
    tutti::detail::check_compiled_version(TUTTI_VERSION_MAJOR, TUTTI_VERSION_MINOR,
                                          TUTTI_VERSION_PATCH);
#endif
  }

  /// Which kernels this backend uses.
  [[nodiscard]] InstructionSet instruction_set() const { return kernels_->instruction_set; }

  [[nodiscard]] std::size_t threads() const { return pool_->size(); }

  [[nodiscard]] Linear make_linear(std::span<const LinearWeights* const> experts) const {
    Linear linear;
    for (const LinearWeights* expert : experts) linear.push_back(*expert);
    return linear;
  }
  [[nodiscard]] Norm make_norm(std::span<const NormWeights* const> experts) const {
    Norm norm;
    for (const NormWeights* expert : experts) norm.push_back(*expert);
    return norm;
  }
  [[nodiscard]] Rows make_rows(std::size_t capacity, std::size_t width) const {
    return Rows(capacity, width);
  }
  [[nodiscard]] KvStorage make_pages(const KvShape& shape) const {
    return KvStorage(shape, *kernels_);
  }
  void reserve_pages(KvStorage& pages, std::size_t count) const { pages.reserve(count); }
  void copy_pages(KvStorage& pages, std::span<const PageCopy> copies) {
    pool_->for_each(copies.size(), [&](std::size_t i) { pages.copy(copies[i]); });
  }
  void release_pages(KvStorage& pages, std::span<const PageId> unused) const {
    pages.release(unused);
  }
  [[nodiscard]] MatrixView<const float> host(const Rows& rows, std::size_t count) const {
    return rows.view().middle_rows(0, count);
  }

  void begin(const Batch& batch, std::span<const std::vector<float>> rope_frequencies) {
    rope_.compute(batch.rows, rope_frequencies);
  }

  void embed(const EmbeddingPhase<Linear>& embedding, const Batch& batch, Rows& x) {
    if (embedding.positions != nullptr) scratch_.reset(batch.size(), x.width());
    for_rows(batch.size(), x.width(), [&](std::size_t r) {
      const Row& row = batch.rows[r];
      const std::span<float> out(x.row(r), x.width());
      cpu::embed(embedding.tokens[row.expert].weight, row.token, out.data());
      if (embedding.scale != 1.0F) kernels_->multiply(out, embedding.scale);
      if (embedding.positions == nullptr) return;
      cpu::embed((*embedding.positions)[row.expert].weight, static_cast<Token>(row.position),
                 scratch_.row(r));
      kernels_->add(out, scratch_.row(r));
    });
  }

  void attention_input(const AttentionPhase<Linear, Norm>& phase, const AttentionShape& shape,
                       std::size_t layer, const Batch& batch, const Rows& x, KvStorage& pages,
                       Rows& q) {
    normalize(phase.norm, {&phase.query, &phase.key, &phase.value}, batch, x);
    key_.reset(batch.size(), shape.kv_heads * shape.head_dim);
    value_.reset(batch.size(), shape.kv_heads * shape.head_dim);
    jobs_.clear();
    jobs_.add(phase.query, batch.groups, activations_, q.view());
    jobs_.add(phase.key, batch.groups, activations_, key_.view());
    jobs_.add(phase.value, batch.groups, activations_, value_.view());
    jobs_.run(*pool_, *kernels_);
    for_rows(batch.size(), q.width(), [&](std::size_t r) {
      const std::uint32_t expert = batch.rows[r].expert;
      if (phase.query_norm)
        normalize_heads(*phase.query_norm, expert, q.row(r), shape.heads, shape.head_dim);
      if (phase.key_norm)
        normalize_heads(*phase.key_norm, expert, key_.row(r), shape.kv_heads, shape.head_dim);
      rope_.rotate(r, q.row(r), shape.heads, shape, *kernels_);
      rope_.rotate(r, key_.row(r), shape.kv_heads, shape, *kernels_);
      pages.write(batch.slots[r], layer, key_.row(r), value_.row(r));
    });
  }

  void attend(const AttentionShape& shape, std::size_t layer, const Batch& batch,
              const KvStorage& pages, Rows& q, Rows& out) {
    cpu::attend_pages(shape, layer, batch, pages, q.view(), out.view(), *pool_, *kernels_);
  }

  void add_linear(const ResidualPhase<Linear, Norm>& phase, const Batch& batch, const Rows& in,
                  Rows& x) {
    prepare(phase.linear, batch.size(), in);
    jobs_.clear();
    if (phase.norm) scratch_.reset(batch.size(), x.width());
    jobs_.add(phase.linear, batch.groups, activations_, phase.norm ? scratch_.view() : x.view(),
              !phase.norm);
    jobs_.run(*pool_, *kernels_);
    if (!phase.norm) return;
    for_rows(batch.size(), x.width(), [&](std::size_t r) {
      normalize_row(*phase.norm, batch.rows[r].expert, std::span(scratch_.row(r), x.width()),
                    scratch_.row(r));
      kernels_->add(std::span(x.row(r), x.width()), scratch_.row(r));
    });
  }

  void mlp_input(const MlpPhase<Linear, Norm>& phase, const Batch& batch, const Rows& x,
                 Rows& out) {
    const bool gated = phase.gate != nullptr;
    normalize(phase.norm, {gated ? phase.gate : &phase.up, &phase.up}, batch, x);
    jobs_.clear();
    jobs_.add(gated ? *phase.gate : phase.up, batch.groups, activations_, out.view());
    if (gated) {
      up_.reset(batch.size(), out.width());
      jobs_.add(phase.up, batch.groups, activations_, up_.view());
    }
    jobs_.run(*pool_, *kernels_);
    for_rows(batch.size(), out.width(), [&](std::size_t r) {
      const std::span<float> row(out.row(r), out.width());
      if (gated) {
        kernels_->gated_unit(phase.activation, row, up_.row(r), row.data());
      } else {
        kernels_->activate(phase.activation, row);
      }
    });
  }

  void final_norm(const NormPhase<Norm>& norm, std::span<const RowGroup> groups,
                  std::span<const std::uint32_t> outputs, const Rows& x, Rows& out) {
    for (const RowGroup& group : groups) {
      for_rows(group.count, x.width(), [&](std::size_t i) {
        const std::size_t r = group.first + i;
        normalize_row(norm, group.expert, std::span(x.row(outputs[r]), x.width()), out.row(r));
      });
    }
  }

  void head(const Linear& linear, std::span<const RowGroup> groups, const Rows& in, Rows& out,
            std::size_t first) {
    const std::size_t rows = groups.empty() ? 0 : groups.back().first + groups.back().count;
    prepare(linear, rows, in);
    jobs_.clear();
    jobs_.add(linear, groups, activations_, out.view().middle_rows(first, rows));
    jobs_.run(*pool_, *kernels_);
  }

  void log_probabilities(const Rows& logits, std::span<const Token> targets,
                         std::span<float> result) {
    pool_->for_each(targets.size(), [&](std::size_t r) {
      result[r] = log_probability_of(logits.view().row_span(r), targets[r]);
    });
  }

  template <class Body>
  void for_each(std::size_t count, Body&& body) {
    pool_->for_each(count, body);
  }

 private:
  /// Below this many floats one thread finishes a phase sooner than the others can be woken.
  static constexpr std::size_t kSerialFloats = 8192;

  template <class Body>
  void for_rows(std::size_t rows, std::size_t width, Body body) {
    if (rows * width < kSerialFloats) {
      for (std::size_t r = 0; r < rows; ++r) body(r);
    } else {
      pool_->for_each(rows, body);
    }
  }

  void normalize_row(const NormPhase<Norm>& norm, std::uint32_t expert, std::span<const float> x,
                     float* out) const {
    const NormWeights& weights = norm.weight[expert];
    if (norm.kind == NormKind::rms) {
      kernels_->rms_norm(x, weights.weight, norm.epsilon, out);
    } else {
      kernels_->layer_norm(x, weights.weight, weights.bias, norm.epsilon, out);
    }
  }

  /// Normalizes each of the `heads` heads at `x`, in place.
  void normalize_heads(const NormPhase<Norm>& norm, std::uint32_t expert, float* x,
                       std::size_t heads, std::size_t head_dim) const {
    for (std::size_t h = 0; h < heads; ++h)
      normalize_row(norm, expert, std::span(x + h * head_dim, head_dim), x + h * head_dim);
  }

  /// Normalized rows, prepared for the types of all `readers`.
  void normalize(const NormPhase<Norm>& norm, std::initializer_list<const Linear*> readers,
                 const Batch& batch, const Rows& x) {
    activations_.reset(batch.size(), x.width(), cpu::types_read(readers));
    for_rows(batch.size(), x.width(), [&](std::size_t r) {
      normalize_row(norm, batch.rows[r].expert, std::span(x.row(r), x.width()),
                    activations_.row(r));
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

  const cpu::Kernels* kernels_;
  std::unique_ptr<ThreadPool> pool_;
  cpu::RopeAngles rope_;
  cpu::ActivationBuffer activations_;
  cpu::FloatMatrix key_, value_, up_;
  cpu::FloatMatrix scratch_;  ///< Positions to add to an embedding, or a product to norm.
  cpu::LinearJobs jobs_;
};

static_assert(Backend<Cpu>);

}  // namespace TUTTI_ABI
}  // namespace tutti
