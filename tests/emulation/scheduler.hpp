// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs the threads of a kernel as fibers, in an order that the options choose, and watches over the
// rules that they must keep.

#include <cstddef>
#include <functional>

#include "tests/emulation/include/cuda_runtime.h"

namespace tutti::emulation {

/// Runs `body` once in every thread of the grid, block by block.
/// @throws EmulationError when threads wait for ever, meet at different barriers, or name lanes
/// that are not there.
void run_kernel(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& body);

}  // namespace tutti::emulation
