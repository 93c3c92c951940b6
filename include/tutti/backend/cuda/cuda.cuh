// SPDX-License-Identifier: Apache-2.0
#pragma once
// The backend that runs on a GPU: the weights of all experts in device memory, each phase of a layer a few launches that serve
// every row of every expert. Its results do not equal the Cpu backend's to the bit, but here too a row's bits do not depend on
// the other rows of its batch.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tutti/backend/concept.hpp"
#include "tutti/backend/cuda/attention.cuh"
#include "tutti/backend/cuda/groups.cuh"
#include "tutti/backend/cuda/kernels/elementwise.cuh"
#include "tutti/backend/cuda/kernels/product.cuh"
#include "tutti/backend/cuda/parts.cuh"
#include "tutti/core/thread_pool.hpp"

namespace tutti {

struct CudaOptions {
  int device = 0;                ///< Which GPU, as CUDA numbers them.
  std::size_t host_threads = 0;  ///< For work on the host, such as drawing tokens; 0 takes as many as the machine has.
};

/// Satisfies Backend. Movable.
class Cuda {
 public:
  using Options = CudaOptions;
  using Linear = cuda::Linear;
  using Norm = cuda::Norm;
  using Rows = cuda::Rows;
  using KvPages = cuda::KvPages;

  /// @throws DeviceError when there is no such device, or no driver that can use it.
  explicit Cuda(Options options = {}) : device_(select(options.device)), pool_(std::make_unique<ThreadPool>(options.host_threads)) {}

  /// @throws ModelError when the experts keep the layer in different types, DeviceError when there is no room.
  [[nodiscard]] Linear make_linear(std::span<const LinearWeights* const> experts) {
    activate();
    std::vector<const WeightMatrix*> weights, a, b;
    for (const LinearWeights* expert : experts) {
      weights.push_back(expert->weight.rows == 0 ? nullptr : &expert->weight);  // a part that the family does not have
      a.push_back(expert->delta ? &expert->delta->a : nullptr);
      b.push_back(expert->delta ? &expert->delta->b : nullptr);
    }
    Linear linear;
    stack_biases(experts, linear);
    linear.weights = stack(weights, [&](std::size_t i, std::size_t j) { return experts[i]->bias == experts[j]->bias; });
    const auto alike = [](std::size_t, std::size_t) { return true; };
    linear.low_rank_a = stack(a, alike);
    linear.low_rank_b = stack(b, alike);
    return linear;
  }

  [[nodiscard]] Norm make_norm(std::span<const NormWeights* const> experts) {
    activate();
    std::vector<float> weights, biases;
    for (const NormWeights* expert : experts) {
      weights.insert(weights.end(), expert->weight.begin(), expert->weight.end());
      biases.insert(biases.end(), expert->bias.begin(), expert->bias.end());
    }
    return {cuda::upload(std::span<const float>(weights), stream_), cuda::upload(std::span<const float>(biases), stream_),
            static_cast<std::uint32_t>(experts.front()->weight.size())};
  }

  [[nodiscard]] Rows make_rows(std::size_t capacity, std::size_t width) {
    activate();
    return Rows(capacity, width, stream_);
  }
  [[nodiscard]] KvPages make_pages(const KvShape& shape) const { return KvPages(shape); }
  void reserve_pages(KvPages& pages, std::size_t count) {
    activate();
    pages.reserve(count, stream_);
  }

  /// Waits for the device. The view is valid until the next call for the same rows.
  [[nodiscard]] MatrixView<const float> host(const Rows& rows) const {
    activate();
    return rows.download(stream_);
  }

  void begin(const Batch& batch, std::span<const std::vector<float>> rope_frequencies) {
    activate();
    groups_.begin(batch.groups, stream_);
    attention_.begin(batch, rope_frequencies, stream_);
  }

  void embed(const EmbeddingPhase<Linear>& embedding, const Batch& batch, Rows& x) {
    cuda::with_device_type(embedding.tokens.weights.type, [&](auto type) {
      cuda::launch(row_shape(batch.size()), stream_.get(), cuda::embed_kernel<decltype(type)::value, cuda::kRowThreads>,
                   view(embedding.tokens), attention_.rows(), embedding.scale, x.view());
    });
    if (embedding.positions == nullptr) return;
    cuda::with_device_type(embedding.positions->weights.type, [&](auto type) {
      cuda::launch(row_shape(batch.size()), stream_.get(), cuda::add_positions_kernel<decltype(type)::value, cuda::kRowThreads>,
                   view(*embedding.positions), attention_.rows(), x.view());
    });
  }

  void attention_input(const AttentionPhase<Linear, Norm>& phase, const AttentionShape& shape, std::size_t layer, const Batch& batch,
                       const Rows& x, KvPages& pages, Rows& q) {
    normalise(phase.norm, batch.size(), x);
    key_.reset(x.capacity(), shape.kv_heads * shape.head_dim, stream_);
    value_.reset(x.capacity(), shape.kv_heads * shape.head_dim, stream_);
    multiply(phase.query, normed_, q);
    multiply(phase.key, normed_, key_);
    multiply(phase.value, normed_, value_);
    if (phase.query_norm) normalise_heads(*phase.query_norm, batch.size(), shape.heads, q);
    if (phase.key_norm) normalise_heads(*phase.key_norm, batch.size(), shape.kv_heads, key_);
    attention_.append(device_shape(shape, layer), shape.rope_set.value_or(0), batch, pages, q, key_, value_, stream_);
  }

  void attend(const AttentionShape& shape, std::size_t layer, const Batch& batch, const KvPages& pages, Rows& q, Rows& out) {
    attention_.attend(device_shape(shape, layer), shape.window, batch, pages, q, out, stream_);
  }

  void add_linear(const ResidualPhase<Linear, Norm>& phase, const Batch& batch, const Rows& in, Rows& x) {
    if (!phase.norm) return multiply(phase.linear, in, x, true);
    product_.reset(x.capacity(), x.width(), stream_);
    multiply(phase.linear, in, product_);
    apply(*phase.norm, batch.size(), nullptr, product_, x, true);
  }

  void mlp_input(const MlpPhase<Linear, Norm>& phase, const Batch& batch, const Rows& x, Rows& out) {
    normalise(phase.norm, batch.size(), x);
    multiply(phase.gate != nullptr ? *phase.gate : phase.up, normed_, out);
    cuda::DeviceRows up;
    if (phase.gate != nullptr) {
      up_.reset(x.capacity(), out.width(), stream_);
      multiply(phase.up, normed_, up_);
      up = up_.view();
    }
    cuda::launch(row_shape(batch.size()), stream_.get(), cuda::activate_kernel<cuda::kRowThreads>, phase.activation, out.view(), up,
                 static_cast<std::uint32_t>(out.width()));
  }

  /// Gathers: row i of `out` is the normalised row outputs[i] of `x`.
  void final_norm(const NormPhase<Norm>& norm, std::span<const RowGroup>, std::span<const std::uint32_t> outputs, const Rows& x,
                  Rows& out) {
    if (outputs.empty()) return;
    outputs_.grow(outputs.size());
    outputs_.upload(outputs, stream_);
    apply(norm, outputs.size(), outputs_.data(), x, out, false);
  }

  /// Rows [first, first + rows of `groups`) of `out` get the products.
  void head(const Linear& linear, std::span<const RowGroup> groups, const Rows& in, Rows& out, std::size_t first) {
    const auto list = [&](std::uint32_t pattern) { return groups_.upload_others(groups, pattern, stream_); };
    multiply(linear, list, in, out, first, false);
  }

  /// Waits for the device.
  /// @throws NumericError for a row with a NaN or an infinity.
  void log_probabilities(const Rows& logits, std::span<const Token> targets, std::span<float> result) {
    if (targets.empty()) return;
    targets_.grow(targets.size());
    targets_.upload(targets, stream_);
    results_.grow(targets.size());
    cuda::launch(row_shape(targets.size()), stream_.get(), cuda::log_probability_kernel<cuda::kRowThreads>, logits.view(),
                 static_cast<std::uint32_t>(logits.width()), targets_.data(), results_.data());
    results_host_.download(results_, targets.size(), stream_);
    stream_.wait();
    std::copy_n(results_host_.data(), targets.size(), result.begin());
    for (std::size_t r = 0; r < targets.size(); ++r) {
      require<NumericError>(!std::isnan(result[r]), "row ", r, " of ", targets.size(),
                            " has a logit that is NaN or infinite: check the model's weights");
    }
  }

  template <class Body>
  void for_each(std::size_t count, Body&& body) {
    pool_->for_each(count, body);
  }

 private:
  static int select(int device) {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess) {
      (void)cudaGetLastError();
      fail<DeviceError>("no GPU can be used: ", cudaGetErrorName(error), " (", cudaGetErrorString(error),
                        "); install a driver that is new enough, or use the Cpu backend");
    }
    require<DeviceError>(device >= 0 && device < count, "there is no device ", device, " among ", count,
                         ": CudaOptions::device counts from 0");
    cuda::check(cudaSetDevice(device), "choosing a device");
    return device;
  }

  /// Another backend of the same thread may have chosen another device.
  void activate() const { cuda::check(cudaSetDevice(device_), "choosing a device"); }

  static cuda::LaunchShape row_shape(std::size_t rows) { return {dim3(static_cast<unsigned>(rows)), dim3(cuda::kRowThreads)}; }

  static cuda::DeviceAttention device_shape(const AttentionShape& shape, std::size_t layer) {
    return {.layer = static_cast<std::uint32_t>(layer),
            .heads = static_cast<std::uint32_t>(shape.heads),
            .kv_heads = static_cast<std::uint32_t>(shape.kv_heads),
            .head_dim = static_cast<std::uint32_t>(shape.head_dim),
            .interleaved = shape.pairing == RopePairing::interleaved,
            .turned = shape.rope_set.has_value(),
            .scale = shape.scale};
  }

  static cuda::DeviceLinear view(const Linear& linear) { return {linear.weights.table.data(), linear.biases.data()}; }

  void stack_biases(std::span<const LinearWeights* const> experts, Linear& linear) {
    std::vector<float> values;
    std::vector<std::size_t> begins;
    for (const LinearWeights* expert : experts) {
      begins.push_back(values.size());
      values.insert(values.end(), expert->bias.begin(), expert->bias.end());
    }
    if (values.empty()) return;
    linear.bias_values = cuda::upload(std::span<const float>(values), stream_);
    std::vector<const float*> pointers;
    for (std::size_t e = 0; e < experts.size(); ++e) {
      pointers.push_back(experts[e]->bias.empty() ? nullptr : linear.bias_values.data() + begins[e]);
    }
    linear.biases = cuda::upload(std::span<const float* const>(pointers), stream_);
  }

  /// @param alike(i, j) whether experts i and j with the same matrix make one group.
  template <class Alike>
  [[nodiscard]] cuda::StackedMatrices stack(std::span<const WeightMatrix* const> experts, Alike alike) {
    cuda::StackedMatrices stacked;
    std::vector<cuda::DeviceMatrix> table;
    cuda::SharingPattern pattern;
    std::size_t first = experts.size();
    for (std::size_t e = 0; e < experts.size(); ++e) {
      stacked.stored.push_back(experts[e] == nullptr ? nullptr : store_.get(*experts[e], stream_));
      table.push_back(experts[e] == nullptr ? cuda::DeviceMatrix{} : stacked.stored[e]->view());
      pattern.push_back(cuda::kNoWeights);
      if (experts[e] == nullptr) continue;
      const DType type = cuda::device_type(experts[e]->type);
      if (first == experts.size()) {
        first = e;
        stacked.type = type;
      }
      require<ModelError>(type == stacked.type, "expert ", e, " keeps a layer in ", layout_of(type).name, ", expert ", first, " in ",
                          layout_of(stacked.type).name, ": convert the experts to one type with LoadOptions::storage");
      stacked.outputs = std::max(stacked.outputs, table.back().rows);
      std::size_t same = 0;
      while (stacked.stored[same] != stacked.stored[e] || !alike(same, e)) ++same;
      pattern.back() = static_cast<std::uint32_t>(same);
    }
    stacked.table = cuda::upload(std::span<const cuda::DeviceMatrix>(table), stream_);
    stacked.pattern = groups_.number_of(pattern);
    return stacked;
  }

  static cuda::DeviceNorm view(const NormPhase<Norm>& norm) {
    return {norm.weight.weights.data(), norm.weight.biases.data(), norm.weight.width, norm.epsilon, norm.kind == NormKind::layer};
  }

  /// out[i] (+)= norm of x[sources[i]], or of x[i] without sources.
  void apply(const NormPhase<Norm>& norm, std::size_t count, const std::uint32_t* sources, const Rows& x, const Rows& out,
             bool accumulate) {
    cuda::launch(row_shape(count), stream_.get(), cuda::norm_kernel<cuda::kRowThreads>, view(norm), attention_.rows(), sources, x.view(),
                 out.view(), accumulate);
  }

  /// normed_[r] = norm of x[r].
  void normalise(const NormPhase<Norm>& norm, std::size_t rows, const Rows& x) {
    normed_.reset(x.capacity(), x.width(), stream_);
    apply(norm, rows, nullptr, x, normed_, false);
  }

  void normalise_heads(const NormPhase<Norm>& norm, std::size_t rows, std::size_t heads, const Rows& x) {
    cuda::launch({dim3(static_cast<unsigned>(rows), static_cast<unsigned>(heads)), dim3(cuda::kWarpThreads)}, stream_.get(),
                 cuda::head_norm_kernel<cuda::kWarpThreads>, view(norm), attention_.rows(), x.view());
  }

  /// out[first + r] (+)= W in[r] + bias + B A in[r]. `list(pattern)` gives the groups of the rows.
  template <class List>
  void multiply(const Linear& linear, List list, const Rows& in, const Rows& out, std::size_t first, bool accumulate) {
    cuda::enqueue_product(linear.weights.type, view(linear), linear.weights.outputs, list(linear.weights.pattern), in.view(),
                          out.view(first), accumulate, stream_.get());
    if (!linear.has_deltas()) return;
    low_rank_.reset(in.capacity(), linear.low_rank_a.outputs, stream_);
    low_rank_.set_zero(stream_);  // ranks may differ, and what lies behind a shorter one is multiplied by zero
    cuda::enqueue_product(linear.low_rank_a.type, {linear.low_rank_a.table.data(), nullptr}, linear.low_rank_a.outputs,
                          list(linear.low_rank_a.pattern), in.view(), low_rank_.view(), false, stream_.get());
    cuda::enqueue_product(linear.low_rank_b.type, {linear.low_rank_b.table.data(), nullptr}, linear.low_rank_b.outputs,
                          list(linear.low_rank_b.pattern), low_rank_.view(), out.view(first), true, stream_.get());
  }
  void multiply(const Linear& linear, const Rows& in, const Rows& out, bool accumulate = false) {
    multiply(
        linear, [&](std::uint32_t pattern) { return groups_.list(pattern); }, in, out, 0, accumulate);
  }

  int device_;
  std::unique_ptr<ThreadPool> pool_;
  cuda::Stream stream_;
  cuda::MatrixStore store_;
  cuda::BatchGroups groups_;
  cuda::BatchAttention attention_;
  cuda::Rows normed_, key_, value_, up_, product_, low_rank_;
  cuda::DeviceArray<std::uint32_t> outputs_;
  cuda::DeviceArray<Token> targets_;
  cuda::DeviceArray<float> results_;
  cuda::PinnedArray<float> results_host_;
};

static_assert(Backend<Cuda>);

}  // namespace tutti
