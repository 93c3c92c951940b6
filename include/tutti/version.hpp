// SPDX-License-Identifier: Apache-2.0
#pragma once
// The version of the headers in use. CMakeLists.txt reads these three numbers, so they stand here
// only.

#define TUTTI_VERSION_MAJOR 0
#define TUTTI_VERSION_MINOR 1
#define TUTTI_VERSION_PATCH 0

#if defined(TUTTI_COMPILED)
namespace tutti::detail {

/// @throws Error when the compiled library has another version than the headers, with both.
void check_compiled_version(int major, int minor, int patch);

}  // namespace tutti::detail
#endif
