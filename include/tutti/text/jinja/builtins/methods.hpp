// SPDX-License-Identifier: Apache-2.0
#pragma once
// The methods of strings, lists and dicts that templates call. Those that would change a list or a
// dict exist and fail, as in Jinja's immutable sandbox.

#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

class Runtime;

/// A method of Python's str, list or dict, and not one of those here.
[[nodiscard]] bool is_unsupported_method(std::string_view name);

/// Whether values of this type have the method.
[[nodiscard]] bool has_method(const Value& object, std::string_view name);

/// Precondition: has_method.
[[nodiscard]] Value call_method(Runtime& runtime, const Value& object, std::string_view name,
                                const Arguments& arguments);

/// The method as a value, bound to its object. Precondition: has_method.
[[nodiscard]] Value bind_method(Runtime& runtime, const Value& object, std::string_view name);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/builtins/methods-inl.hpp"
#endif
