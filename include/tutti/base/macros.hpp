// SPDX-License-Identifier: Apache-2.0
#pragma once
// Macros that change what is compiled. Apart from these, only the vector code (backend/cpu/simd/,
// sampler/detail/philox_lanes.hpp), the multiply-add of base/numeric/fast_math.hpp and
// backend/cuda/ depend on the compiler's target.

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

// GCC aligns the stack of 64-bit Windows programs to 16 bytes only (GCC bug 54412), so wider
// vectors on the stack crash there.
#if defined(_WIN64) && defined(__GNUC__) && !defined(__clang__)
#define TUTTI_NO_WIDE_VECTORS
#endif

// Which vector code this translation unit can use: AVX-512 with VNNI, AVX2 with FMA and F16C, NEON.
#if defined(TUTTI_NO_WIDE_VECTORS)
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && \
    defined(__AVX512DQ__) && defined(__AVX512VNNI__)
#define TUTTI_HAS_AVX512
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define TUTTI_HAS_AVX2
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define TUTTI_HAS_NEON
#endif

// The instruction set that this translation unit is compiled for, as an identifier. Code that
// depends on it lives in an inline namespace of this name, so that object files compiled for
// different instruction sets cannot be linked into one another by mistake.
#if defined(TUTTI_HAS_AVX512) && defined(__AVX512BF16__)
#define TUTTI_INSTRUCTION_SET avx512_bf16
#elif defined(TUTTI_HAS_AVX512)
#define TUTTI_INSTRUCTION_SET avx512
#elif defined(TUTTI_HAS_AVX2)
#define TUTTI_INSTRUCTION_SET avx2
#elif defined(TUTTI_HAS_NEON) && defined(__ARM_FEATURE_DOTPROD) && \
    defined(__ARM_FEATURE_MATMUL_INT8)
#define TUTTI_INSTRUCTION_SET neon_i8mm
#elif defined(TUTTI_HAS_NEON) && defined(__ARM_FEATURE_DOTPROD)
#define TUTTI_INSTRUCTION_SET neon_dotprod
#elif defined(TUTTI_HAS_NEON)
#define TUTTI_INSTRUCTION_SET neon
#elif defined(__FMA__)
#define TUTTI_INSTRUCTION_SET portable_fma
#else
#define TUTTI_INSTRUCTION_SET portable
#endif

// The inline namespace of everything whose layout or code depends on the instruction set. In a
// program that uses the compiled library it does not: the library chooses at run time.
#if defined(TUTTI_COMPILED)
#define TUTTI_ABI compiled
#else
#define TUTTI_ABI TUTTI_INSTRUCTION_SET
#endif
