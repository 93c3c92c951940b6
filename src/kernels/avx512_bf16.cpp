// SPDX-License-Identifier: Apache-2.0
// AVX-512 with VNNI and BF16. cmake/compiled.cmake gives this file its flags.
#include "kernel_set-inl.hpp"
