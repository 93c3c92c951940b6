// SPDX-License-Identifier: Apache-2.0
// AArch64 base. cmake/compiled.cmake gives this file its flags.
#include "kernel_set-inl.hpp"
