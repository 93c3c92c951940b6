// SPDX-License-Identifier: Apache-2.0
// AVX2, FMA, F16C. cmake/compiled.cmake gives this file its flags.
#include "kernel_set-inl.hpp"
