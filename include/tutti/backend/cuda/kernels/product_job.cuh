// SPDX-License-Identifier: Apache-2.0
#pragma once
// A launch of products y = x W^T as kernels see it, and what becomes of their sums: bias, low-rank
// delta, residual, activation and gate, rotary embedding and cache. How the sums are made is in
// product.cuh and tensor_product.cuh.

#include "tutti/backend/cuda/kernels/cache.cuh"
#include "tutti/backend/cuda/kernels/norm.cuh"
#include "tutti/backend/cuda/kernels/weights.cuh"

namespace tutti::cuda {

/// What becomes of a product.
enum class ProductEnd : std::uint8_t {
  store,
  add,       ///< to what is there
  activate,  ///< act(W x)
  gate,      ///< act(W x) * (V x), with V the `second` matrix, or with `other` in its place.
  query,     ///< turned
  key,       ///< turned, to the cache
  value,     ///< to the cache
};

/// One matrix of each expert in a launch.
struct ProductPart {
  DeviceLinear linear;
  DeviceLinear second = {};  ///< Of the same types and groups; none unless `end` is gate.
  GroupList groups = {};
  std::uint32_t outputs = 0;  ///< The most weight rows of any expert.
  ProductEnd end = ProductEnd::store;
  Activation activation = Activation::silu;
  DeviceRows out = {}, other = {};
  std::uint32_t end_block = 0;  ///< Set when it is launched: its blocks end before this one.
};

inline constexpr std::size_t kMaxParts = 3;

/// The products of one launch.
struct ProductJob {
  DeviceRows x;
  DeviceNorm norm = {};       ///< Of x, made in each block; without weights x is taken as it is.
  const Row* rows = nullptr;  ///< Of the batch; only their experts count.
  CacheEntry entry = {};      ///< For the ends query, key and value.
  std::uint32_t cols = 0;     ///< Width of x.
  std::uint32_t units = 1;    ///< Tiles of weight rows for each block, one after the other.
  /// Blocks that share their weight rows: neighbors in the grid, each with rows of x of its own.
  std::uint32_t row_tiles = 1;
  ProductPart parts[kMaxParts] = {};
};

/// Warps of a block. As many threads as a block that norms a row, so that those in here have the
/// same sums.
inline constexpr unsigned kProductWarps = kRowThreads / kWarpThreads;

/// Two weight rows.
struct WeightPair {
  std::uint32_t first = 0, second = 0;
};

/// The rows of a warp's unit: those that end together.
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

/// W x + bias + delta for weight row n and row r of the batch.
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

/// GELU by its tanh approximation (Hendrycks and Gimpel 2016).
[[nodiscard]] __device__ __forceinline__ float activated(Activation activation, float x) {
  if (activation == Activation::silu) return x / (1.0F + expf(-x));
  return 0.5F * x * (1.0F + tanhf(0.7978845608F * (x + 0.044715F * x * x * x)));
}

/// Brings the two products of row r to where they go. `both`: the second one exists.
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
      entry.turn(r, pair.first % dim, a, b);
      to[pair.first] = a;
      to[pair.second] = b;
      return;
    case ProductEnd::key: entry.turn(r, pair.first % dim, a, b); [[fallthrough]];
    case ProductEnd::value:
      entry.store(r, pair.first / dim, part.end == ProductEnd::value, pair.first % dim, a);
      entry.store(r, pair.second / dim, part.end == ProductEnd::value, pair.second % dim, b);
  }
}

/// Adds to the sums of row r what belongs to them, and brings them to where they go. `both`: the
/// second one exists.
__device__ __forceinline__ void end_pair(const ProductJob& job, const ProductPart& part,
                                         std::uint32_t group_expert, std::uint32_t r,
                                         WeightPair pair, bool both, float a, float b) {
  const std::uint32_t expert = job.rows == nullptr ? group_expert : job.rows[r].expert;
  a = completed(part.linear, group_expert, expert, pair.first, r, a);
  b = completed(part.second.matrices == nullptr ? part.linear : part.second, group_expert, expert,
                pair.second, r, b);
  end_product(part, job.entry, r, pair, both, a, b);
}

/// What a block works on.
struct ProductBlock {
  unsigned index;  ///< Of its part.
  const ProductPart& part;
  std::uint32_t number;                  ///< Among the part's blocks of weight rows.
  DeviceGroup group = {};                ///< Empty if the part has fewer groups than others.
  DeviceMatrix first = {}, second = {};  ///< One matrix twice, unless the part has two.

  /// @param block among those of all parts.
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

/// Rows of x that a product reads, `stride` floats apart; there are `count`.
struct InputTile {
  const float* first = nullptr;
  std::uint32_t stride = 0;
  std::uint32_t count = 0;

  /// Tiles that are not full multiply their last row again, and throw the result away.
  [[nodiscard]] __device__ __forceinline__ const float* row(std::uint32_t m) const {
    return first + std::size_t{m < count ? m : count - 1} * stride;
  }
};

}  // namespace tutti::cuda
