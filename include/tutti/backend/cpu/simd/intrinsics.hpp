// SPDX-License-Identifier: Apache-2.0
#pragma once
// x86's vector instructions. GCC 12 calls the deliberately undefined values inside its own
// functions for AVX-512 uninitialized (bug 105593).

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif
