// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of tests.hpp.

#include <algorithm>
#include <array>
#include <string_view>

#include "tutti/text/jinja/builtins/argument_reader.hpp"
#include "tutti/text/jinja/builtins/tests.hpp"
#include "tutti/text/jinja/python/arithmetic.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/python/printing.hpp"
#include "tutti/text/jinja/strings/letter_case.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja {

namespace detail {

inline void require_no_arguments(Runtime& runtime, const Arguments& arguments) {
  const ArgumentReader reader(runtime, "this test", arguments, {});
}

template <bool (*kHolds)(const Value&)>
[[nodiscard]] bool plain_test(Runtime& runtime, const Value& value, const Arguments& arguments) {
  require_no_arguments(runtime, arguments);
  return kHolds(value);
}

template <Operator kOperator>
[[nodiscard]] bool comparison_test(Runtime& runtime, const Value& value,
                                   const Arguments& arguments) {
  const ArgumentReader reader(runtime, "this test", arguments, {"other"}, 1);
  return compare(runtime, kOperator, value, reader.get(0));
}

[[nodiscard]] inline bool is_undefined_value(const Value& value) { return value.is_undefined(); }
[[nodiscard]] inline bool is_defined_value(const Value& value) { return !value.is_undefined(); }
[[nodiscard]] inline bool is_none_value(const Value& value) { return value.is_none(); }
[[nodiscard]] inline bool is_string_value(const Value& value) { return value.is_string(); }
[[nodiscard]] inline bool is_number_value(const Value& value) { return value.is_number(); }
[[nodiscard]] inline bool is_integer_value(const Value& value) {
  return value.is_integral() && !value.is<bool>();
}
[[nodiscard]] inline bool is_float_value(const Value& value) {
  return value.is_number() && !value.is_integral();
}
[[nodiscard]] inline bool is_boolean_value(const Value& value) { return value.is<bool>(); }
[[nodiscard]] inline bool is_true_value(const Value& value) {
  return value.is<bool>() && is_true(value);
}
[[nodiscard]] inline bool is_false_value(const Value& value) {
  return value.is<bool>() && !is_true(value);
}
[[nodiscard]] inline bool is_mapping_value(const Value& value) { return value.dict() != nullptr; }
[[nodiscard]] inline bool is_callable_value(const Value& value) {
  return value.callable() != nullptr;
}
/// Has a length and can be indexed, as far as Jinja asks: a dict does, a view of one does not.
[[nodiscard]] inline bool is_sequence_value(const Value& value) {
  const Sequence* sequence = value.sequence();
  return (sequence != nullptr && is_indexable(*sequence)) || value.is_string() ||
         value.dict() != nullptr || value.is_undefined();
}
[[nodiscard]] inline bool is_iterable_value(const Value& value) {
  return value.sequence() != nullptr || value.is_string() || value.dict() != nullptr ||
         value.loop() != nullptr || value.is_undefined();
}

template <CharacterTest kTest>
[[nodiscard]] bool case_test(Runtime& runtime, const Value& value, const Arguments& arguments) {
  require_no_arguments(runtime, arguments);
  return all_characters(to_text(runtime, value).bytes(), kTest);
}

[[nodiscard]] inline bool is_divisible(Runtime& runtime, const Value& value,
                                       const Arguments& arguments) {
  const ArgumentReader reader(runtime, "divisibleby", arguments, {"num"}, 1);
  return !is_true(calculate(runtime, Operator::modulo, value, reader.get(0)));
}

template <std::int64_t kRemainder>
[[nodiscard]] bool parity_test(Runtime& runtime, const Value& value, const Arguments& arguments) {
  require_no_arguments(runtime, arguments);
  return equal(runtime, calculate(runtime, Operator::modulo, value, Value(2)), Value(kRemainder));
}

/// Python's `is`: one object. Equal strings and numbers count as one here.
[[nodiscard]] inline bool is_same(Runtime& runtime, const Value& value,
                                  const Arguments& arguments) {
  const ArgumentReader reader(runtime, "sameas", arguments, {"other"}, 1);
  const Value& other = reader.get(0);
  if (value.data().index() != other.data().index()) return false;
  if (value.sequence() != nullptr) return value.sequence() == other.sequence();
  if (value.dict() != nullptr) return value.dict() == other.dict();
  return equal(runtime, value, other);
}

inline constexpr std::array<Test, 36> kTests{{
    {"defined", plain_test<is_defined_value>},
    {"undefined", plain_test<is_undefined_value>},
    {"none", plain_test<is_none_value>},
    {"string", plain_test<is_string_value>},
    {"number", plain_test<is_number_value>},
    {"integer", plain_test<is_integer_value>},
    {"float", plain_test<is_float_value>},
    {"boolean", plain_test<is_boolean_value>},
    {"true", plain_test<is_true_value>},
    {"false", plain_test<is_false_value>},
    {"mapping", plain_test<is_mapping_value>},
    {"sequence", plain_test<is_sequence_value>},
    {"iterable", plain_test<is_iterable_value>},
    {"callable", plain_test<is_callable_value>},
    {"lower", case_test<CharacterTest::lower>},
    {"upper", case_test<CharacterTest::upper>},
    {"odd", parity_test<1>},
    {"even", parity_test<0>},
    {"divisibleby", is_divisible},
    {"sameas", is_same},
    {"in", comparison_test<Operator::in>},
    {"==", comparison_test<Operator::equal>},
    {"eq", comparison_test<Operator::equal>},
    {"equalto", comparison_test<Operator::equal>},
    {"!=", comparison_test<Operator::not_equal>},
    {"ne", comparison_test<Operator::not_equal>},
    {"<", comparison_test<Operator::less>},
    {"lt", comparison_test<Operator::less>},
    {"lessthan", comparison_test<Operator::less>},
    {"<=", comparison_test<Operator::less_equal>},
    {"le", comparison_test<Operator::less_equal>},
    {">", comparison_test<Operator::greater>},
    {"gt", comparison_test<Operator::greater>},
    {"greaterthan", comparison_test<Operator::greater>},
    {">=", comparison_test<Operator::greater_equal>},
    {"ge", comparison_test<Operator::greater_equal>},
}};

}  // namespace detail

TUTTI_INLINE const Test* find_test(std::string_view name) {
  const auto found = std::find_if(detail::kTests.begin(), detail::kTests.end(),
                                  [&](const Test& test) { return test.name == name; });
  return found == detail::kTests.end() ? nullptr : &*found;
}

}  // namespace tutti::jinja
