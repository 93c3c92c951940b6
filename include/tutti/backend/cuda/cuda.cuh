// SPDX-License-Identifier: Apache-2.0
#pragma once
// The backend that runs on a GPU: the weights of all experts are in device memory, and each phase
// of a layer is a few launches for all rows of all experts. Its results differ from the Cpu
// backend's by roundings; as there, a row's bits do not depend on the other rows of its batch.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/backend/cuda/attention.cuh"
#include "tutti/backend/cuda/device_check.cuh"
#include "tutti/backend/cuda/device_decoding.cuh"
#include "tutti/backend/cuda/device_types.cuh"
#include "tutti/backend/cuda/kernels/elementwise.cuh"
#include "tutti/backend/cuda/kernels/probability.cuh"
#include "tutti/backend/cuda/linear_launcher.cuh"
#include "tutti/base/threads/thread_pool.hpp"

namespace tutti {

struct CudaOptions {
  int device = 0;  ///< Index of the GPU in CUDA's order.
  /// Threads for work on the host, such as drawing tokens; 0: one per processor.
  std::size_t host_threads = 0;
  /// Decode steps per poll of the host, when it collects the tokens; 0: the host draws.
  std::size_t steps_per_poll = 8;
  /// Use cuBLAS for prefill and scoring when a pass has at least this many rows per weight matrix;
  /// 0: never. Activations are then rounded to the type of the weights (f16 ends at 65504), and a
  /// row's bits may depend on the other rows, so that results repeat only for the same requests on
  /// the same device. Decoding and quantized weights never use it.
  std::size_t cublas_rows = 0;
};

/// Satisfies Backend. Movable.
class Cuda {
 public:
  using Options = CudaOptions;
  using Linear = cuda::Linear;
  using Norm = cuda::Norm;
  using Rows = cuda::Rows;
  using KvStorage = cuda::KvStorage;

  /// @throws DeviceError when there is no such device, or this program cannot use it; see
  /// device_check.cuh.
  explicit Cuda(Options options = {})
      : device_(cuda::select_device(options.device)),
        steps_per_poll_(options.steps_per_poll),
        pool_(std::make_unique<ThreadPool>(options.host_threads)) {
    if (options.cublas_rows > 0) products_.use_cublas(options.cublas_rows, stream_);
  }

  /// @throws ModelError when the experts keep the layer in different types, DeviceError when there
  /// is no room.
  [[nodiscard]] Linear make_linear(std::span<const LinearWeights* const> experts) {
    activate();
    return products_.make(experts, stream_, pool_.get());
  }

  [[nodiscard]] Norm make_norm(std::span<const NormWeights* const> experts) {
    activate();
    std::vector<float> weights, biases;
    for (const NormWeights* expert : experts) {
      weights.insert(weights.end(), expert->weight.begin(), expert->weight.end());
      biases.insert(biases.end(), expert->bias.begin(), expert->bias.end());
    }
    return {cuda::upload(std::span<const float>(weights), stream_),
            cuda::upload(std::span<const float>(biases), stream_),
            static_cast<std::uint32_t>(experts.front()->weight.size())};
  }

  [[nodiscard]] Rows make_rows(std::size_t capacity, std::size_t width) {
    activate();
    return Rows(capacity, width, stream_);
  }
  [[nodiscard]] KvStorage make_pages(const KvShape& shape) const { return KvStorage(shape); }
  void reserve_pages(KvStorage& pages, std::size_t count) {
    activate();
    pages.reserve(count, stream_);
  }
  void copy_pages(KvStorage& pages, std::span<const PageCopy> copies) {
    activate();
    pages.copy(copies, stream_);
  }
  void release_pages(KvStorage& pages, std::span<const PageId> unused) {
    activate();
    pages.release(unused);
  }

  /// Waits for the device. The view of the first `count` rows is valid until the next call for
  /// `rows`.
  [[nodiscard]] MatrixView<const float> host(const Rows& rows, std::size_t count) const {
    activate();
    return rows.download(count, stream_);
  }

  void begin(const Batch& batch, std::span<const std::vector<float>> rope_frequencies) {
    activate();
    products_.begin(batch.groups, stream_);
    attention_.begin(batch, rope_frequencies, stream_);
  }

  void embed(const EmbeddingPhase<Linear>& embedding, const Batch& batch, Rows& x) {
    cuda::with_device_type(embedding.tokens.weights.type, [&](auto type) {
      cuda::launch(row_shape(batch.size()), stream_.get(),
                   cuda::embed_kernel<decltype(type)::value, cuda::kRowThreads>,
                   view(embedding.tokens), attention_.rows(), embedding.scale, x.view());
    });
    if (embedding.positions == nullptr) return;
    cuda::with_device_type(embedding.positions->weights.type, [&](auto type) {
      cuda::launch(row_shape(batch.size()), stream_.get(),
                   cuda::add_positions_kernel<decltype(type)::value, cuda::kRowThreads>,
                   view(*embedding.positions), attention_.rows(), x.view());
    });
  }

  void attention_input(const AttentionPhase<Linear, Norm>& phase, const AttentionShape& shape,
                       std::size_t layer, const Batch& batch, const Rows& x, KvStorage& pages,
                       Rows& q) {
    using End = cuda::ProductEnd;
    const cuda::CacheEntry entry = attention_.entry(device_shape(shape, layer),
                                                    shape.rope_set.value_or(0), pages);
    cuda::ProductInput input = input_of(x, batch, &phase.norm);
    if (!phase.query_norm && !phase.key_norm) {
      input.entry = entry;
      const cuda::Product products[] = {{phase.query, q.view(), End::query},
                                        {phase.key, {}, End::key},
                                        {phase.value, {}, End::value}};
      return products_.run(input, products, stream_);
    }
    // A head's norm needs the whole head, of which a warp has only a pair of elements.
    key_.reset(x.capacity(), shape.kv_heads * shape.head_dim, stream_);
    value_.reset(x.capacity(), shape.kv_heads * shape.head_dim, stream_);
    const cuda::Product products[] = {
        {phase.query, q.view()}, {phase.key, key_.view()}, {phase.value, value_.view()}};
    products_.run(input, products, stream_);
    const auto view_of = [](const auto& norm) { return norm ? view(*norm) : cuda::DeviceNorm{}; };
    cuda::launch({dim3(static_cast<unsigned>(batch.size()),
                       static_cast<unsigned>(shape.heads + 2 * shape.kv_heads)),
                  dim3(cuda::kWarpThreads)},
                 stream_.get(), cuda::append_kernel<cuda::kWarpThreads>, entry,
                 view_of(phase.query_norm), view_of(phase.key_norm), attention_.rows(), q.view(),
                 key_.view(), value_.view());
  }

  void attend(const AttentionShape& shape, std::size_t layer, const Batch& batch,
              const KvStorage& pages, Rows& q, Rows& out) {
    attention_.attend(device_shape(shape, layer), shape.window, batch, pages, q, out, stream_);
  }

  void add_linear(const ResidualPhase<Linear, Norm>& phase, const Batch& batch, const Rows& in,
                  Rows& x) {
    if (!phase.norm)
      return run(in, batch, nullptr, {phase.linear, x.view(), cuda::ProductEnd::add});
    product_.reset(x.capacity(), x.width(), stream_);
    run(in, batch, nullptr, {phase.linear, product_.view()});
    apply(*phase.norm, batch.size(), nullptr, product_, x, true);
  }

  void mlp_input(const MlpPhase<Linear, Norm>& phase, const Batch& batch, const Rows& x,
                 Rows& out) {
    using End = cuda::ProductEnd;
    if (phase.gate == nullptr)
      return run(x, batch, &phase.norm,
                 {phase.up, out.view(), End::activate, nullptr, phase.activation});
    run(x, batch, &phase.norm, {*phase.gate, out.view(), End::gate, &phase.up, phase.activation});
  }

  /// Gathers: row i of `out` is the normalized row outputs[i] of `x`.
  void final_norm(const NormPhase<Norm>& norm, std::span<const RowGroup>,
                  std::span<const std::uint32_t> outputs, const Rows& x, Rows& out) {
    if (outputs.empty()) return;
    if (attention_.moving())
      return apply(norm, outputs.size(), nullptr, x, out, false);  // all rows have outputs
    outputs_.assign(outputs, stream_);
    apply(norm, outputs.size(), outputs_.data(), x, out, false);
  }

  /// Rows [first, first + rows of `groups`) of `out` get the products.
  void head(const Linear& linear, std::span<const RowGroup> groups, const Rows& in, Rows& out,
            std::size_t first) {
    std::vector<Row> rows;
    if (attention_.moving()) {
      const cuda::Product product{linear, out.view(first)};
      return products_.run({in, {}, attention_.rows()}, {&product, 1}, stream_);
    }
    for (const RowGroup& group : groups)
      rows.insert(rows.end(), group.count, Row{group.expert, 0, 0, 0});
    output_rows_.assign(rows, stream_);
    products_.run({in, {}, output_rows_.data(), rows.size()}, {linear, out.view(first)}, groups,
                  stream_);
  }

  /// Waits for the device.
  /// @throws NumericError for a row with a NaN or an infinity.
  void log_probabilities(const Rows& logits, std::span<const Token> targets,
                         std::span<float> result) {
    if (targets.empty()) return;
    targets_.assign(targets, stream_);
    results_.grow(targets.size(), stream_);
    cuda::launch(row_shape(targets.size(), cuda::kLogitThreads), stream_.get(),
                 cuda::log_probability_kernel<cuda::kLogitThreads>, logits.view(),
                 static_cast<std::uint32_t>(logits.width()), targets_.data(), results_.data());
    results_host_.download(results_, targets.size(), stream_);
    stream_.wait();
    std::copy_n(results_host_.data(), targets.size(), result.begin());
    for (std::size_t r = 0; r < targets.size(); ++r) {
      require<NumericError>(!std::isnan(result[r]), "row ", r, " of ", targets.size(),
                            " has a logit that is NaN or infinite: check the model's weights");
    }
  }

  // DeviceDecoding.
  [[nodiscard]] std::size_t steps_per_poll() const { return steps_per_poll_; }
  void begin_decoding(const DecodingStart& start, const Batch& batch,
                      std::span<const std::vector<float>> rope_frequencies) {
    activate();
    products_.begin(batch.groups, stream_);
    attention_.begin_moving(batch, rope_frequencies, stream_);
    decoding_.begin(start, products_, attention_, stream_);
  }
  /// Waits for the device.
  template <class Step>
  std::span<const DrawnToken> decode(const Batch& batch, KvStorage& pages, Rows& logits,
                                     std::size_t steps, Step&& step) {
    activate();
    return decoding_.run(batch, attention_, pages.view().pages, logits, steps, stream_, [&] {
      attention_.compute_angles(batch.size(), stream_);
      step();
    });
  }

  template <class Body>
  void for_each(std::size_t count, Body&& body) {
    pool_->for_each(count, body);
  }

 private:
  /// Another backend of the same thread may have chosen another device.
  void activate() const { cuda::check(cudaSetDevice(device_), "choosing a device"); }

  static cuda::LaunchShape row_shape(std::size_t rows, unsigned threads = cuda::kRowThreads) {
    return {dim3(static_cast<unsigned>(rows)), dim3(threads)};
  }

  static cuda::DeviceAttention device_shape(const AttentionShape& shape, std::size_t layer) {
    return {.layer = static_cast<std::uint32_t>(layer),
            .heads = static_cast<std::uint32_t>(shape.heads),
            .kv_heads = static_cast<std::uint32_t>(shape.kv_heads),
            .head_dim = static_cast<std::uint32_t>(shape.head_dim),
            .interleaved = shape.pairing == RopePairing::interleaved,
            .rotary = shape.rope_set.has_value(),
            .scale = shape.scale};
  }

  static cuda::DeviceLinear view(const Linear& linear) {
    return {linear.weights.table.data(), linear.biases.data(), nullptr, {}};
  }

  static cuda::DeviceNorm view(const NormPhase<Norm>& norm) {
    return {norm.weight.weights.data(), norm.weight.biases.data(), norm.weight.width, norm.epsilon,
            norm.kind == NormKind::layer};
  }

  /// out[i] (+)= norm of x[sources[i]], or of x[i] without sources.
  void apply(const NormPhase<Norm>& norm, std::size_t count, const std::uint32_t* sources,
             const Rows& x, const Rows& out, bool accumulate) {
    cuda::launch(row_shape(count), stream_.get(), cuda::norm_kernel<cuda::kRowThreads>, view(norm),
                 attention_.rows(), sources, x.view(), out.view(), accumulate);
  }

  [[nodiscard]] cuda::ProductInput input_of(const Rows& x, const Batch& batch,
                                            const NormPhase<Norm>* norm) const {
    return {x, norm == nullptr ? cuda::DeviceNorm{} : view(*norm), attention_.rows(), batch.size()};
  }
  void run(const Rows& x, const Batch& batch, const NormPhase<Norm>* norm,
           const cuda::Product& product) {
    products_.run(input_of(x, batch, norm), {&product, 1}, stream_);
  }

  int device_;
  std::size_t steps_per_poll_;
  std::unique_ptr<ThreadPool> pool_;
  cuda::Stream stream_;
  cuda::Products products_;
  cuda::BatchAttention attention_;
  cuda::Decoding decoding_;
  cuda::Rows key_, value_, product_;
  cuda::DeviceArray<std::uint32_t> outputs_;
  cuda::DeviceArray<Row> output_rows_;
  cuda::DeviceArray<Token> targets_;
  cuda::DeviceArray<float> results_;
  cuda::PinnedArray<float> results_host_;
};

static_assert(Backend<Cuda> && DeviceDecoding<Cuda>);

}  // namespace tutti
