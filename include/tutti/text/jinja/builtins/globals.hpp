// SPDX-License-Identifier: Apache-2.0
#pragma once
// The functions that every template can call: those of jinja2 (range, dict, namespace, cycler,
// joiner) and those that transformers adds (raise_exception, strftime_now).

#include <string>
#include <utility>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

/// The functions with their names.
[[nodiscard]] std::vector<std::pair<std::string, Value>> make_globals();

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/builtins/globals-inl.hpp"
#endif
