// SPDX-License-Identifier: Apache-2.0
#pragma once
// object.name, object[key] and object[start:stop:step].

#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

class Runtime;

/// object.name: methods go before the keys of a dict. Undefined if there is neither.
[[nodiscard]] Value get_attribute(Runtime& runtime, const Value& object, std::string_view name);
/// object[key]: keys of a dict go before methods.
[[nodiscard]] Value get_item(Runtime& runtime, const Value& object, const Value& key);
/// object[start:stop:step], each null if left out.
[[nodiscard]] Value get_slice(Runtime& runtime, const Value& object, const Value* start,
                              const Value* stop, const Value* step);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/builtins/access-inl.hpp"
#endif
