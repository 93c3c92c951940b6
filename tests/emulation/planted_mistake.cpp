// SPDX-License-Identifier: Apache-2.0
// Kernels with mistakes that only a sanitizer finds. Run with the name of one, this program must
// end with the sanitizer's report; without that sanitizer it ends normally.
#include <cstdio>
#include <string_view>

#include "tests/emulation/emulation.hpp"
#include "tutti/backend/cuda/device.cuh"
#include "tutti/backend/cuda/memory.cuh"

using namespace tutti;

namespace {

constexpr unsigned kThreads = 64;

__global__ void write_past_the_end(float* out) { out[threadIdx.x + 1] = 1.0F; }

__global__ void write_past_shared_memory(float* out) {
  TUTTI_STATIC_SHARED(kThreads * sizeof(float), write_past_shared_memory);
  TUTTI_SHARED(float, values, kThreads);
  values[threadIdx.x + 1] = 1.0F;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}

__global__ void forget_a_barrier(float* out) {
  TUTTI_STATIC_SHARED(kThreads * sizeof(float), forget_a_barrier);
  TUTTI_SHARED(float, values, kThreads);
  values[threadIdx.x] = 1.0F;
  out[threadIdx.x] = values[kThreads - 1 - threadIdx.x];
}

/// The last block reads what the others have written, but no fence orders their writes before their
/// count.
__global__ void forget_a_fence(float* out, unsigned* blocks, float* total) {
  if (threadIdx.x != 0) return;
  out[blockIdx.x] = 1.0F;
  if (atomicAdd(blocks, 1U) != gridDim.x - 1) return;
  __threadfence();
  *total = out[0] + out[gridDim.x - 1];
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mistake = argc > 1 ? argv[1] : "";
  emulation::options().distinct_threads = true;
  const cuda::Stream stream;
  cuda::DeviceArray<float> out(kThreads, stream), total(1, stream);
  cuda::DeviceArray<unsigned> blocks(1, stream);
  blocks.set_zero(stream);
  const cuda::LaunchShape one_block{dim3(1), dim3(kThreads)};
  if (mistake == "write_past_the_end") {
    cuda::launch(one_block, stream.get(), write_past_the_end, out.data());
  } else if (mistake == "write_past_shared_memory") {
    cuda::launch(one_block, stream.get(), write_past_shared_memory, out.data());
  } else if (mistake == "forget_a_barrier") {
    cuda::launch(one_block, stream.get(), forget_a_barrier, out.data());
  } else if (mistake == "forget_a_fence") {
    cuda::launch({dim3(4), dim3(kThreads)}, stream.get(), forget_a_fence, out.data(), blocks.data(),
                 total.data());
  } else {
    std::puts(
        "name a mistake: write_past_the_end, write_past_shared_memory, forget_a_barrier or "
        "forget_a_fence");
    return 2;
  }
  stream.wait();
  std::puts("nothing was found");
  return 0;
}
