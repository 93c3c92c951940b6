// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cuda/kernels/elementwise.cuh"

#include <cmath>
#include <cstring>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/backend/cuda/support.hpp"
#include "tutti/formats/quantized/dequantize.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

const std::vector<Row> kRows = {{0, 0, 0, 5}, {0, 0, 1, 0}, {1, 1, 0, 5}};

cuda::LaunchShape one_block_per_row(std::size_t rows) {
  return {dim3(static_cast<unsigned>(rows)), dim3(cuda::kRowThreads)};
}

}  // namespace

TEST_CASE("RMSNorm divides by the root of the mean square and takes each row's expert's weights",
          "[cuda][kernel]") {
  for (const std::size_t width : {3U, 128U, 200U}) {
    CAPTURE(width);
    const std::vector<float> x = random_floats(3 * width, 1), weights = random_floats(2 * width, 2);
    in_several_orders([&] {
      const cuda::Stream stream;
      const auto device_weights = on_device(weights, stream);
      const auto rows = on_device(kRows, stream);
      const std::vector<std::uint32_t> chosen = {2, 0};
      const auto sources = on_device(chosen, stream);
      const cuda::Rows in = rows_of(x, width, stream);
      const cuda::Rows out(2, width, stream);
      cuda::launch(one_block_per_row(2), stream.get(), cuda::norm_kernel<cuda::kRowThreads>,
                   cuda::DeviceNorm{device_weights.data(), nullptr,
                                    static_cast<std::uint32_t>(width), 1e-5F, false},
                   rows.data(), sources.data(), in.view(), out.view(), false);
      const std::vector<float> y = values_of(out, stream);
      for (std::size_t i = 0; i < 2; ++i) {
        double squares = 0;
        for (std::size_t j = 0; j < width; ++j)
          squares += std::pow(static_cast<double>(x[chosen[i] * width + j]), 2);
        const double factor = 1 / std::sqrt(squares / static_cast<double>(width) + 1e-5);
        for (std::size_t j = 0; j < width; ++j) {
          const double weight = static_cast<double>(weights[kRows[chosen[i]].expert * width + j]);
          CHECK(
              static_cast<double>(y[i * width + j]) ==
              Approx(static_cast<double>(x[chosen[i] * width + j]) * factor * weight).margin(1e-6));
        }
      }
    });
  }
}

TEST_CASE("a token's embedding is its row of its expert's matrix, to the bit, whatever its type",
          "[cuda][kernel]") {
  constexpr std::size_t kWidth = 512;
  for (const DType type :
       {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0,
        DType::q5_1, DType::q4_k, DType::q5_k, DType::q6_k}) {
    CAPTURE(layout_of(type).name);
    const RandomWeights a(type, 8, kWidth, 1), b(type, 8, kWidth, 2);
    const cuda::Stream stream;
    const cuda::StoredMatrix stored_a(a.view(), stream), stored_b(b.view(), stream);
    const auto table = on_device(std::vector<cuda::DeviceMatrix>{stored_a.view(), stored_b.view()},
                                 stream);
    const auto rows = on_device(kRows, stream);
    const cuda::Rows out(3, kWidth, stream);
    cuda::with_device_type(cuda::device_type(type), [&](auto device_type) {
      cuda::launch(one_block_per_row(3), stream.get(),
                   cuda::embed_kernel<decltype(device_type)::value, cuda::kRowThreads>,
                   cuda::DeviceLinear{table.data(), nullptr, nullptr, {}}, rows.data(), 1.0F,
                   out.view());
    });
    const std::vector<float> y = values_of(out, stream);
    std::vector<float> expected(3 * kWidth);
    for (std::size_t r = 0; r < kRows.size(); ++r) {
      const WeightMatrix matrix = (kRows[r].expert == 0 ? a : b).view();
      dequantize_row(type, matrix.row(static_cast<std::size_t>(kRows[r].token)), kWidth,
                     expected.data() + r * kWidth);
    }
    CHECK(std::memcmp(y.data(), expected.data(), expected.size() * sizeof(float)) == 0);
  }
}
