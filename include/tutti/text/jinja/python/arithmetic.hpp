// SPDX-License-Identifier: Apache-2.0
#pragma once
// Python's + - * / // % ** on numbers, strings and lists. Integers have 64 bits: what does not fit
// is an error.

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/python/operator.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

class Runtime;

/// + - * / // % **.
[[nodiscard]] Value calculate(Runtime& runtime, Operator operation, const Value& a, const Value& b);
[[nodiscard]] Value negate(Runtime& runtime, const Value& value);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/python/arithmetic-inl.hpp"
#endif
