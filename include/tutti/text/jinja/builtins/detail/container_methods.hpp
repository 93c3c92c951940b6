// SPDX-License-Identifier: Apache-2.0
#pragma once
// Methods of lists and dicts, and the tables of their names.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/jinja/builtins/argument_reader.hpp"
#include "tutti/text/jinja/builtins/detail/method.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja::detail {

[[nodiscard]] inline Value count_items(Runtime& runtime, const Value& self,
                                       const Arguments& arguments) {
  const ArgumentReader reader(runtime, "count", arguments, {"value"}, 1);
  const std::vector<Value>& items = self.sequence()->items;
  const std::int64_t count = std::count_if(
      items.begin(), items.end(), [&](const Value& v) { return equal(runtime, v, reader.get(0)); });
  return Value(count);
}

[[nodiscard]] inline Value index_of_item(Runtime& runtime, const Value& self,
                                         const Arguments& arguments) {
  const ArgumentReader reader(runtime, "index", arguments, {"value"}, 1);
  const std::vector<Value>& items = self.sequence()->items;
  const auto found = std::find_if(items.begin(), items.end(),
                                  [&](const Value& v) { return equal(runtime, v, reader.get(0)); });
  if (found == items.end()) runtime.fail("index: the value is not in the list");
  const std::int64_t index = found - items.begin();
  return Value(index);
}

[[nodiscard]] inline Value copy_method(Runtime& runtime, const Value& self,
                                       const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "copy", arguments, {});
  return self;
}

inline constexpr std::array<Method, 3> kListMethods{
    {{"count", count_items}, {"index", index_of_item}, {"copy", copy_method}}};

[[nodiscard]] inline Value view_method(Runtime& runtime, const Value& self,
                                       const Arguments& arguments, bool keys, bool values) {
  const ArgumentReader no_arguments(runtime, "keys, values or items", arguments, {});
  std::vector<Value> items;
  for (const Dict::Entry& entry : self.dict()->entries) {
    items.push_back(keys && values ? runtime.make_tuple({entry.key, entry.value})
                    : keys         ? entry.key
                                   : entry.value);
  }
  return runtime.make_sequence(SequenceKind::view, std::move(items),
                               keys && values ? "dict_items"
                               : keys         ? "dict_keys"
                                              : "dict_values");
}

[[nodiscard]] inline Value get_method(Runtime& runtime, const Value& self,
                                      const Arguments& arguments) {
  const ArgumentReader reader(runtime, "get", arguments, {"key", "default"}, 1);
  if (const Value* value = find_key(runtime, *self.dict(), reader.get(0))) return *value;
  return reader.find(1) != nullptr ? reader.get(1) : Value(None{});
}

inline constexpr std::array<Method, 6> kDictMethods{{
    {"items", [](Runtime& r, const Value& s,
                 const Arguments& a) { return view_method(r, s, a, true, true); }},
    {"keys", [](Runtime& r, const Value& s,
                const Arguments& a) { return view_method(r, s, a, true, false); }},
    {"values", [](Runtime& r, const Value& s,
                  const Arguments& a) { return view_method(r, s, a, false, true); }},
    {"get", get_method},
    {"copy", copy_method},
    {"fromkeys", nullptr},
}};

/// Lists and dicts have these, but the sandbox does not let templates use them.
inline constexpr std::array<std::string_view, 8> kListMutators{
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
inline constexpr std::array<std::string_view, 5> kDictMutators{"clear", "pop", "popitem",
                                                               "setdefault", "update"};

}  // namespace tutti::jinja::detail
