// SPDX-License-Identifier: Apache-2.0
#pragma once
// Jinja's tests: {% if value is name(arguments) %}. Left out: filter and test, which ask for the
// names of filters and tests, and escaped.

#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

class Runtime;

struct Test {
  std::string_view name;
  bool (*apply)(Runtime& runtime, const Value& value, const Arguments& arguments);
};

/// Null if there is no such test.
[[nodiscard]] const Test* find_test(std::string_view name);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/builtins/tests-inl.hpp"
#endif
