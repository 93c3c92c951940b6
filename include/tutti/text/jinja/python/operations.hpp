// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Python's built-in functions do with values: truth, comparison, length, iteration, keys.
// Errors carry the line that the Runtime knows.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/python/operator.hpp"
#include "tutti/text/jinja/value/runtime.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

/// "list", "dict", "undefined" ...: the type, for messages.
[[nodiscard]] std::string_view type_name(const Value& value);

/// "+", "not in" ...
[[nodiscard]] std::string_view operator_symbol(Operator operation);

/// Reports that the operator does not apply to values of these types.
[[noreturn]] void fail_operands(const Runtime& runtime, Operator operation, const Value& a,
                                const Value& b);

/// A list, a tuple or a range: what can be indexed.
[[nodiscard]] inline bool is_indexable(const Sequence& sequence) {
  return sequence.kind != SequenceKind::view && sequence.kind != SequenceKind::generator;
}

[[nodiscard]] inline bool is_list_or_tuple(const Value& value) {
  const Sequence* sequence = value.sequence();
  return sequence != nullptr &&
         (sequence->kind == SequenceKind::list || sequence->kind == SequenceKind::tuple);
}

/// Fails, with what is missing, if `value` is undefined.
void require_defined(const Runtime& runtime, const Value& value);

[[nodiscard]] bool is_true(const Value& value);
[[nodiscard]] bool equal(Runtime& runtime, const Value& a, const Value& b);
/// a < b.
[[nodiscard]] bool less(Runtime& runtime, const Value& a, const Value& b);

/// Positions of `keys` in ascending or descending order. Equal keys keep their order in either
/// direction.
/// @throws OptionError as less.
[[nodiscard]] std::vector<std::size_t> sorted_positions(Runtime& runtime,
                                                        std::span<const Value* const> keys,
                                                        bool descending = false);
/// One comparison, `in` included.
[[nodiscard]] bool compare(Runtime& runtime, Operator operation, const Value& a, const Value& b);
/// len(value).
[[nodiscard]] std::size_t length(Runtime& runtime, const Value& value);

/// What `for` runs over; empties a generator.
[[nodiscard]] std::shared_ptr<const Sequence> iterate(Runtime& runtime, const Value& value);

/// The items of an iterable in a range-based for loop, which they outlive.
struct ItemRange {
  std::shared_ptr<const Sequence> sequence;

  [[nodiscard]] std::vector<Value>::const_iterator begin() const { return sequence->items.begin(); }
  [[nodiscard]] std::vector<Value>::const_iterator end() const { return sequence->items.end(); }
};

[[nodiscard]] inline ItemRange items_of(Runtime& runtime, const Value& value) {
  return {iterate(runtime, value)};
}

/// The value of `key` in `dict`; null if there is none.
[[nodiscard]] const Value* find_key(Runtime& runtime, const Dict& dict, const Value& key);
void set_key(Runtime& runtime, Dict& dict, Value key, Value value);

/// @throws OptionError when the value is not of this type.
[[nodiscard]] std::int64_t to_integer(const Runtime& runtime, const Value& value,
                                      std::string_view what);
[[nodiscard]] const TaintedText& to_string(const Runtime& runtime, const Value& value,
                                           std::string_view what);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/python/operations-inl.hpp"
#endif
