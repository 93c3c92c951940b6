// SPDX-License-Identifier: Apache-2.0
#pragma once
// One header for Catch2 2.13 and 3: include it, and link Catch2 with its main function.

#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

/// Ends a test that lacks something, such as the downloaded model. This line makes ctest list the
/// test as skipped.
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
