// SPDX-License-Identifier: Apache-2.0
#pragma once
// An entry in the tables of methods.

#include <string_view>

#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

class Runtime;

namespace detail {

using MethodFunction = Value (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

struct Method {
  std::string_view name;
  MethodFunction call;  // null: not supported
};

}  // namespace detail

}  // namespace tutti::jinja
