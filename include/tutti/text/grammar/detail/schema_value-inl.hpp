// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of schema_value.hpp.

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/grammar/detail/schema_value.hpp"
#include "tutti/text/grammar/grammar_error.hpp"

namespace tutti::grammar {

/// Builds a SchemaValue from the events of nlohmann's parser.
class SchemaValueBuilder {
 public:
  using Kind = SchemaValue::Kind;

  SchemaValue take() { return std::move(root_); }

  bool null() { return add({}); }
  bool boolean(bool value) { return add({Kind::boolean, value, {}, {}, {}}); }
  bool number_integer(Json::number_integer_t value) { return add_number(std::to_string(value)); }
  bool number_unsigned(Json::number_unsigned_t value) { return add_number(std::to_string(value)); }
  bool number_float(Json::number_float_t, const Json::string_t& text) { return add_number(text); }
  bool string(Json::string_t& value) {
    return add({Kind::string, false, std::move(value), {}, {}});
  }
  bool binary(Json::binary_t&) { return false; }
  bool start_object(std::size_t) { return open(Kind::object); }
  bool start_array(std::size_t) { return open(Kind::array); }
  bool end_array() { return close(); }

  bool end_object() {
    std::vector<std::string_view> sorted(open_.back()->keys.begin(), open_.back()->keys.end());
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    require<GrammarError>(twice == sorted.end(), "JSON schema: an object has the key ",
                          twice == sorted.end() ? "" : in_quotes(*twice), " twice");
    return close();
  }

  bool key(Json::string_t& name) {
    open_.back()->keys.push_back(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) {
    std::string_view reason = error.what();
    if (const std::size_t start = reason.find(": "); start != std::string_view::npos)
      reason.remove_prefix(start + 2);
    fail<GrammarError>("JSON schema: invalid JSON at byte ", position, ": ", escaped(reason, 200));
  }

 private:
  bool add_number(std::string text) { return add({Kind::number, false, std::move(text), {}, {}}); }

  SchemaValue* place(SchemaValue value) {
    if (open_.empty()) return &(root_ = std::move(value));
    return &open_.back()->items.emplace_back(std::move(value));
  }

  bool add(SchemaValue value) {
    place(std::move(value));
    return true;
  }

  bool open(Kind kind) {
    require<GrammarError>(open_.size() < kMaxJsonDepth, "JSON schema: nested deeper than ",
                          kMaxJsonDepth, " levels");
    open_.push_back(place({kind, false, {}, {}, {}}));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  SchemaValue root_;
  std::vector<SchemaValue*> open_;  // only the innermost one grows, so the others stay in place
};

TUTTI_INLINE const SchemaValue* SchemaValue::find(std::string_view key) const {
  const auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? nullptr : &items[static_cast<std::size_t>(found - keys.begin())];
}

TUTTI_INLINE SchemaValue parse_schema_value(std::string_view text) {
  // The parser takes a NUL for the end of the text.
  const std::size_t nul = text.find('\0');
  require<GrammarError>(nul == std::string_view::npos, "JSON schema: a NUL at byte ", nul);
  SchemaValueBuilder builder;
  // As parse_json does it: Json::sax_parse would compile the readers of five binary formats.
  const auto adapter = [text] { return nlohmann::detail::input_adapter(text.begin(), text.end()); };
  nlohmann::detail::parser<Json, decltype(adapter())>(adapter()).sax_parse(&builder);
  return builder.take();
}

TUTTI_INLINE Decimal parse_decimal(std::string_view number) {
  Decimal value;
  value.is_negative = number.starts_with('-');
  if (value.is_negative) number.remove_prefix(1);
  long exponent = 0;
  if (const std::size_t e = number.find_first_of("eE"); e != std::string_view::npos) {
    const bool is_negative = number.substr(e + 1).starts_with('-');
    for (const char c : number.substr(e + 1)) {
      if (c >= '0' && c <= '9') exponent = std::min(exponent * 10 + (c - '0'), 1000000L);
    }
    if (is_negative) exponent = -exponent;
    number = number.substr(0, e);
  }
  const std::size_t point = number.find('.');
  std::string digits(number.substr(0, point));
  long integer_digits = static_cast<long>(digits.size());
  if (point != std::string_view::npos) digits += number.substr(point + 1);
  const std::size_t leading = std::min(digits.find_first_not_of('0'), digits.size());
  digits.erase(0, leading);
  integer_digits += exponent - static_cast<long>(leading);
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.empty()) return {};
  const auto limit = static_cast<long>(kMaxDecimalDigits);
  const long length = static_cast<long>(digits.size());
  require<GrammarError>(integer_digits <= limit && length - integer_digits <= limit,
                        "JSON schema: a number has more than ", kMaxDecimalDigits, " digits");
  if (integer_digits <= 0) {
    value.fraction = std::string(static_cast<std::size_t>(-integer_digits), '0') + digits;
  } else if (integer_digits >= length) {
    value.integer = digits + std::string(static_cast<std::size_t>(integer_digits - length), '0');
  } else {
    value.integer = digits.substr(0, static_cast<std::size_t>(integer_digits));
    value.fraction = digits.substr(static_cast<std::size_t>(integer_digits));
  }
  return value;
}

TUTTI_INLINE int compare(const Decimal& a, const Decimal& b) {
  if (a.is_negative != b.is_negative) return a.is_negative ? -1 : 1;
  const int sign = a.is_negative ? -1 : 1;
  if (a.integer.size() != b.integer.size())
    return a.integer.size() < b.integer.size() ? -sign : sign;
  const int order = a.integer != b.integer ? a.integer.compare(b.integer)
                                           : a.fraction.compare(b.fraction);
  return order < 0 ? -sign : order > 0 ? sign : 0;
}

/// The numbers of the members of an object, sorted by their keys.
[[nodiscard]] inline std::vector<std::size_t> members_by_key(const SchemaValue& object) {
  std::vector<std::size_t> order(object.keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&object](std::size_t i, std::size_t j) { return object.keys[i] < object.keys[j]; });
  return order;
}

TUTTI_INLINE bool equal(const SchemaValue& a, const SchemaValue& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  switch (a.kind) {
    case SchemaValue::Kind::null: return true;
    case SchemaValue::Kind::boolean: return a.boolean == b.boolean;
    case SchemaValue::Kind::number: return parse_decimal(a.text) == parse_decimal(b.text);
    case SchemaValue::Kind::string: return a.text == b.text;
    case SchemaValue::Kind::array:
      return std::equal(a.items.begin(), a.items.end(), b.items.begin(), equal);
    case SchemaValue::Kind::object: {
      const std::vector<std::size_t> of_a = members_by_key(a);
      const std::vector<std::size_t> of_b = members_by_key(b);
      return std::equal(of_a.begin(), of_a.end(), of_b.begin(), [&](std::size_t i, std::size_t j) {
        return a.keys[i] == b.keys[j] && equal(a.items[i], b.items[j]);
      });
    }
  }
  return false;
}

TUTTI_INLINE std::string json_string(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
    constexpr std::string_view kLetters = "\"\\bfnrt";
    if (const std::size_t at = kShort.find(c); at != std::string_view::npos) {
      result += {'\\', kLetters[at]};
    } else if (byte < 0x20) {
      result += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      result += c;
    }
  }
  return result + '"';
}

TUTTI_INLINE std::string json_text(const SchemaValue& value, std::string_view after_separator) {
  const bool is_object = value.is(SchemaValue::Kind::object);
  std::string result;
  switch (value.kind) {
    case SchemaValue::Kind::null: return "null";
    case SchemaValue::Kind::boolean: return value.boolean ? "true" : "false";
    case SchemaValue::Kind::number: return value.text;
    case SchemaValue::Kind::string: return json_string(value.text);
    case SchemaValue::Kind::array:
    case SchemaValue::Kind::object: break;
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    if (i > 0) result.append(",").append(after_separator);
    if (is_object) result.append(json_string(value.keys[i])).append(":").append(after_separator);
    result += json_text(value.items[i], after_separator);
  }
  return is_object ? "{" + result + "}" : "[" + result + "]";
}

}  // namespace tutti::grammar
