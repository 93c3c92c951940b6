// SPDX-License-Identifier: Apache-2.0
// What every processor of the architecture has. cmake/compiled.cmake gives this file its flags.
#include "kernel_set-inl.hpp"
