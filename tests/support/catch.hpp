// SPDX-License-Identifier: Apache-2.0
#pragma once
// Catch2 under one name for its versions 2.13 and 3: include this, link Catch2 with its main.

#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

/// Ends a test that lacks something, such as the downloaded model. ctest lists the test as skipped
/// because of this line.
#define TUTTI_SKIP(reason)       \
  do {                           \
    WARN("SKIPPED: " << reason); \
    return;                      \
  } while (false)

namespace tutti::test {

#if __has_include(<catch2/catch_all.hpp>)
using Catch::Approx;
inline auto contains(const std::string& part) { return Catch::Matchers::ContainsSubstring(part); }
#else
using Catch::Detail::Approx;
inline auto contains(const std::string& part) { return Catch::Matchers::Contains(part); }
#endif

}  // namespace tutti::test
