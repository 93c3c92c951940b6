// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of arithmetic.hpp.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/python/arithmetic.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/python/string_format.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja {

namespace detail {

[[nodiscard]] inline Value calculate_integers(const Runtime& runtime, Operator operation,
                                              std::int64_t a, std::int64_t b) {
  const auto require_fit = [&](bool overflow) {
    if (overflow)
      runtime.fail(a, " ", operator_symbol(operation), " ", b, " does not fit in 64 bits");
  };
  std::int64_t result = 0;
  switch (operation) {
    case Operator::add: require_fit(__builtin_add_overflow(a, b, &result)); return Value(result);
    case Operator::subtract:
      require_fit(__builtin_sub_overflow(a, b, &result));
      return Value(result);
    case Operator::multiply:
      require_fit(__builtin_mul_overflow(a, b, &result));
      return Value(result);
    case Operator::power: {
      std::int64_t power = 1;
      std::int64_t square = a;
      for (std::int64_t left = b; left > 0; left >>= 1) {
        if ((left & 1) != 0) require_fit(__builtin_mul_overflow(power, square, &power));
        if (left > 1) require_fit(__builtin_mul_overflow(square, square, &square));
      }
      return Value(power);
    }
    default: break;
  }
  if (b == 0) runtime.fail("division by zero");
  require_fit(a == std::numeric_limits<std::int64_t>::min() && b == -1);
  // Rounded down, as in Python; the remainder has the sign of the divisor.
  const bool adjust = a % b != 0 && (a < 0) != (b < 0);
  if (operation == Operator::floor_divide) return Value(a / b - (adjust ? 1 : 0));
  return Value(a % b + (adjust ? b : 0));
}

[[nodiscard]] inline Value calculate_reals(const Runtime& runtime, Operator operation, double a,
                                           double b) {
  switch (operation) {
    case Operator::add: return Value(a + b);
    case Operator::subtract: return Value(a - b);
    case Operator::multiply: return Value(a * b);
    case Operator::power: {
      const double power = std::pow(a, b);
      if (!std::isfinite(power) && std::isfinite(a) && std::isfinite(b)) {
        runtime.fail("the result of ** is no finite number");
      }
      if (std::isnan(power) && !std::isnan(a) && !std::isnan(b)) runtime.fail("** is undefined");
      return Value(power);
    }
    default: break;
  }
  if (b == 0) runtime.fail("division by zero");
  if (operation == Operator::divide) return Value(a / b);
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0 && (remainder < 0) != (b < 0)) {
    remainder += b;
    quotient -= 1;
  }
  if (remainder == 0) remainder = std::copysign(0.0, b);
  if (operation == Operator::modulo) return Value(remainder);
  const double floor = std::floor(quotient);
  return Value(quotient - floor > 0.5 ? floor + 1 : floor);
}

/// A string or a list `count` times.
[[nodiscard]] inline Value repeat(Runtime& runtime, const Value& value, std::int64_t count) {
  const std::size_t times = count < 0 ? 0 : static_cast<std::size_t>(count);
  if (const TaintedText* text = value.string()) {
    const std::optional<std::size_t> size = checked_multiply(text->size(), times);
    runtime.charge_text(size.value_or(std::numeric_limits<std::size_t>::max()));
    TaintedText result;
    if (!text->empty()) {
      for (std::size_t i = 0; i < times; ++i) result.append(*text);
    }
    return Value(std::move(result));
  }
  const Sequence& sequence = *value.sequence();
  const std::optional<std::size_t> size = checked_multiply(sequence.items.size(), times);
  runtime.charge_steps(size.value_or(std::numeric_limits<std::size_t>::max()));
  std::vector<Value> items;
  for (std::size_t i = 0; i < size; ++i) items.push_back(sequence.items[i % sequence.items.size()]);
  return runtime.make_sequence(sequence.kind, std::move(items));
}

}  // namespace detail

TUTTI_INLINE Value calculate(Runtime& runtime, Operator operation, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    const bool as_reals = !a.is_integral() || !b.is_integral() || operation == Operator::divide ||
                          (operation == Operator::power && b.integer() < 0);
    if (!as_reals) {
      return detail::calculate_integers(runtime, operation, a.integer(), b.integer());
    }
    return detail::calculate_reals(runtime, operation, a.real(), b.real());
  }
  if (operation == Operator::add && a.is_string() && b.is_string()) {
    runtime.charge_text(a.string()->size() + b.string()->size());
    TaintedText text = *a.string();
    text.append(*b.string());
    return Value(std::move(text));
  }
  if (operation == Operator::add && is_list_or_tuple(a) && is_list_or_tuple(b) &&
      a.sequence()->kind == b.sequence()->kind) {
    runtime.charge_steps(a.sequence()->items.size() + b.sequence()->items.size());
    std::vector<Value> items = a.sequence()->items;
    items.insert(items.end(), b.sequence()->items.begin(), b.sequence()->items.end());
    return runtime.make_sequence(a.sequence()->kind, std::move(items));
  }
  if (operation == Operator::multiply) {
    if (b.is_integral() && (a.is_string() || is_list_or_tuple(a))) {
      return detail::repeat(runtime, a, b.integer());
    }
    if (a.is_integral() && (b.is_string() || is_list_or_tuple(b))) {
      return detail::repeat(runtime, b, a.integer());
    }
  }
  if (operation == Operator::modulo && a.is_string()) {
    return Value(percent_format(runtime, *a.string(), b));
  }
  fail_operands(runtime, operation, a, b);
}

TUTTI_INLINE Value negate(Runtime& runtime, const Value& value) {
  require_defined(runtime, value);
  if (!value.is_number()) runtime.fail("the operator - does not apply to ", type_name(value));
  if (!value.is_integral()) return Value(-value.real());
  return detail::calculate_integers(runtime, Operator::subtract, 0, value.integer());
}

}  // namespace tutti::jinja
