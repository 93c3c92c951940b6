// SPDX-License-Identifier: Apache-2.0
#pragma once
// The arguments of a launch of products y = x W^T, and their epilogues: bias, low-rank delta,
// residual, activation and gate, rotary embedding and cache. The sums are computed in product.cuh
// and tensor_product.cuh.

#include "tutti/backend/cuda/kernels/cache.cuh"
#include "tutti/backend/cuda/kernels/norm.cuh"
#include "tutti/backend/cuda/kernels/weights.cuh"

namespace tutti::cuda {

/// The epilogue of a product.
enum class ProductEnd : std::uint8_t {
  store,
  add,       ///< adds to the output
  activate,  ///< act(W x)
  gate,      ///< act(W x) * (V x), with V the `second` matrix, or with `other` in its place.
  query,     ///< rotates
  key,       ///< rotates, stores in the cache
  value,     ///< stores in the cache
};

/// One matrix of each expert in a launch.
struct ProductPart {
  DeviceLinear linear;
  DeviceLinear second = {};  ///< Of the same types and groups; none unless `end` is gate.
  GroupList groups = {};
  std::uint32_t outputs = 0;  ///< Largest number of weight rows of any expert.
  ProductEnd end = ProductEnd::store;
  Activation activation = Activation::silu;
  DeviceRows out = {}, other = {};
  std::uint32_t end_block = 0;  ///< One past the last block of the part; set at the launch.
};

inline constexpr std::size_t kMaxParts = 3;

/// The products of one launch.
struct ProductJob {
  DeviceRows x;
  DeviceNorm norm = {};       ///< Of x, computed in each block; none if it has no weights.
  const Row* rows = nullptr;  ///< Of the batch; only their experts are used.
  CacheEntry entry = {};      ///< For the epilogues query, key and value.
  std::uint32_t cols = 0;     ///< Width of x.
  std::uint32_t units = 1;    ///< Tiles of weight rows per block, one after the other.
  /// Blocks with the same weight rows and different rows of x, next to each other in the grid.
  std::uint32_t row_tiles = 1;
  ProductPart parts[kMaxParts] = {};
};

/// Warps of a block: as many threads as norm_kernel has, so that norms have the same sums.
inline constexpr unsigned kProductWarps = kRowThreads / kWarpThreads;

/// Two weight rows.
struct WeightPair {
  std::uint32_t first = 0, second = 0;
};

/// The two weight rows of a warp's unit, which share an epilogue.
[[nodiscard]] __device__ __forceinline__ WeightPair pair_of(const ProductPart& part,
                                                            const DeviceAttention& shape,
                                                            std::uint32_t unit) {
  if (part.second.matrices != nullptr) return {unit, unit};
  const bool halves = (part.end == ProductEnd::query || part.end == ProductEnd::key) &&
                      !shape.interleaved;
  if (!halves) return {2 * unit, 2 * unit + 1};
  const std::uint32_t half = shape.head_dim / 2;
  const std::uint32_t first = unit / half * shape.head_dim + unit % half;
  return {first, first + half};
}

/// W x + bias + B (A x) of weight row n and batch row r, given `sum` = W x.
[[nodiscard]] __device__ __forceinline__ float completed(const DeviceLinear& linear,
                                                         std::uint32_t group_expert,
                                                         std::uint32_t expert, std::uint32_t n,
                                                         std::uint32_t r, float sum) {
  const float* bias = linear.biases == nullptr ? nullptr : linear.biases[group_expert];
  if (bias != nullptr) sum += bias[n];
  if (linear.low_rank_b == nullptr) return sum;
  const DeviceMatrix b = linear.low_rank_b[expert];
  if (b.cols == 0) return sum;
  const float* inputs = linear.low_rank.row(r);
  float delta = 0.0F;
  for (std::uint32_t k = 0; k < b.cols; k += 8) {
    float weights[8];
    switch (linear.low_rank_type) {
      case DType::f16: load_weights<DType::f16>(b, n, k, weights); break;
      case DType::bf16: load_weights<DType::bf16>(b, n, k, weights); break;
      default: load_weights<DType::f32>(b, n, k, weights); break;
    }
    for (unsigned i = 0; i < 8 && k + i < b.cols; ++i)
      delta = fmaf(weights[i], inputs[k + i], delta);
  }
  return sum + delta;
}

/// SiLU, or GELU by its tanh approximation (Hendrycks and Gimpel 2016).
[[nodiscard]] __device__ __forceinline__ float activated(Activation activation, float x) {
  if (activation == Activation::silu) return x / (1.0F + expf(-x));
  return 0.5F * x * (1.0F + tanhf(0.7978845608F * (x + 0.044715F * x * x * x)));
}

/// Writes the two outputs of row r. `both`: the second one exists.
__device__ __forceinline__ void end_product(const ProductPart& part, const CacheEntry& entry,
                                            std::uint32_t r, WeightPair pair, bool both, float a,
                                            float b) {
  float* to = part.out.data == nullptr ? nullptr : part.out.row(r);
  const std::uint32_t dim = entry.shape.head_dim;
  switch (part.end) {
    case ProductEnd::store:
      to[pair.first] = a;
      if (both) to[pair.second] = b;
      return;
    case ProductEnd::add:
      to[pair.first] += a;
      if (both) to[pair.second] += b;
      return;
    case ProductEnd::activate:
      to[pair.first] = activated(part.activation, a);
      if (both) to[pair.second] = activated(part.activation, b);
      return;
    case ProductEnd::gate:
      if (part.second.matrices != nullptr) {
        to[pair.first] = activated(part.activation, a) * b;
        return;
      }
      to[pair.first] = activated(part.activation, a) * part.other.row(r)[pair.first];
      if (both) to[pair.second] = activated(part.activation, b) * part.other.row(r)[pair.second];
      return;
    case ProductEnd::query:
      entry.rotate(r, pair.first % dim, a, b);
      to[pair.first] = a;
      to[pair.second] = b;
      return;
    case ProductEnd::key: entry.rotate(r, pair.first % dim, a, b); [[fallthrough]];
    case ProductEnd::value:
      entry.store(r, pair.first / dim, part.end == ProductEnd::value, pair.first % dim, a);
      entry.store(r, pair.second / dim, part.end == ProductEnd::value, pair.second % dim, b);
  }
}

/// The whole epilogue of two sums of row r. `both`: the second one exists.
__device__ __forceinline__ void end_pair(const ProductJob& job, const ProductPart& part,
                                         std::uint32_t group_expert, std::uint32_t r,
                                         WeightPair pair, bool both, float a, float b) {
  const std::uint32_t expert = job.rows == nullptr ? group_expert : job.rows[r].expert;
  a = completed(part.linear, group_expert, expert, pair.first, r, a);
  b = completed(part.second.matrices == nullptr ? part.linear : part.second, group_expert, expert,
                pair.second, r, b);
  end_product(part, job.entry, r, pair, both, a, b);
}

/// The part, group and matrices of a block.
struct ProductBlock {
  unsigned index;  ///< Of the part.
  const ProductPart& part;
  std::uint32_t number;                  ///< Of the block within the part.
  DeviceGroup group = {};                ///< Empty if the part has fewer groups than others.
  DeviceMatrix first = {}, second = {};  ///< The same matrix, unless the part has two.

  /// @param block index among the blocks of all parts.
  __device__ __forceinline__ ProductBlock(const ProductJob& job, unsigned block,
                                          unsigned group_number)
      : index(part_of(job, block)),
        part(job.parts[index]),
        number(block - (index == 0 ? 0 : job.parts[index - 1].end_block)) {
    if (group_number >= part.groups.count) return;
    group = part.groups.groups[group_number];
    first = part.linear.matrices[group.expert];
    second = part.second.matrices == nullptr ? first : part.second.matrices[group.expert];
  }

 private:
  [[nodiscard]] __device__ __forceinline__ static unsigned part_of(const ProductJob& job,
                                                                   unsigned block) {
    unsigned part = 0;
    while (block >= job.parts[part].end_block) ++part;
    return part;
  }
};

/// `count` rows of x that a product reads, `stride` floats apart.
struct InputTile {
  const float* first = nullptr;
  std::uint32_t stride = 0;
  std::uint32_t count = 0;

  /// Row m, or the last one where there are no more: its result is discarded.
  [[nodiscard]] __device__ __forceinline__ const float* row(std::uint32_t m) const {
    return first + std::size_t{m < count ? m : count - 1} * stride;
  }
};

}  // namespace tutti::cuda
