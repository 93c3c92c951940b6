// SPDX-License-Identifier: Apache-2.0
// require() needs the type of the exception to throw.
// expect: no matching function for call to
#include "tutti/base/error.hpp"

void check(int rows) {
#ifdef TUTTI_COMPILES
  tutti::require<tutti::OptionError>(rows > 0, "rows is ", rows);
#else
  tutti::require(rows > 0, "rows is ", rows);
#endif
}
