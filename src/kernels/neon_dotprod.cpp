// SPDX-License-Identifier: Apache-2.0
// AArch64 with dot products. cmake/compiled.cmake gives this file its flags.
#include "kernel_set-inl.hpp"
