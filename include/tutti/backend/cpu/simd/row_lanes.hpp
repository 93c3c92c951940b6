// SPDX-License-Identifier: Apache-2.0
#pragma once
// Some weight rows side by side, one row a lane: what the products of quantized blocks compute
// with. Four consecutive codes of each of the rows make one RowBytes. Sixteen rows for AVX-512 with
// VNNI; eight for AVX2, NEON, and in plain loops otherwise. Integer sums are exact, so all variants
// give the same bits up to the float arithmetic around them.

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include "tutti/backend/cpu/simd/row_lanes_avx512.hpp"
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "tutti/backend/cpu/simd/row_lanes_avx2.hpp"
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#include "tutti/backend/cpu/simd/row_lanes_neon.hpp"
#else
#include "tutti/backend/cpu/simd/row_lanes_portable.hpp"
#endif
