// SPDX-License-Identifier: Apache-2.0
#pragma once
// The binary operators of Python that templates have.

#include <cstdint>

namespace tutti::jinja {

enum class Operator : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in,
};

}  // namespace tutti::jinja
