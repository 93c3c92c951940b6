// SPDX-License-Identifier: Apache-2.0
#pragma once
// The macros that change what is compiled. Beside these, only the vector code
// (backend/cpu/simd/simd.hpp and its parts, sampler/detail/philox_lanes.hpp), the multiply-add of
// base/fast_math.hpp and backend/cuda/ look at what they are compiled for.

#if defined(__CUDACC__)
#define TUTTI_HOST_DEVICE __host__ __device__
#else
#define TUTTI_HOST_DEVICE
#endif

// Define TUTTI_WITHOUT_TEXT_LIBRARIES for programs that have neither PCRE2 nor utf8proc, such as
// those on a bare GPU machine: most tokenizers need neither, and the others are refused. All
// translation units of a program must agree.
#if defined(TUTTI_WITHOUT_TEXT_LIBRARIES)
#define TUTTI_TEXT_LIBRARIES 0
#else
#define TUTTI_TEXT_LIBRARIES 1
#endif

// tutti is header-only unless TUTTI_COMPILED is defined, as the CMake target tutti::compiled does:
// then the bodies of functions that are not templates are in the library, and user code compiles
// their declarations only. All translation units of a program must agree.
#if defined(TUTTI_COMPILED)
#define TUTTI_INLINE
#else
#define TUTTI_INLINE inline
#endif
