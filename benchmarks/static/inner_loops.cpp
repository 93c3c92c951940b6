// SPDX-License-Identifier: Apache-2.0
// The inner loops of the products, one function each, whose machine code count_arm.py analyzes.
// Never run.
#include "tutti/backend/cpu/product/block_product.hpp"
#include "tutti/backend/cpu/product/dense_product.hpp"

using namespace tutti;
using namespace tutti::cpu;
using namespace tutti::cpu::detail;

/// R weight rows times M activation rows.
template <class T, std::size_t R, std::size_t M>
[[gnu::noinline, gnu::flatten]] void dense_loop(TileRows<T> rows, std::size_t count,
                                                DensePrefetcher& prefetcher, FloatLanes* out) {
  FloatLanes sums[M][R];
  unroll<M * R>([&](auto i) TUTTI_ALWAYS_INLINE { sums[i / R][i % R] = broadcast(0.0F); });
  dense_columns<T, R, M, true>(rows, count, prefetcher, sums);
  unroll<M * R>([&](auto i) TUTTI_ALWAYS_INLINE { out[i] = sums[i / R][i % R]; });
}
template void dense_loop<BFloat16, 4, 1>(TileRows<BFloat16>, std::size_t, DensePrefetcher&,
                                         FloatLanes*);
template void dense_loop<BFloat16, 2, 6>(TileRows<BFloat16>, std::size_t, DensePrefetcher&,
                                         FloatLanes*);

/// Eight weight rows times one activation row, 32 or 64 columns per iteration.
template <DType type>
[[gnu::noinline, gnu::flatten]] void few_loop(WeightRows rows, const QuantizedRows& x,
                                              std::size_t cols, float* to) {
  multiply_few<type, 1>(rows, x, cols, to);
}
template void few_loop<DType::q8_0>(WeightRows, const QuantizedRows&, std::size_t, float*);
template void few_loop<DType::q4_k>(WeightRows, const QuantizedRows&, std::size_t, float*);

/// Sixteen weight rows, unpacked, times four activation rows, 32 columns per iteration.
template <DType type>
[[gnu::noinline, gnu::flatten]] void many_loop(
    const UnpackedPanels<typename BlockFormat<type>::Traits, 2>& panels, const ActivationTile& x,
    std::size_t count, float* to, Prefetcher<2>& prefetcher) {
  panels.template multiply<4>(x, count, true, to, 4 * kPanelRows, prefetcher, 0);
}
template void many_loop<DType::q8_0>(const UnpackedPanels<BlockFormat<DType::q8_0>::Traits, 2>&,
                                     const ActivationTile&, std::size_t, float*, Prefetcher<2>&);
template void many_loop<DType::q4_k>(const UnpackedPanels<BlockFormat<DType::q4_k>::Traits, 2>&,
                                     const ActivationTile&, std::size_t, float*, Prefetcher<2>&);
