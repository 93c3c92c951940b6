// SPDX-License-Identifier: Apache-2.0
// Its macros, such as _res, must not collide with names of tutti or of a library that it includes;
// a program that includes httplib.h first has them too.
#if __has_include(<resolv.h>)
#include <resolv.h>
#endif

#include "tutti/tutti.hpp"

std::uint32_t draw_in_second_unit();
std::uint32_t draw_in_second_unit() { return tutti::philox4x32({0, 0, 0, 0}, {0, 0})[0]; }
