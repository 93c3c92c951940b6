// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of access.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/access.hpp"
#include "tutti/text/jinja/builtins/methods.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/strings/code_points.hpp"
#include "tutti/text/jinja/strings/python_text.hpp"
#include "tutti/text/jinja/value/runtime.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::jinja {

namespace detail {

[[nodiscard]] inline Value loop_attribute(Runtime& runtime, const Loop& loop,
                                          std::string_view name) {
  const auto number = [](std::size_t value) { return Value(static_cast<std::int64_t>(value)); };
  const std::size_t size = loop.items->items.size();
  if (name == "index") return number(loop.index + 1);
  if (name == "index0") return number(loop.index);
  if (name == "first") return Value(loop.index == 0);
  if (name == "last") return Value(loop.index + 1 == size);
  if (name == "length") return number(size);
  if (name == "revindex") return number(size - loop.index);
  if (name == "revindex0") return number(size - loop.index - 1);
  if (name == "depth") return number(loop.nesting);
  if (name == "depth0") return number(loop.nesting - 1);
  if (name == "previtem") {
    return loop.index > 0 ? loop.items->items[loop.index - 1]
                          : Value::undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return loop.index + 1 < size ? loop.items->items[loop.index + 1]
                                 : Value::undefined("there is no next item");
  }
  if (name == "cycle" || name == "changed") {
    runtime.refuse("loop.", name, " is supported as a call only");
  }
  return Value::undefined("loop has no attribute " + in_quotes(name));
}

[[nodiscard]] inline Value missing_attribute(const Value& object, std::string_view name) {
  return Value::undefined(std::string(type_name(object)) + " has no attribute " + in_quotes(name));
}

/// Position `index` of `size` items, negative ones counted from the end; nothing if outside.
[[nodiscard]] inline std::optional<std::size_t> position(std::int64_t index, std::size_t size) {
  const auto count = static_cast<std::int64_t>(size);
  if (index < -count || index >= count) return std::nullopt;
  return static_cast<std::size_t>(index < 0 ? index + count : index);
}

/// The positions of the slice start:stop:step of `size` items.
[[nodiscard]] inline std::vector<std::size_t> slice_positions(const Runtime& runtime,
                                                              std::size_t size, const Value* start,
                                                              const Value* stop,
                                                              const Value* step) {
  const auto bound = [&](const Value* value) -> std::optional<std::int64_t> {
    if (value == nullptr || value->is_none()) return std::nullopt;
    return to_integer(runtime, *value, "a slice");
  };
  const std::int64_t stride = bound(step).value_or(1);
  if (stride == 0) runtime.fail("the step of a slice is zero");
  const auto count = static_cast<std::int64_t>(size);
  const std::int64_t lowest = stride < 0 ? -1 : 0;
  const std::int64_t highest = stride < 0 ? count - 1 : count;
  const auto clamp = [&](std::optional<std::int64_t> at, std::int64_t fallback) {
    if (!at) return fallback;
    if (*at < 0) return *at < -count ? lowest : std::max(*at + count, lowest);
    return std::min(*at, highest);
  };
  std::int64_t at = clamp(bound(start), stride < 0 ? highest : 0);
  const std::int64_t end = clamp(bound(stop), stride < 0 ? lowest : count);
  std::vector<std::size_t> positions;
  while (stride > 0 ? at < end : at > end) {
    positions.push_back(static_cast<std::size_t>(at));
    if (__builtin_add_overflow(at, stride, &at)) break;
  }
  return positions;
}

}  // namespace detail

TUTTI_INLINE Value get_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  require_defined(runtime, object);
  if (const Namespace* space = object.space()) {
    const Value* value = space->attributes.find(name);
    return value != nullptr ? *value : detail::missing_attribute(object, name);
  }
  if (const Loop* loop = object.loop()) return detail::loop_attribute(runtime, *loop, name);
  if (has_method(object, name)) return bind_method(runtime, object, name);
  const Callable* function = object.callable();
  if (function != nullptr && function->is_macro && name == "name") return Value(function->name);
  if (const Dict* dict = object.dict()) {
    if (const Value* value = dict->find(name)) return *value;
  }
  return detail::missing_attribute(object, name);
}

TUTTI_INLINE Value get_item(Runtime& runtime, const Value& object, const Value& key) {
  require_defined(runtime, object);
  if (const Dict* dict = object.dict()) {
    const bool is_hashable = key.dict() == nullptr && !(key.sequence() != nullptr &&
                                                        key.sequence()->kind == SequenceKind::list);
    const Value* value = is_hashable ? find_key(runtime, *dict, key) : nullptr;
    if (value != nullptr) return *value;
  }
  if (key.is_integral()) {
    if (const TaintedText* text = object.string()) {
      const auto at = detail::position(key.integer(), count_code_points(text->bytes()));
      if (at) return split_code_points(*text)[*at];
    }
    const Sequence* sequence = object.sequence();
    if (sequence != nullptr && is_indexable(*sequence)) {
      if (const auto at = detail::position(key.integer(), sequence->items.size())) {
        return sequence->items[*at];
      }
    }
    return Value::undefined(std::string(type_name(object)) + " has no element " +
                            std::to_string(key.integer()));
  }
  const TaintedText* name = key.string();
  if (name == nullptr) {
    return Value::undefined(std::string(type_name(object)) + " has no element of this key");
  }
  if (object.space() != nullptr || object.loop() != nullptr || has_method(object, name->bytes())) {
    return get_attribute(runtime, object, name->bytes());
  }
  return detail::missing_attribute(object, name->bytes());
}

TUTTI_INLINE Value get_slice(Runtime& runtime, const Value& object, const Value* start,
                             const Value* stop, const Value* step) {
  require_defined(runtime, object);
  if (const TaintedText* text = object.string()) {
    const std::size_t size = count_code_points(text->bytes());
    runtime.charge_steps(size / 64);
    const std::vector<std::size_t> positions = detail::slice_positions(runtime, size, start, stop,
                                                                       step);
    runtime.charge_text(positions.size());
    std::vector<std::size_t> offsets;
    offsets.reserve(size + 1);
    for (std::size_t at = 0; at < text->size(); at += decode_utf8(text->bytes(), at).length) {
      offsets.push_back(at);
    }
    offsets.push_back(text->size());
    TaintedText result;
    for (const std::size_t at : positions) result.append(*text, offsets[at], offsets[at + 1]);
    return Value(std::move(result));
  }
  const Sequence* sequence = object.sequence();
  if (sequence == nullptr || !is_indexable(*sequence)) {
    runtime.fail("a value of type ", type_name(object), " cannot be sliced");
  }
  std::vector<Value> items;
  for (const std::size_t at :
       detail::slice_positions(runtime, sequence->items.size(), start, stop, step)) {
    items.push_back(sequence->items[at]);
  }
  return runtime.make_sequence(sequence->kind, std::move(items));
}

}  // namespace tutti::jinja
