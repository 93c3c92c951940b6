// SPDX-License-Identifier: Apache-2.0
// The tensor cores' instructions against plain sums; fragments are laid out element by element by
// the tables of the PTX manual.
#include "tutti/backend/cuda/kernels/mma.cuh"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/backend/cuda/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

template <DType type>
__global__ void mma_kernel(const unsigned* a, const unsigned* b, float* c) {
  unsigned of_a[4], of_b[2];
  float of_c[4];
  for (unsigned i = 0; i < 4; ++i)
    of_a[i] = a[threadIdx.x * 4 + i], of_c[i] = c[threadIdx.x * 4 + i];
  for (unsigned i = 0; i < 2; ++i) of_b[i] = b[threadIdx.x * 2 + i];
  if constexpr (type == DType::bf16) {
    cuda::mma_bf16(of_c, of_a, of_b);
  } else {
    cuda::mma_tf32(of_c, of_a, of_b);
  }
  for (unsigned i = 0; i < 4; ++i) c[threadIdx.x * 4 + i] = of_c[i];
}

__global__ void round_kernel(const float* from, unsigned* to) {
  to[threadIdx.x] = cuda::round_to_tf32(from[threadIdx.x]);
}

// Small integers, exact in both formats and all sums; all rows and columns differ.
float element_a(unsigned row, unsigned k) {
  return static_cast<float>(static_cast<int>((7 * row + 3 * k) % 11) - 5);
}
float element_b(unsigned k, unsigned column) {
  return static_cast<float>(static_cast<int>((5 * k + 2 * column) % 13) - 6);
}
float element_c(unsigned row, unsigned column) { return static_cast<float>(100 * row + column); }

unsigned bf16_pair(float low, float high) {
  return to_bfloat16(low).bits | static_cast<unsigned>(to_bfloat16(high).bits) << 16;
}
unsigned bits_of(float value) { return std::bit_cast<unsigned>(value); }

/// The elements of C, in the order of lanes, after A B has been added to them.
template <DType type>
std::vector<float> multiply() {
  std::vector<unsigned> a, b;
  std::vector<float> c;
  for (unsigned lane = 0; lane < 32; ++lane) {
    const unsigned g = lane >> 2, t = lane % 4;  // the manual's groupID and threadID_in_group
    if constexpr (type == DType::bf16) {
      const auto pair_a = [&](unsigned row, unsigned k) {
        a.push_back(bf16_pair(element_a(row, k), element_a(row, k + 1)));
      };
      pair_a(g, 2 * t), pair_a(g + 8, 2 * t), pair_a(g, 2 * t + 8), pair_a(g + 8, 2 * t + 8);
      const auto pair_b = [&](unsigned k) {
        b.push_back(bf16_pair(element_b(k, g), element_b(k + 1, g)));
      };
      pair_b(2 * t), pair_b(2 * t + 8);
    } else {
      const auto one_a = [&](unsigned row, unsigned k) { a.push_back(bits_of(element_a(row, k))); };
      one_a(g, t), one_a(g + 8, t), one_a(g, t + 4), one_a(g + 8, t + 4);
      b.push_back(bits_of(element_b(t, g))), b.push_back(bits_of(element_b(t + 4, g)));
    }
    c.insert(c.end(), {element_c(g, 2 * t), element_c(g, 2 * t + 1), element_c(g + 8, 2 * t),
                       element_c(g + 8, 2 * t + 1)});
  }
  const cuda::Stream stream;
  const auto device_a = on_device(a, stream), device_b = on_device(b, stream);
  auto device_c = on_device(c, stream);
  cuda::launch({dim3(1), dim3(32)}, stream.get(), mma_kernel<type>, device_a.data(),
               device_b.data(), device_c.data());
  cuda::PinnedArray<float> host;
  host.download(device_c, c.size(), stream);
  stream.wait();
  return {host.data(), host.data() + c.size()};
}

float expected(unsigned row, unsigned column, unsigned depth) {
  float sum = element_c(row, column);
  for (unsigned k = 0; k < depth; ++k) sum += element_a(row, k) * element_b(k, column);
  return sum;
}

}  // namespace

TEST_CASE("tensor cores multiply fragments laid out as the PTX manual says", "[cuda][kernel]") {
  const std::vector<float> bf16 = multiply<DType::bf16>(), tf32 = multiply<DType::f32>();
  for (unsigned lane = 0; lane < 32; ++lane) {
    CAPTURE(lane);
    const unsigned g = lane >> 2, t = lane % 4;
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = i < 2 ? g : g + 8, column = 2 * t + (i & 1);
      CHECK(bf16[lane * 4 + i] == expected(row, column, 16));
      CHECK(tf32[lane * 4 + i] == expected(row, column, 8));
    }
  }
  // Row 0 of A and column 0 of B begin -5 -2 1 4 -4 -1 2 5 and -6 -1 4 -4 1 6 -2 3; C is 0 there.
  CHECK(tf32[0] == 30 + 2 + 4 - 16 - 4 - 6 - 4 + 15);
}

TEST_CASE("floats are rounded to tf32 with halves away from zero, and what is not finite stays so",
          "[cuda][kernel]") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {1.0F,
                                     1.0F + 0x1p-11F,
                                     -1.0F - 0x1p-11F,
                                     1.0F + 0x1p-11F - 0x1p-20F,
                                     kInfinity,
                                     -kInfinity,
                                     std::numeric_limits<float>::quiet_NaN()};
  const std::vector<float> rounded = {1.0F, 1.0F + 0x1p-10F, -1.0F - 0x1p-10F,
                                      1.0F, kInfinity,       -kInfinity};
  const cuda::Stream stream;
  const auto from = on_device(values, stream);
  cuda::DeviceArray<unsigned> to(values.size(), stream);
  cuda::launch({dim3(1), dim3(static_cast<unsigned>(values.size()))}, stream.get(), round_kernel,
               from.data(), to.data());
  cuda::PinnedArray<unsigned> host;
  host.download(to, values.size(), stream);
  stream.wait();
  for (std::size_t i = 0; i < rounded.size(); ++i) {
    CAPTURE(i);
    CHECK(std::bit_cast<float>(host.data()[i]) == rounded[i]);
  }
  CHECK(std::isnan(std::bit_cast<float>(host.data()[6])));
}
