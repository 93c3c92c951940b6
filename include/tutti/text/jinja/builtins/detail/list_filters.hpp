// SPDX-License-Identifier: Apache-2.0
#pragma once
// Filters of lists and dicts, after jinja2/filters.py.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tutti/text/jinja/builtins/access.hpp"
#include "tutti/text/jinja/builtins/argument_reader.hpp"
#include "tutti/text/jinja/builtins/detail/number_filters.hpp"
#include "tutti/text/jinja/python/arithmetic.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/python/printing.hpp"
#include "tutti/text/jinja/strings/letter_case.hpp"
#include "tutti/text/jinja/strings/python_text.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja::detail {

[[nodiscard]] inline Value length_filter(Runtime& runtime, const Value& value,
                                         const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "length", arguments, {});
  return Value(static_cast<std::int64_t>(length(runtime, value)));
}

[[nodiscard]] inline Value default_filter(Runtime& runtime, const Value& value,
                                          const Arguments& arguments) {
  const ArgumentReader reader(runtime, "default", arguments, {"default_value", "boolean"});
  const bool is_missing = value.is_undefined() || (reader.flag(1) && !is_true(value));
  if (!is_missing) return value;
  return reader.find(0) != nullptr ? reader.get(0) : Value("");
}

[[nodiscard]] inline Value list_filter(Runtime& runtime, const Value& value,
                                       const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "list", arguments, {});
  return runtime.make_list(iterate(runtime, value)->items);
}

[[nodiscard]] inline Value first_filter(Runtime& runtime, const Value& value,
                                        const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "first", arguments, {});
  const auto items = iterate(runtime, value);
  if (items->items.empty()) return Value::undefined("the first item of an empty sequence");
  const Sequence* generator = value.sequence();
  if (generator != nullptr && generator->kind == SequenceKind::generator) {
    generator->taken = generator->items.size() - items->items.size() + 1;
  }
  return items->items.front();
}

[[nodiscard]] inline Value last_filter(Runtime& runtime, const Value& value,
                                       const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "last", arguments, {});
  const Sequence* generator = value.sequence();
  if (generator != nullptr && generator->kind == SequenceKind::generator) {
    runtime.fail("a generator has no last item; put the filter \"list\" before");
  }
  const auto items = iterate(runtime, value);
  if (items->items.empty()) return Value::undefined("the last item of an empty sequence");
  return items->items.back();
}

[[nodiscard]] inline Value reverse_filter(Runtime& runtime, const Value& value,
                                          const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "reverse", arguments, {});
  if (value.is_string()) {
    const Value step(-1);
    return get_slice(runtime, value, nullptr, nullptr, &step);
  }
  std::vector<Value> items = iterate(runtime, value)->items;
  std::reverse(items.begin(), items.end());
  const Sequence* sequence = value.sequence();
  const bool was_generator = sequence != nullptr && sequence->kind == SequenceKind::generator;
  return was_generator ? runtime.make_list(std::move(items))
                       : runtime.make_generator(std::move(items));
}

/// What `attribute=` names: "a.b.0" looks up one part after the other.
[[nodiscard]] inline Value look_up(Runtime& runtime, Value item, const Value& attribute,
                                   const Value* fallback = nullptr) {
  const TaintedText* path = attribute.string();
  if (path == nullptr) {
    if (!attribute.is_none()) item = get_item(runtime, item, attribute);
    if (fallback != nullptr && !fallback->is_none() && item.is_undefined()) item = *fallback;
    return item;
  }
  for (const TaintedText& part : split(*path, ".", -1, false)) {
    const bool is_index = !part.empty() && all_characters(part.bytes(), CharacterTest::digit);
    const std::optional<std::int64_t> index = is_index ? parse_integer(runtime, part.bytes(), 10)
                                                       : std::nullopt;
    item = get_item(runtime, item, index ? Value(*index) : Value(part));
    if (fallback != nullptr && !fallback->is_none() && item.is_undefined()) item = *fallback;
  }
  return item;
}

[[nodiscard]] inline Value join_filter(Runtime& runtime, const Value& value,
                                       const Arguments& arguments) {
  const ArgumentReader reader(runtime, "join", arguments, {"d", "attribute"});
  const TaintedText separator = reader.find(0) != nullptr ? to_text(runtime, reader.get(0))
                                                          : TaintedText();
  TaintedText result;
  bool first = true;
  for (const Value& item : items_of(runtime, value)) {
    const TaintedText text = to_text(runtime,
                                     reader.has(1) ? look_up(runtime, item, reader.get(1)) : item);
    runtime.require_text(result.size() + separator.size() + text.size());
    if (!first) result.append(separator);
    result.append(text);
    first = false;
  }
  return runtime.make_string(std::move(result));
}

[[nodiscard]] inline Value ignore_case(Runtime& runtime, const Value& value) {
  if (!value.is_string()) return value;
  runtime.charge_text(value.string()->size());
  return Value(change_case(*value.string(), LetterCase::lower));
}

/// The keys that items are compared by, beside the items.
[[nodiscard]] inline std::vector<std::pair<Value, Value>> keyed_items(Runtime& runtime,
                                                                      const Value& value,
                                                                      const ArgumentReader& reader,
                                                                      std::size_t case_sensitive,
                                                                      std::size_t attribute) {
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : items_of(runtime, value)) {
    Value key = reader.has(attribute) ? look_up(runtime, item, reader.get(attribute)) : item;
    if (!reader.flag(case_sensitive)) key = ignore_case(runtime, key);
    keyed.emplace_back(std::move(key), item);
  }
  return keyed;
}

[[nodiscard]] inline std::vector<Value> sorted(Runtime& runtime,
                                               std::vector<std::pair<Value, Value>> keyed,
                                               bool reverse) {
  std::vector<const Value*> keys;
  keys.reserve(keyed.size());
  for (const auto& [key, item] : keyed) keys.push_back(&key);
  std::vector<Value> items;
  items.reserve(keyed.size());
  for (const std::size_t at : sorted_positions(runtime, keys, reverse))
    items.push_back(std::move(keyed[at].second));
  return items;
}

[[nodiscard]] inline Value sort_filter(Runtime& runtime, const Value& value,
                                       const Arguments& arguments) {
  const ArgumentReader reader(runtime, "sort", arguments,
                              {"reverse", "case_sensitive", "attribute"});
  const bool several = reader.has(2) && reader.get(2).is_string() &&
                       reader.string(2).bytes().find(',') != std::string::npos;
  if (several) runtime.refuse("sort by several attributes is not supported");
  return runtime.make_list(
      sorted(runtime, keyed_items(runtime, value, reader, 1, 2), reader.flag(0)));
}

[[nodiscard]] inline Value dictsort_filter(Runtime& runtime, const Value& value,
                                           const Arguments& arguments) {
  const ArgumentReader reader(runtime, "dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = reader.find(1) != nullptr ? reader.string(1).bytes() : "key";
  if (by != "key" && by != "value") runtime.fail("dictsort sorts by key or value");
  require_defined(runtime, value);
  if (value.dict() == nullptr) runtime.fail("dictsort needs a dict, not ", type_name(value));
  std::vector<std::pair<Value, Value>> keyed;
  for (const Dict::Entry& entry : value.dict()->entries) {
    Value key = by == "key" ? entry.key : entry.value;
    if (!reader.flag(0)) key = ignore_case(runtime, key);
    keyed.emplace_back(std::move(key), runtime.make_tuple({entry.key, entry.value}));
  }
  return runtime.make_list(sorted(runtime, std::move(keyed), reader.flag(2)));
}

[[nodiscard]] inline Value unique_filter(Runtime& runtime, const Value& value,
                                         const Arguments& arguments) {
  const ArgumentReader reader(runtime, "unique", arguments, {"case_sensitive", "attribute"});
  Dict seen;
  std::vector<Value> items;
  for (auto& [key, item] : keyed_items(runtime, value, reader, 0, 1)) {
    if (find_key(runtime, seen, key) != nullptr) continue;
    set_key(runtime, seen, key, Value(true));
    items.push_back(std::move(item));
  }
  return runtime.make_generator(std::move(items));
}

template <bool kMax>
[[nodiscard]] Value extreme_filter(Runtime& runtime, const Value& value,
                                   const Arguments& arguments) {
  const ArgumentReader reader(runtime, kMax ? "max" : "min", arguments,
                              {"case_sensitive", "attribute"});
  auto keyed = keyed_items(runtime, value, reader, 0, 1);
  if (keyed.empty()) return Value::undefined("an item of an empty sequence");
  std::size_t best = 0;
  for (std::size_t i = 1; i < keyed.size(); ++i) {
    const bool is_better = kMax ? less(runtime, keyed[best].first, keyed[i].first)
                                : less(runtime, keyed[i].first, keyed[best].first);
    if (is_better) best = i;
  }
  return keyed[best].second;
}

[[nodiscard]] inline Value sum_filter(Runtime& runtime, const Value& value,
                                      const Arguments& arguments) {
  const ArgumentReader reader(runtime, "sum", arguments, {"attribute", "start"});
  Value total = reader.find(1) != nullptr ? reader.get(1) : Value(0);
  if (total.is_string()) runtime.fail("sum does not add strings; use join");
  for (const Value& item : items_of(runtime, value)) {
    total = calculate(runtime, Operator::add, total,
                      reader.has(0) ? look_up(runtime, item, reader.get(0)) : item);
  }
  return total;
}

[[nodiscard]] inline Value items_filter(Runtime& runtime, const Value& value,
                                        const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "items", arguments, {});
  std::vector<Value> items;
  if (const Dict* dict = value.dict()) {
    for (const Dict::Entry& entry : dict->entries) {
      items.push_back(runtime.make_tuple({entry.key, entry.value}));
    }
  } else if (!value.is_undefined()) {
    runtime.fail("items needs a dict, not a value of type ", type_name(value));
  }
  return runtime.make_generator(std::move(items));
}

[[nodiscard]] inline Value batch_filter(Runtime& runtime, const Value& value,
                                        const Arguments& arguments) {
  const ArgumentReader reader(runtime, "batch", arguments, {"linecount", "fill_with"}, 1);
  const std::int64_t count = reader.integer(0, 0);
  if (count < 1) runtime.refuse("batches of ", count, " items");
  std::vector<Value> batches;
  std::vector<Value> batch;
  for (const Value& item : items_of(runtime, value)) {
    if (batch.size() == static_cast<std::size_t>(count)) {
      batches.push_back(runtime.make_list(std::exchange(batch, {})));
    }
    batch.push_back(item);
  }
  if (!batch.empty()) {
    if (reader.has(1)) {
      runtime.charge_steps(static_cast<std::size_t>(count));
      batch.resize(static_cast<std::size_t>(count), reader.get(1));
    }
    batches.push_back(runtime.make_list(std::move(batch)));
  }
  return runtime.make_generator(std::move(batches));
}

[[nodiscard]] inline Value slice_filter(Runtime& runtime, const Value& value,
                                        const Arguments& arguments) {
  const ArgumentReader reader(runtime, "slice", arguments, {"slices", "fill_with"}, 1);
  const std::int64_t slices = reader.integer(0, 0);
  if (slices < 1) runtime.fail("division into ", slices, " slices");
  const auto count = static_cast<std::size_t>(slices);
  runtime.charge_steps(count);
  const std::vector<Value> items = iterate(runtime, value)->items;
  const std::size_t size = items.size() / count;
  const std::size_t larger = items.size() % count;
  std::vector<Value> result;
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = at + size + (i < larger ? 1 : 0);
    std::vector<Value> part(items.begin() + static_cast<std::ptrdiff_t>(at),
                            items.begin() + static_cast<std::ptrdiff_t>(end));
    if (reader.has(1) && i >= larger) part.push_back(reader.get(1));
    result.push_back(runtime.make_list(std::move(part)));
    at = end;
  }
  return runtime.make_generator(std::move(result));
}

}  // namespace tutti::jinja::detail
