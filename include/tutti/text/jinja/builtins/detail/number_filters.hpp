// SPDX-License-Identifier: Apache-2.0
#pragma once
// Filters of numbers, after jinja2/filters.py.

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/argument_reader.hpp"
#include "tutti/text/jinja/python/arithmetic.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/strings/letter_case.hpp"
#include "tutti/text/jinja/strings/python_text.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja::detail {

/// int(text) of Python: white space around it, underscores between digits.
[[nodiscard]] inline std::optional<std::int64_t> parse_integer(const Runtime& runtime,
                                                               std::string_view text, int base) {
  std::string digits = strip(TaintedText(std::string(text)), std::nullopt, true, true).bytes();
  const bool underscores_fit = digits.find("__") == std::string::npos && !digits.starts_with('_') &&
                               !digits.ends_with('_');
  if (!underscores_fit) return std::nullopt;
  std::erase(digits, '_');
  std::string_view number = digits;
  if (number.starts_with('+') && number.size() > 1 && number[1] != '-') number.remove_prefix(1);
  const std::size_t sign = number.starts_with('-') ? 1 : 0;
  const std::string_view prefix = base == 16 ? "xX" : base == 8 ? "oO" : base == 2 ? "bB" : "";
  std::string without_prefix;
  if (number.size() > sign + 2 && number[sign] == '0' &&
      prefix.find(number[sign + 1]) != std::string_view::npos) {
    without_prefix = std::string(number.substr(0, sign)) + std::string(number.substr(sign + 2));
    number = without_prefix;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value,
                                            base);
  if (error == std::errc::result_out_of_range) {
    runtime.fail("the number ", escaped(number, 40), " does not fit in 64 bits");
  }
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  return value;
}

/// float(text) of Python.
[[nodiscard]] inline std::optional<double> parse_real(std::string_view text) {
  std::string digits = strip(TaintedText(std::string(text)), std::nullopt, true, true).bytes();
  const std::string lower = change_case(TaintedText(digits), LetterCase::lower).bytes();
  const std::string_view unsigned_text = std::string_view(lower).substr(
      lower.starts_with('-') || lower.starts_with('+') ? 1 : 0);
  const bool is_named = unsigned_text == "inf" || unsigned_text == "infinity" ||
                        unsigned_text == "nan";
  const bool is_number = unsigned_text.find_first_not_of("0123456789.e+-_") ==
                             std::string_view::npos &&
                         unsigned_text.find("__") == std::string_view::npos &&
                         !unsigned_text.starts_with('_') && !unsigned_text.ends_with('_');
  if (digits.empty() || (!is_named && !is_number)) return std::nullopt;
  std::erase(digits, '_');
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  if (end != digits.c_str() + digits.size()) return std::nullopt;
  return value;
}

[[nodiscard]] inline Value int_filter(Runtime& runtime, const Value& value,
                                      const Arguments& arguments) {
  const ArgumentReader reader(runtime, "int", arguments, {"default", "base"});
  require_defined(runtime, value);
  std::optional<double> real;
  if (const TaintedText* text = value.string()) {
    const std::int64_t base = reader.integer(1, 10);
    if (base < 2 || base > 36) runtime.refuse("the base ", base, " of the filter int");
    const auto whole = parse_integer(runtime, text->bytes(), static_cast<int>(base));
    if (whole) return Value(*whole);
    real = parse_real(text->bytes());
  } else if (value.is_integral()) {
    return Value(value.integer());
  } else if (value.is_number()) {
    real = value.real();
  }
  if (!real || !std::isfinite(*real)) return reader.find(0) != nullptr ? reader.get(0) : Value(0);
  if (!(std::abs(*real) < 0x1p63)) runtime.fail("a number does not fit in 64 bits");
  return Value(static_cast<std::int64_t>(*real));
}

[[nodiscard]] inline Value float_filter(Runtime& runtime, const Value& value,
                                        const Arguments& arguments) {
  const ArgumentReader reader(runtime, "float", arguments, {"default"});
  require_defined(runtime, value);
  if (value.is_number()) return Value(value.real());
  const TaintedText* text = value.string();
  const std::optional<double> real = text != nullptr ? parse_real(text->bytes()) : std::nullopt;
  if (real) return Value(*real);
  return reader.find(0) != nullptr ? reader.get(0) : Value(0.0);
}

[[nodiscard]] inline Value abs_filter(Runtime& runtime, const Value& value,
                                      const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "abs", arguments, {});
  require_defined(runtime, value);
  if (!value.is_number())
    runtime.fail("abs needs a number, not a value of type ", type_name(value));
  if (!value.is_integral()) return Value(std::abs(value.real()));
  return value.integer() < 0 ? negate(runtime, value) : Value(value.integer());
}

[[nodiscard]] inline Value round_filter(Runtime& runtime, const Value& value,
                                        const Arguments& arguments) {
  const ArgumentReader reader(runtime, "round", arguments, {"precision", "method"});
  const std::int64_t precision = reader.integer(0, 0);
  const std::string method = reader.find(1) != nullptr ? reader.string(1).bytes() : "common";
  require_defined(runtime, value);
  if (!value.is_number())
    runtime.fail("round needs a number, not a value of type ", type_name(value));
  if (precision < -20 || precision > 300) runtime.refuse("round to ", precision, " digits");
  if (method == "common") {
    if (value.is_integral()) {
      if (precision < 0) runtime.refuse("round of an int to tens");
      return Value(value.integer());
    }
    if (!std::isfinite(value.real())) return Value(value.real());
    if (precision < 0) {
      const double scale = std::pow(10.0, static_cast<double>(-precision));
      return Value(std::nearbyint(value.real() / scale) * scale);
    }
    // printf rounds the exact value, ties to even, as Python does.
    std::array<char, 700> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(precision), value.real());
    return Value(std::strtod(buffer.data(), nullptr));
  }
  if (method != "ceil" && method != "floor") runtime.fail("round knows common, ceil and floor");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = value.real() * scale;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

}  // namespace tutti::jinja::detail
