// SPDX-License-Identifier: Apache-2.0
#pragma once
// The interface of a backend: memory for weights, activations and KV cache pages, and the phases of
// a layer. Phases are coarse so that a backend can fuse operations inside them. All N experts go
// through every phase together. A phase takes any ragged batch, and the result of a row never
// depends on the other rows of the batch.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "tutti/architecture/layer_types.hpp"
#include "tutti/backend/batch.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/numeric/float16.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// How keys and values are stored in the cache.
enum class KvType : std::uint8_t { f32, f16, bf16 };

[[nodiscard]] constexpr std::size_t bytes_of(KvType type) { return type == KvType::f32 ? 4 : 2; }

/// Calls `function(T{})` with the element type that `type` names.
template <class Function>
void with_kv_type(KvType type, Function function) {
  switch (type) {
    case KvType::f32: return function(float{});
    case KvType::f16: return function(Float16{});
    case KvType::bf16: return function(BFloat16{});
  }
}

/// Shape of grouped-query attention: query head h reads key/value head h / (heads / kv_heads).
struct AttentionShape {
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  RopePairing pairing = RopePairing::halves;
  float scale = 1.0F;      ///< Applied to q . k.
  std::size_t window = 0;  ///< Positions a row attends to, including its own; 0 means all.
  /// Index of the set of frequencies passed to `begin`; none: no rotary embedding.
  std::optional<std::size_t> rope_set = 0;
};

/// Shape of the cache: one page holds kPagePositions keys and values of every layer and kv head.
struct KvShape {
  std::size_t layers = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  KvType type = KvType::f16;
  /// Pages that the cache may have; backends that allocate ahead stay below.
  std::size_t max_pages = std::numeric_limits<std::size_t>::max();

  [[nodiscard]] std::size_t page_bytes() const {
    return layers * kv_heads * 2 * head_dim * kPagePositions * bytes_of(type);
  }
};

// Differences between model families are passed to the phases in these structs.

/// RMSNorm: x / sqrt(mean(x^2) + epsilon) * weight. LayerNorm: the same of x - mean(x), + bias. One
/// weight (and bias) per expert.
template <class Norm>
struct NormPhase {
  const Norm& weight;
  float epsilon = 0.0F;
  NormKind kind = NormKind::rms;
};

/// x = scale * tokens[token] + positions[position].
template <class Linear>
struct EmbeddingPhase {
  const Linear& tokens;
  const Linear* positions = nullptr;
  float scale = 1.0F;
};

/// q, k, v = W n + bias with n = norm(x). Then q and k are normalized per head, if they have norms,
/// and rotated.
template <class Linear, class Norm>
struct AttentionPhase {
  NormPhase<Norm> norm;
  const Linear& query;
  const Linear& key;
  const Linear& value;
  std::optional<NormPhase<Norm>> query_norm;
  std::optional<NormPhase<Norm>> key_norm;
};

/// out = act(W_gate n) * (W_up n), or act(W_up n) without a gate, with n = norm(x).
template <class Linear, class Norm>
struct MlpPhase {
  NormPhase<Norm> norm;
  const Linear* gate = nullptr;
  const Linear& up;
  Activation activation = Activation::silu;
};

/// x += W in, or x += norm(W in).
template <class Linear, class Norm>
struct ResidualPhase {
  const Linear& linear;
  std::optional<NormPhase<Norm>> norm;
};

/// A backend. `Linear` and `Norm` hold one layer's weights of all N experts, `Rows` a [capacity,
/// width] float matrix of activations, `KvStorage` the cache memory.
template <class B>
concept Backend = requires(B& b, const Batch& batch, typename B::Linear& linear,
                           typename B::Rows& rows, typename B::KvStorage& pages,
                           std::span<const LinearWeights* const> experts,
                           std::span<const NormWeights* const> norms,
                           const EmbeddingPhase<typename B::Linear>& embedding,
                           const NormPhase<typename B::Norm>& norm_phase,
                           const AttentionPhase<typename B::Linear, typename B::Norm>& attention,
                           const MlpPhase<typename B::Linear, typename B::Norm>& mlp,
                           const ResidualPhase<typename B::Linear, typename B::Norm>& residual,
                           const AttentionShape& shape, const KvShape& kv,
                           std::span<const std::vector<float>> frequencies,
                           std::span<const std::uint32_t> outputs, std::span<const Token> targets,
                           std::span<float> log_probabilities, std::span<const RowGroup> groups,
                           std::span<const PageCopy> copies, std::span<const PageId> unused,
                           void (*body)(std::size_t), std::size_t n) {
  typename B::Options;
  // Memory.
  { b.make_linear(experts) } -> std::same_as<typename B::Linear>;
  { b.make_norm(norms) } -> std::same_as<typename B::Norm>;
  { b.make_rows(n, n) } -> std::same_as<typename B::Rows>;
  { b.make_pages(kv) } -> std::same_as<typename B::KvStorage>;
  b.reserve_pages(pages, n);
  b.copy_pages(pages, copies);     // before anything is written to the copies
  b.release_pages(pages, unused);  // gives their memory back, as far as the backend can
  { b.host(rows, n) } -> std::same_as<MatrixView<const float>>;  // the first n of them
  // Phases, in the order of a step.
  b.begin(batch, frequencies);      // rotary angles of the rows, for each set of frequencies
  b.embed(embedding, batch, rows);  // x = embedding of the token
  b.attention_input(attention, shape, n, batch, rows, pages, rows);  // q; k, v -> pages of layer n
  b.attend(shape, n, batch, pages, rows, rows);                      // out = attention(q)
  b.add_linear(residual, batch, rows, rows);                         // x += W in
  b.mlp_input(mlp, batch, rows, rows);                               // out = act(W_g n) * (W_u n)
  b.final_norm(norm_phase, groups, outputs, rows, rows);             // gathers rows, then norm
  b.head(linear, groups, rows, rows, n);                             // logits from row n on
  b.log_probabilities(rows, targets, log_probabilities);             // log softmax at the targets
  // Work on the host, such as drawing tokens: calls body(0), ..., body(n - 1) on any threads.
  b.for_each(n, body);
};

}  // namespace tutti
