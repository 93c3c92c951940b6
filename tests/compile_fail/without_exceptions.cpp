// SPDX-License-Identifier: Apache-2.0
// A program that is compiled without exceptions.
// expect: tutti needs exceptions
// flags: -fno-exceptions -Wfatal-errors
// max lines: 12
#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"

tutti::Token use() { return 0; }
