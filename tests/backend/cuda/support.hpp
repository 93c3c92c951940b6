// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tests of the Cuda backend share. They run on a GPU when nvcc compiles them, else on the
// emulated device.

#include <cstdint>
#include <span>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/backend/cuda/device_types.cuh"
#include "tutti/backend/cuda/kernels/product.cuh"
#include "tutti/backend/cuda/memory.cuh"

#if !defined(__CUDACC__)
#include "tests/emulation/emulation.hpp"
#endif

namespace tutti::test {

/// Runs `body` on the device under several orders of threads; a GPU has its own.
template <class Body>
void in_several_orders(Body body) {
#if defined(__CUDACC__)
  body();
#else
  using emulation::ThreadOrder;
  std::vector<emulation::Options> orders(6);
  orders[1].order = ThreadOrder::reverse;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    orders[1 + seed].order = ThreadOrder::random;
    orders[1 + seed].seed = seed;
    orders[1 + seed].resident_blocks = seed;
  }
  orders[5].deferred = true;
  for (const emulation::Options& order : orders) {
    CAPTURE(static_cast<int>(order.order), order.seed);
    const emulation::ScopedOptions scope(order);
    body();
  }
#endif
}

/// [rows, width] floats on the device, with each row's padding.
inline cuda::Rows rows_of(const std::vector<float>& values, std::size_t width,
                          const cuda::Stream& stream) {
  cuda::Rows rows(values.size() / width, width, stream);
  for (std::size_t r = 0; r < rows.capacity(); ++r) {
    cuda::check(cudaMemcpyAsync(rows.view(r).data, &values[r * width], width * sizeof(float),
                                cudaMemcpyHostToDevice, stream.get()),
                "copying a row");
  }
  return rows;
}

/// The elements of all rows, one row after the other.
inline std::vector<float> values_of(const cuda::Rows& rows, const cuda::Stream& stream) {
  const MatrixView<const float> host = rows.download(rows.capacity(), stream);
  std::vector<float> values;
  for (std::size_t r = 0; r < host.rows; ++r)
    values.insert(values.end(), host.row(r), host.row(r) + host.cols);
  return values;
}

template <class T>
cuda::DeviceArray<T> on_device(const std::vector<T>& values, const cuda::Stream& stream) {
  return cuda::upload(std::span<const T>(values), stream);
}

}  // namespace tutti::test
