// SPDX-License-Identifier: Apache-2.0
// One of two translation units that include everything; passes if both see the same inline
// entities.
#include "tutti/tutti.hpp"

std::uint32_t draw_in_second_unit();

int main() { return tutti::philox4x32({0, 0, 0, 0}, {0, 0})[0] == draw_in_second_unit() ? 0 : 1; }
