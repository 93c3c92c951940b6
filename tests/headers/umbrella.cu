// SPDX-License-Identifier: Apache-2.0
// The host umbrella through nvcc.
#include "tutti/tutti.hpp"

static_assert(TUTTI_VERSION_MAJOR >= 0);
