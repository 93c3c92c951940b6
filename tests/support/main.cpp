// SPDX-License-Identifier: Apache-2.0
// The main function of the test programs where Catch2's library has none (version 2).
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
