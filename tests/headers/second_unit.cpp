// SPDX-License-Identifier: Apache-2.0
#include "tutti/tutti.hpp"

std::uint32_t draw_in_second_unit();
std::uint32_t draw_in_second_unit() { return tutti::philox4x32({0, 0, 0, 0}, {0, 0})[0]; }
