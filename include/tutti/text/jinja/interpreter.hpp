// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs a parsed template.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/strings/tainted_text.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

class Runtime;
struct SyntaxTree;

/// The output of the template.
/// @param variables by name; they go before the global functions.
/// @throws OptionError when the template raises an exception or an operation does not apply to its
/// values, FormatError when it turns out to use what is not supported, CapacityError at the limits
/// of `runtime`.
[[nodiscard]] TaintedText render(Runtime& runtime, const SyntaxTree& tree,
                                 std::vector<std::pair<std::string, Value>> variables);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/interpreter-inl.hpp"
#endif
