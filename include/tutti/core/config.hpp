// SPDX-License-Identifier: Apache-2.0
#pragma once
// The few macros of the library. Outside backend/cuda/ no other header looks at the compiler.

#if defined(__CUDACC__)
#define TUTTI_HOST_DEVICE __host__ __device__
#else
#define TUTTI_HOST_DEVICE
#endif
