// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs the threads of a kernel as fibers, in the order that the options specify, and checks CUDA's
// rules.

#include <cstddef>
#include <functional>

#include "tests/emulation/include/cuda_runtime.h"

namespace tutti::emulation {

/// Shared memory per block in bytes, as the launch and the kernel declare it.
struct SharedBytes {
  std::size_t dynamic_bytes = 0, static_bytes = 0;
};

/// Runs `body` once in every thread of the grid, block by block.
/// @throws EmulationError when threads deadlock, meet at different barriers, name lanes that do not
/// exist, or use more static shared memory than the kernel has.
void run_kernel(dim3 grid, dim3 block, SharedBytes shared, const std::function<void()>& body);

}  // namespace tutti::emulation
