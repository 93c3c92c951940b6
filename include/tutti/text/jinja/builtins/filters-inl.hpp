// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of filters.hpp: the filters that call others by name, and the table of all.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/argument_reader.hpp"
#include "tutti/text/jinja/builtins/detail/list_filters.hpp"
#include "tutti/text/jinja/builtins/detail/number_filters.hpp"
#include "tutti/text/jinja/builtins/detail/text_filters.hpp"
#include "tutti/text/jinja/builtins/filters.hpp"
#include "tutti/text/jinja/builtins/tests.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja {

namespace detail {

/// The arguments after the first `count` positional ones.
[[nodiscard]] inline Arguments rest_of(const Arguments& arguments, std::size_t count) {
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(count),
                         arguments.positional.end());
  rest.named = arguments.named;
  return rest;
}

[[nodiscard]] inline Value map_filter(Runtime& runtime, const Value& value,
                                      const Arguments& arguments) {
  std::vector<Value> items;
  if (!is_true(value)) return runtime.make_generator(std::move(items));
  if (arguments.positional.empty()) {
    const ArgumentReader reader(runtime, "map", arguments, {"attribute", "default"}, 1);
    for (const Value& item : items_of(runtime, value)) {
      items.push_back(look_up(runtime, item, reader.get(0), reader.find(1)));
    }
    return runtime.make_generator(std::move(items));
  }
  const std::string& name = to_string(runtime, arguments.positional[0], "map").bytes();
  const Filter* filter = find_filter(name);
  if (filter == nullptr) runtime.refuse("the filter ", in_quotes(name), " is not supported");
  const Arguments rest = rest_of(arguments, 1);
  const Runtime::Level level(runtime);
  for (const Value& item : items_of(runtime, value)) {
    items.push_back(filter->apply(runtime, item, rest));
  }
  return runtime.make_generator(std::move(items));
}

/// The items, or with `by_attribute` those with an attribute, for which a test holds or does not.
[[nodiscard]] inline Value select_items(Runtime& runtime, const Value& value,
                                        const Arguments& arguments, bool by_attribute,
                                        bool selected) {
  std::vector<Value> items;
  if (!is_true(value)) return runtime.make_generator(std::move(items));
  const std::size_t name_at = by_attribute ? 1 : 0;
  if (arguments.positional.size() < name_at) runtime.fail("the name of an attribute is missing");
  const Test* test = nullptr;
  Arguments rest;
  if (arguments.positional.size() > name_at) {
    const std::string& name = to_string(runtime, arguments.positional[name_at], "select").bytes();
    test = find_test(name);
    if (test == nullptr) runtime.refuse("the test ", in_quotes(name), " is not supported");
    rest = rest_of(arguments, name_at + 1);
  }
  for (const Value& item : items_of(runtime, value)) {
    const Value tested = by_attribute ? look_up(runtime, item, arguments.positional[0]) : item;
    const bool holds = test != nullptr ? test->apply(runtime, tested, rest) : is_true(tested);
    if (holds == selected) items.push_back(item);
  }
  return runtime.make_generator(std::move(items));
}

template <bool kByAttribute, bool kSelected>
[[nodiscard]] Value select_filter(Runtime& runtime, const Value& value,
                                  const Arguments& arguments) {
  return select_items(runtime, value, arguments, kByAttribute, kSelected);
}

inline constexpr std::array<Filter, 40> kFilters{{
    {"abs", abs_filter},
    {"batch", batch_filter},
    {"capitalize", case_filter<LetterCase::capitalized>},
    {"count", length_filter},
    {"d", default_filter},
    {"default", default_filter},
    {"dictsort", dictsort_filter},
    {"e", escape_filter},
    {"escape", escape_filter},
    {"first", first_filter},
    {"float", float_filter},
    {"format", format_filter},
    {"indent", indent_filter},
    {"int", int_filter},
    {"items", items_filter},
    {"join", join_filter},
    {"last", last_filter},
    {"length", length_filter},
    {"list", list_filter},
    {"lower", case_filter<LetterCase::lower>},
    {"map", map_filter},
    {"max", extreme_filter<true>},
    {"min", extreme_filter<false>},
    {"reject", select_filter<false, false>},
    {"rejectattr", select_filter<true, false>},
    {"replace", replace_filter},
    {"reverse", reverse_filter},
    {"round", round_filter},
    {"safe", string_filter},
    {"select", select_filter<false, true>},
    {"selectattr", select_filter<true, true>},
    {"slice", slice_filter},
    {"sort", sort_filter},
    {"string", string_filter},
    {"sum", sum_filter},
    {"title", case_filter<LetterCase::jinja_title>},
    {"tojson", json_filter},
    {"trim", trim_filter},
    {"unique", unique_filter},
    {"upper", case_filter<LetterCase::upper>},
}};

}  // namespace detail

TUTTI_INLINE const Filter* find_filter(std::string_view name) {
  const auto found = std::find_if(detail::kFilters.begin(), detail::kFilters.end(),
                                  [&](const Filter& filter) { return filter.name == name; });
  return found == detail::kFilters.end() ? nullptr : &*found;
}

}  // namespace tutti::jinja
