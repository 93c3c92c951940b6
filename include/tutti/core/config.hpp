// SPDX-License-Identifier: Apache-2.0
#pragma once
// The macros that change what is compiled. Beside these, only the vector code (backend/cpu/simd.hpp and its parts,
// sampler/detail/philox_lanes.hpp), the multiply-add of core/fast_math.hpp and backend/cuda/ look at what they are compiled for.

#if defined(__CUDACC__)
#define TUTTI_HOST_DEVICE __host__ __device__
#else
#define TUTTI_HOST_DEVICE
#endif

// Define TUTTI_WITHOUT_TEXT_LIBRARIES for programs that have neither PCRE2 nor utf8proc, such as those on a bare GPU machine: most
// tokenizers need neither, and the others are refused. All translation units of a program must agree.
#if defined(TUTTI_WITHOUT_TEXT_LIBRARIES)
#define TUTTI_TEXT_LIBRARIES 0
#else
#define TUTTI_TEXT_LIBRARIES 1
#endif
