// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W^T for the few rows of each expert, with what a layer does before it (a norm) and behind it (bias, low-rank delta, residual,
// activation and gate, rotary embedding and cache). A warp reads two weight rows once for up to kTile rows of x; the expert is the
// grid's second index; one launch serves several matrices that have the same input.
// Output (m, n) is the sum of 32 chains, one a lane, over k in ascending order, added in one fixed tree: its bits depend on row m of x
// and row n of W alone.

#include <algorithm>

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

inline constexpr std::size_t kMostParts = 3;

/// The products of one launch.
struct ProductJob {
  DeviceRows x;
  DeviceNorm norm = {};       ///< Of x, made in each block; without weights x is taken as it is.
  const Row* rows = nullptr;  ///< Of the batch; only their experts count.
  CacheEntry entry = {};      ///< For the ends query, key and value.
  std::uint32_t cols = 0;     ///< Width of x.
  std::uint32_t units = 1;    ///< Pairs of weight rows for each warp, one after the other.
  ProductPart parts[kMostParts] = {};
};

/// Warps of a block. As many threads as a block that norms a row, so that those in here have the same sums.
inline constexpr unsigned kProductWarps = kRowThreads / kWarpThreads;

/// Two weight rows.
struct WeightPair {
  std::uint32_t first = 0, second = 0;
};

/// The rows of a warp's unit: those that end together.
[[nodiscard]] __device__ __forceinline__ WeightPair pair_of(const ProductPart& part, const DeviceAttention& shape, std::uint32_t unit) {
  if (part.second.matrices != nullptr) return {unit, unit};
  const bool halves = (part.end == ProductEnd::query || part.end == ProductEnd::key) && !shape.interleaved;
  if (!halves) return {2 * unit, 2 * unit + 1};
  const std::uint32_t half = shape.head_dim / 2;
  const std::uint32_t first = unit / half * shape.head_dim + unit % half;
  return {first, first + half};
}

/// W x + bias + delta for weight row n and row r of the batch.
[[nodiscard]] __device__ __forceinline__ float completed(const DeviceLinear& linear, std::uint32_t group_expert, std::uint32_t expert,
                                                         std::uint32_t n, std::uint32_t r, float sum) {
  const float* bias = linear.biases == nullptr ? nullptr : linear.biases[group_expert];
  if (bias != nullptr) sum += bias[n];
  if (linear.low_rank_b == nullptr) return sum;
  const DeviceMatrix b = linear.low_rank_b[expert];
  if (b.cols == 0) return sum;
  const float* inputs = linear.low_rank.row(r);
  float delta = 0.0F;
  for (std::uint32_t k = 0; k < b.cols; k += 8) {
    float weights[8];
    load_weights<DType::f32>(b, n, k, weights);
    for (unsigned i = 0; i < 8 && k + i < b.cols; ++i) delta = fmaf(weights[i], inputs[k + i], delta);
  }
  return sum + delta;
}

/// GELU by its tanh approximation (Hendrycks and Gimpel 2016).
[[nodiscard]] __device__ __forceinline__ float activated(Activation activation, float x) {
  if (activation == Activation::silu) return x / (1.0F + expf(-x));
  return 0.5F * x * (1.0F + tanhf(0.7978845608F * (x + 0.044715F * x * x * x)));
}

/// Brings the two products of row r to where they go. `both`: the second one exists.
__device__ __forceinline__ void end_product(const ProductPart& part, const CacheEntry& entry, std::uint32_t r, WeightPair pair, bool both,
                                            float a, float b) {
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

/// The sums of two weight rows with kTile rows of x, in every lane.
template <DType type, unsigned kTile>
__device__ __forceinline__ void multiply_pair(const DeviceMatrix& a, const DeviceMatrix& b, WeightPair pair, const InputTile& inputs,
                                              float (&sums)[2][kTile]) {
  TUTTI_UNROLL
  for (unsigned m = 0; m < kTile; ++m) sums[0][m] = sums[1][m] = 0.0F;
  for (std::uint32_t k = threadIdx.x % kWarpThreads * 8; k < a.cols; k += 8 * kWarpThreads) {
    float weights[2][8];
    load_weights<type>(a, pair.first, k, weights[0]);
    load_weights<type>(b, pair.second, k, weights[1]);
    TUTTI_UNROLL
    for (unsigned m = 0; m < kTile; ++m) {
      const auto* from = reinterpret_cast<const float4*>(inputs.row(m) + k);
      const float4 low = from[0], high = from[1];
      const float values[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
      TUTTI_UNROLL
      for (unsigned i = 0; i < 8; ++i) {
        sums[0][m] = fmaf(weights[0][i], values[i], sums[0][m]);
        sums[1][m] = fmaf(weights[1][i], values[i], sums[1][m]);
      }
    }
  }
  TUTTI_UNROLL
  for (unsigned m = 0; m < kTile; ++m) {
    sums[0][m] = warp_sum(sums[0][m]);
    sums[1][m] = warp_sum(sums[1][m]);
  }
}

/// Grid: (blocks of all parts, groups). Shared memory: kTile rows of x if there is a norm.
template <DType type, unsigned kTile>
__global__ void __launch_bounds__(kRowThreads) product_kernel(const __grid_constant__ ProductJob job) {
  unsigned number = 0;
  while (blockIdx.x >= job.parts[number].end_block) ++number;
  const ProductPart& part = job.parts[number];
  if (blockIdx.y >= part.groups.count) return;
  const DeviceGroup group = part.groups.groups[blockIdx.y];
  const DeviceMatrix first = part.linear.matrices[group.expert];
  const DeviceMatrix second = part.second.matrices == nullptr ? first : part.second.matrices[group.expert];
  const std::uint32_t block = blockIdx.x - (number == 0 ? 0 : job.parts[number - 1].end_block);
  const unsigned lane = threadIdx.x % kWarpThreads, warp = threadIdx.x / kWarpThreads;
  const std::uint32_t stride = (job.cols + 7) / 8 * 8;
  auto* normed = dynamic_shared<float>();
  for (std::uint32_t begin = 0; begin < group.count; begin += kTile) {
    const std::uint32_t count = group.count - begin < kTile ? group.count - begin : kTile;
    if (job.norm.weights != nullptr) {
      if (begin > 0) __syncthreads();  // all have read the rows before
      normalise_to_shared(job.norm, job.rows, job.x, group.first + begin, count, normed, stride);
    }
    const InputTile inputs =
        job.norm.weights != nullptr ? InputTile{normed, stride, count} : InputTile{job.x.row(group.first + begin), job.x.stride, count};
    for (std::uint32_t i = 0; i < job.units; ++i) {
      WeightPair pair = pair_of(part, job.entry.shape, (block * job.units + i) * kProductWarps + warp);
      if (pair.first >= first.rows) break;  // a whole warp
      const bool both = pair.second < second.rows;
      if (!both) pair.second = pair.first;
      float sums[2][kTile];
      multiply_pair<type, kTile>(first, second, pair, inputs, sums);
      float a = 0.0F, b = 0.0F;
      TUTTI_UNROLL
      for (unsigned m = 0; m < kTile; ++m) {
        if (lane == m) a = sums[0][m], b = sums[1][m];
      }
      if (lane >= count) continue;
      const std::uint32_t r = group.first + begin + lane;
      const std::uint32_t expert = job.rows == nullptr ? group.expert : job.rows[r].expert;
      a = completed(part.linear, group.expert, expert, pair.first, r, a);
      b = completed(part.second.matrices == nullptr ? part.linear : part.second, group.expert, expert, pair.second, r, b);
      end_product(part, job.entry, r, pair, both, a, b);
    }
  }
}

/// Rows of x that a block norms itself at most; with more a kernel before it costs less. The bits are the same.
inline constexpr std::size_t kNormedRows = 4;
inline constexpr std::size_t kNormedBytes = std::size_t{64} << 10;

/// Whether a product may have a norm of rows of `cols` in front, with that many rows in the largest group.
[[nodiscard]] constexpr bool norm_fits(std::size_t most_rows, std::size_t cols) {
  return most_rows <= kNormedRows && kNormedRows * padded(cols) * sizeof(float) <= kNormedBytes;
}

/// Enqueues the products of `count` parts, all with weights of `type`.
inline void enqueue_products(DType type, ProductJob job, std::size_t count, cudaStream_t stream) {
  // Blocks enough to fill a large GPU come first; beyond, longer ones spare norms.
  constexpr std::size_t kBlocks = 1024, kMostUnits = 4;
  std::size_t units = 0, groups = 0, most_rows = 0;
  const auto units_of = [](const ProductPart& part) {
    return std::size_t{part.second.matrices != nullptr ? part.outputs : (part.outputs + 1) / 2};
  };
  for (std::size_t p = 0; p < count; ++p) {
    units += units_of(job.parts[p]) * job.parts[p].groups.count;
    groups = std::max(groups, job.parts[p].groups.count);
    most_rows = std::max(most_rows, job.parts[p].groups.most_rows);
  }
  if (units == 0) return;
  job.units = static_cast<std::uint32_t>(std::clamp<std::size_t>(units / (kProductWarps * kBlocks), 1, kMostUnits));
  std::uint32_t blocks = 0;
  for (std::size_t p = 0; p < kMostParts; ++p) {
    const std::size_t units_a_block = kProductWarps * job.units;
    if (p < count) blocks += static_cast<std::uint32_t>((units_of(job.parts[p]) + units_a_block - 1) / units_a_block);
    job.parts[p].end_block = blocks;
  }
  with_device_type(type, [&](auto constant) {
    constexpr DType kType = decltype(constant)::value;
    const auto enqueue = [&](auto kernel, std::size_t tile) {
      const std::size_t shared = job.norm.weights == nullptr ? 0 : tile * padded(job.cols) * sizeof(float);
      launch({dim3(blocks, static_cast<unsigned>(groups)), dim3(kRowThreads), shared}, stream, kernel, job);
    };
    if (most_rows == 1) return enqueue(product_kernel<kType, 1>, 1);
    if (most_rows == 2) return enqueue(product_kernel<kType, 2>, 2);
    if (most_rows <= 4) return enqueue(product_kernel<kType, 4>, 4);
    enqueue(product_kernel<kType, 8>, 8);
  });
}

}  // namespace tutti::cuda
