// SPDX-License-Identifier: Apache-2.0
#pragma once
// Strings and floats as Python's repr and json.dumps write them.

#include <string>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/strings/tainted_text.hpp"

namespace tutti::jinja {

/// repr(text): in quotes, with escapes.
[[nodiscard]] TaintedText quoted_repr(const TaintedText& text);

/// As a JSON string, in quotes.
[[nodiscard]] TaintedText quoted_json(const TaintedText& text, bool ascii_only);

/// repr of a float, such as "1.0", "1e-05", "inf".
[[nodiscard]] std::string float_repr(double value);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/strings/quoting-inl.hpp"
#endif
