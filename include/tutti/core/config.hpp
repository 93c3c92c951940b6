// SPDX-License-Identifier: Apache-2.0
#pragma once
// The macro that marks functions for host and device. Beside it only the vector code (backend/cpu/simd.hpp and its parts,
// sampler/detail/philox_lanes.hpp) and backend/cuda/ look at what they are compiled for.

#if defined(__CUDACC__)
#define TUTTI_HOST_DEVICE __host__ __device__
#else
#define TUTTI_HOST_DEVICE
#endif
