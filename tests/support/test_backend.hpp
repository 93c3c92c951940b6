// SPDX-License-Identifier: Apache-2.0
#pragma once
// The backend of tests that apply to every backend. They are compiled twice: for Cpu, and with
// TUTTI_TEST_ON_CUDA for Cuda, which is a GPU if nvcc compiles them and the emulated device
// otherwise.

#include <cstddef>

#include "tutti/backend/cpu/cpu.hpp"

#if defined(TUTTI_TEST_ON_CUDA)
#include "tutti/backend/cuda/cuda.cuh"
#endif

namespace tutti::test {

#if defined(TUTTI_TEST_ON_CUDA)
using TestBackend = Cuda;
#else
using TestBackend = Cpu;
#endif

/// Options of a backend that uses `threads` host threads.
template <class B = TestBackend>
[[nodiscard]] typename B::Options on_threads(std::size_t threads) {
  typename B::Options options;
  if constexpr (requires { options.host_threads; }) {
    options.host_threads = threads;
  } else {
    options.threads = threads;
  }
  return options;
}

}  // namespace tutti::test
