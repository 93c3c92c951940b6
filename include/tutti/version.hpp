// SPDX-License-Identifier: Apache-2.0
#pragma once
// The version of the headers in use. CMakeLists.txt reads these three numbers, so they stand here
// only.

#define TUTTI_VERSION_MAJOR 0
#define TUTTI_VERSION_MINOR 1
#define TUTTI_VERSION_PATCH 0
