// SPDX-License-Identifier: Apache-2.0
// Both umbrellas through nvcc.
#include "tutti/cuda.cuh"

static_assert(TUTTI_VERSION_MAJOR >= 0);
