// SPDX-License-Identifier: Apache-2.0
#pragma once
// Several weight rows side by side, one row per lane, for products with quantized blocks. Four
// consecutive codes of each of the rows make one RowBytes. Sixteen rows for AVX-512 with VNNI;
// eight for AVX2 and NEON. Integer sums are exact, so all variants give the same bits. Where no
// such instructions are, TUTTI_HAS_ROW_LANES is not defined, and product/group_product.hpp serves.

#include "tutti/base/macros.hpp"

#if defined(TUTTI_HAS_AVX512) || defined(TUTTI_HAS_AVX2) || defined(TUTTI_HAS_NEON)
#define TUTTI_HAS_ROW_LANES
#endif

#if defined(TUTTI_HAS_AVX512)
#include "tutti/backend/cpu/simd/row_lanes_avx512.hpp"
#elif defined(TUTTI_HAS_AVX2)
#include "tutti/backend/cpu/simd/row_lanes_avx2.hpp"
#elif defined(TUTTI_HAS_NEON)
#include "tutti/backend/cpu/simd/row_lanes_neon.hpp"
#endif
