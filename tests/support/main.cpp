// SPDX-License-Identifier: Apache-2.0
// The main function of the test programs where Catch2 brings none as a library (version 2).
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
