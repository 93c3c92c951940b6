// SPDX-License-Identifier: Apache-2.0
// The one translation unit of this project's programs that compiles the kernels.
#include "tutti/backend/cpu/kernels-inl.hpp"
