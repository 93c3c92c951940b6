// SPDX-License-Identifier: Apache-2.0
#pragma once
// Jinja's filters: {{ value|name(arguments) }}. Left out: attr, center, filesizeformat,
// forceescape, groupby, pprint, random, striptags, truncate, urlencode, urlize, wordcount, wordwrap
// and xmlattr.

#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

class Runtime;

struct Filter {
  std::string_view name;
  Value (*apply)(Runtime& runtime, const Value& value, const Arguments& arguments);
};

/// Null if there is no such filter.
[[nodiscard]] const Filter* find_filter(std::string_view name);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/builtins/filters-inl.hpp"
#endif
