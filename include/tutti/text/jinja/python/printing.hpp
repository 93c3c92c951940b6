// SPDX-License-Identifier: Apache-2.0
#pragma once
// Values as text: str, repr and json.dumps of Python.

#include <optional>
#include <string>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/strings/tainted_text.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

class Runtime;

/// str(value).
[[nodiscard]] TaintedText to_text(Runtime& runtime, const Value& value);
/// repr(value).
[[nodiscard]] TaintedText to_repr(Runtime& runtime, const Value& value);

struct JsonStyle {
  std::optional<std::string> indent;  ///< What each level is indented by.
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool ascii_only = false;
  bool sort_keys = false;
};

/// json.dumps(value).
[[nodiscard]] TaintedText to_json(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/python/printing-inl.hpp"
#endif
