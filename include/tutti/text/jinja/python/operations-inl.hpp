// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of operations.hpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/strings/code_points.hpp"
#include "tutti/text/jinja/strings/python_text.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja {

namespace detail {

using SequencePtr = std::shared_ptr<const Sequence>;

[[nodiscard]] inline SequencePtr sequence_pointer(const Value& value) {
  const auto* pointer = std::get_if<SequencePtr>(&value.data());
  return pointer != nullptr ? *pointer : nullptr;
}

/// The numbers compared exactly: an int beyond 2^53 is not rounded to a float first.
[[nodiscard]] inline std::partial_ordering compare_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.integer() <=> b.integer();
  if (a.is_integral() == b.is_integral()) return a.real() <=> b.real();
  if (b.is_integral()) {
    const std::partial_ordering reversed = compare_numbers(b, a);
    return std::is_lt(reversed)   ? std::partial_ordering::greater
           : std::is_gt(reversed) ? std::partial_ordering::less
                                  : reversed;
  }
  const double real = b.real();
  if (std::isnan(real)) return std::partial_ordering::unordered;
  if (real >= 0x1p63) return std::partial_ordering::less;
  if (real < -0x1p63) return std::partial_ordering::greater;
  const auto whole = static_cast<std::int64_t>(real);
  if (a.integer() != whole) return a.integer() <=> whole;
  return 0.0 <=> real - std::trunc(real);
}

[[nodiscard]] inline bool equal_sequences(Runtime& runtime, const Sequence& a, const Sequence& b) {
  if (&a == &b) return true;
  if (a.kind != b.kind || a.kind == SequenceKind::generator || a.items.size() != b.items.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!equal(runtime, a.items[i], b.items[i])) return false;
  }
  return true;
}

[[nodiscard]] inline bool equal_dicts(Runtime& runtime, const Dict& a, const Dict& b) {
  if (&a == &b) return true;
  if (a.entries.size() != b.entries.size()) return false;
  for (const Dict::Entry& entry : a.entries) {
    const Value* other = find_key(runtime, b, entry.key);
    if (other == nullptr || !equal(runtime, entry.value, *other)) return false;
  }
  return true;
}

[[nodiscard]] inline bool contains(Runtime& runtime, const Value& container, const Value& item) {
  if (const TaintedText* text = container.string()) {
    const TaintedText* part = item.string();
    if (part == nullptr) {
      require_defined(runtime, item);
      runtime.fail("\"in\" a string needs a string before it, not ", type_name(item));
    }
    return text->bytes().find(part->bytes()) != std::string::npos;
  }
  if (const Dict* dict = container.dict()) return find_key(runtime, *dict, item) != nullptr;
  const SequencePtr sequence = iterate(runtime, container);
  return std::any_of(sequence->items.begin(), sequence->items.end(),
                     [&](const Value& other) { return equal(runtime, item, other); });
}

}  // namespace detail

TUTTI_INLINE std::string_view operator_symbol(Operator operation) {
  constexpr std::array<std::string_view, 15> kSymbols{
      "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};
  return kSymbols[static_cast<std::size_t>(operation)];
}

TUTTI_INLINE void fail_operands(const Runtime& runtime, Operator operation, const Value& a,
                                const Value& b) {
  require_defined(runtime, a);
  require_defined(runtime, b);
  runtime.fail("the operator ", operator_symbol(operation), " does not apply to ", type_name(a),
               " and ", type_name(b));
}

TUTTI_INLINE std::string_view type_name(const Value& value) {
  if (value.is_undefined()) return "undefined";
  if (value.is_none()) return "None";
  if (value.is<bool>()) return "bool";
  if (value.is_integral()) return "int";
  if (value.is_number()) return "float";
  if (value.is_string()) return "str";
  if (value.dict() != nullptr) return "dict";
  if (value.space() != nullptr) return "namespace";
  if (value.loop() != nullptr) return "loop";
  if (value.callable() != nullptr) return "function";
  constexpr std::array<std::string_view, 5> kNames{"list", "tuple", "range", "view of a dict",
                                                   "generator"};
  return kNames[static_cast<std::size_t>(value.sequence()->kind)];
}

TUTTI_INLINE void require_defined(const Runtime& runtime, const Value& value) {
  if (!value.is_undefined()) return;
  const auto& reason = std::get<Undefined>(value.data()).reason;
  runtime.fail(reason != nullptr ? *reason : "a value is undefined");
}

TUTTI_INLINE bool is_true(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (value.is_integral()) return value.integer() != 0;
  if (value.is_number()) return value.real() != 0;
  if (const TaintedText* text = value.string()) return !text->empty();
  if (const Sequence* sequence = value.sequence()) {
    return sequence->kind == SequenceKind::generator || !sequence->items.empty();
  }
  if (const Dict* dict = value.dict()) return !dict->entries.empty();
  return true;
}

TUTTI_INLINE bool equal(Runtime& runtime, const Value& a, const Value& b) {
  const Runtime::Level level(runtime);
  runtime.charge_steps(1);
  if (a.is_number() && b.is_number()) return std::is_eq(detail::compare_numbers(a, b));
  if (a.data().index() != b.data().index()) return false;
  if (const TaintedText* text = a.string()) return text->bytes() == b.string()->bytes();
  if (const Sequence* sequence = a.sequence()) {
    return detail::equal_sequences(runtime, *sequence, *b.sequence());
  }
  if (const Dict* dict = a.dict()) return detail::equal_dicts(runtime, *dict, *b.dict());
  return a.is_undefined() || a.is_none() || (a.space() != nullptr && a.space() == b.space()) ||
         (a.loop() != nullptr && a.loop() == b.loop()) ||
         (a.callable() != nullptr && a.callable() == b.callable());
}

TUTTI_INLINE bool less(Runtime& runtime, const Value& a, const Value& b) {
  const Runtime::Level level(runtime);
  runtime.charge_steps(1);
  if (a.is_number() && b.is_number()) return std::is_lt(detail::compare_numbers(a, b));
  if (a.is_string() && b.is_string()) return a.string()->bytes() < b.string()->bytes();
  if (!is_list_or_tuple(a) || !is_list_or_tuple(b) || a.sequence()->kind != b.sequence()->kind) {
    fail_operands(runtime, Operator::less, a, b);
  }
  const std::vector<Value>& left = a.sequence()->items;
  const std::vector<Value>& right = b.sequence()->items;
  for (std::size_t i = 0; i < left.size() && i < right.size(); ++i) {
    if (!equal(runtime, left[i], right[i])) return less(runtime, left[i], right[i]);
  }
  return left.size() < right.size();
}

TUTTI_INLINE std::vector<std::size_t> sorted_positions(Runtime& runtime,
                                                       std::span<const Value* const> keys,
                                                       bool descending) {
  std::vector<std::size_t> positions(keys.size());
  std::iota(positions.begin(), positions.end(), std::size_t{0});
  std::stable_sort(positions.begin(), positions.end(), [&](std::size_t a, std::size_t b) {
    return descending ? less(runtime, *keys[b], *keys[a]) : less(runtime, *keys[a], *keys[b]);
  });
  return positions;
}

TUTTI_INLINE bool compare(Runtime& runtime, Operator operation, const Value& a, const Value& b) {
  const bool is_nan = (a.is_number() && std::isnan(a.real())) ||
                      (b.is_number() && std::isnan(b.real()));
  switch (operation) {
    case Operator::equal: return equal(runtime, a, b);
    case Operator::not_equal: return !equal(runtime, a, b);
    case Operator::less: return less(runtime, a, b);
    case Operator::greater: return less(runtime, b, a);
    case Operator::less_equal: return !less(runtime, b, a) && !is_nan;
    case Operator::greater_equal: return !less(runtime, a, b) && !is_nan;
    case Operator::in: return detail::contains(runtime, b, a);
    default: return !detail::contains(runtime, b, a);
  }
}

TUTTI_INLINE std::size_t length(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) return 0;
  if (const TaintedText* text = value.string()) return count_code_points(text->bytes());
  if (const Dict* dict = value.dict()) return dict->entries.size();
  if (const Loop* loop = value.loop()) return loop->items->items.size();
  const Sequence* sequence = value.sequence();
  if (sequence == nullptr || sequence->kind == SequenceKind::generator) {
    runtime.fail("a value of type ", type_name(value), " has no length");
  }
  return sequence->items.size();
}

TUTTI_INLINE std::shared_ptr<const Sequence> iterate(Runtime& runtime, const Value& value) {
  auto items = std::make_shared<Sequence>();
  if (detail::SequencePtr sequence = detail::sequence_pointer(value)) {
    runtime.charge_steps(sequence->items.size());
    if (sequence->kind != SequenceKind::generator) return sequence;
    const auto first = sequence->items.begin() + static_cast<std::ptrdiff_t>(sequence->taken);
    items->items.assign(first, sequence->items.end());
    items->depth = sequence->depth;
    sequence->taken = sequence->items.size();
    return items;
  }
  if (value.is_undefined()) return items;
  if (const TaintedText* text = value.string()) {
    runtime.charge_steps(count_code_points(text->bytes()));
    for (TaintedText& part : split_code_points(*text)) items->items.emplace_back(std::move(part));
  } else if (const Dict* dict = value.dict()) {
    runtime.charge_steps(dict->entries.size());
    for (const Dict::Entry& entry : dict->entries) items->items.push_back(entry.key);
    items->depth = dict->depth;
  } else {
    runtime.fail("a value of type ", type_name(value), " cannot be iterated over");
  }
  return items;
}

TUTTI_INLINE const Value* find_key(Runtime& runtime, const Dict& dict, const Value& key) {
  if (const TaintedText* text = key.string()) return dict.find(text->bytes());
  if (key.dict() != nullptr ||
      (key.sequence() != nullptr && key.sequence()->kind == SequenceKind::list)) {
    runtime.fail("a value of type ", type_name(key), " cannot be a key");
  }
  for (const Dict::Entry& entry : dict.entries) {
    if (!entry.key.is_string() && equal(runtime, entry.key, key)) return &entry.value;
  }
  return nullptr;
}

TUTTI_INLINE void set_key(Runtime& runtime, Dict& dict, Value key, Value value) {
  if (key.is_string()) return dict.set(std::move(key), std::move(value));
  const Value* there = find_key(runtime, dict, key);
  if (there == nullptr) return dict.append(std::move(key), std::move(value));
  for (Dict::Entry& entry : dict.entries) {
    if (&entry.value == there) {
      entry.value = std::move(value);
      return;
    }
  }
}

TUTTI_INLINE std::int64_t to_integer(const Runtime& runtime, const Value& value,
                                     std::string_view what) {
  require_defined(runtime, value);
  if (!value.is_integral()) {
    runtime.fail(what, " needs a whole number, not a value of type ", type_name(value));
  }
  return value.integer();
}

TUTTI_INLINE const TaintedText& to_string(const Runtime& runtime, const Value& value,
                                          std::string_view what) {
  require_defined(runtime, value);
  const TaintedText* text = value.string();
  if (text == nullptr)
    runtime.fail(what, " needs a string, not a value of type ", type_name(value));
  return *text;
}

}  // namespace tutti::jinja
