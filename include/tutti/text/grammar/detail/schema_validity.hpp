// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether a constant of a schema is valid under another part of it. A base of SchemaReader.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/text/grammar/detail/automaton.hpp"
#include "tutti/text/grammar/detail/program.hpp"
#include "tutti/text/grammar/detail/regex_parser.hpp"
#include "tutti/text/grammar/detail/schema_facts.hpp"
#include "tutti/text/grammar/detail/string_formats.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::grammar {

class SchemaValidity : protected SchemaFacts {
 protected:
  using SchemaFacts::SchemaFacts;

  [[nodiscard]] std::string_view format_pattern(const SchemaValue& format) const {
    const std::string_view pattern = pattern_of_format(format.text);
    if (pattern.empty()) {
      refuse(&format, "the format ", in_quotes(format.text), " is not supported; ",
             kSupportedFormats, " are");
    }
    return pattern;
  }

  [[nodiscard]] bool holds_for_all(const Conjunction& conjunction, const SchemaValue& value) {
    return std::all_of(conjunction.begin(), conjunction.end(),
                       [&](const SchemaValue* schema) { return holds(*schema, value); });
  }

  [[nodiscard]] bool holds(const SchemaValue& schema, const SchemaValue& value) {
    spend(16);
    if (schema.is(Kind::boolean)) return schema.boolean;
    refuse_cycles(schema, 0);
    if (const SchemaValue* const reference = schema.find("$ref"); reference != nullptr) {
      if (!holds(resolve(*reference), value)) return false;
    }
    const auto count = [&](const SchemaValue* list) {
      return list == nullptr ? 0
                             : std::count_if(list->items.begin(), list->items.end(),
                                             [&](auto& s) { return holds(s, value); });
    };
    const SchemaValue* const all_of = schema.find("allOf");
    const SchemaValue* const any_of = schema.find("anyOf");
    const SchemaValue* const one_of = schema.find("oneOf");
    if (all_of != nullptr && static_cast<std::size_t>(count(all_of)) != all_of->items.size())
      return false;
    if ((any_of != nullptr && count(any_of) == 0) || (one_of != nullptr && count(one_of) != 1))
      return false;
    if (const auto values = constants({&schema})) {
      const bool found = std::any_of(values->begin(), values->end(),
                                     [&](const SchemaValue* v) { return equal(*v, value); });
      if (!found) return false;
    }
    return own_keywords_hold(schema, value);
  }

  /// Without references, combinations and constants.
  [[nodiscard]] bool own_keywords_hold(const SchemaValue& schema, const SchemaValue& value) {
    if (schema.is(Kind::boolean)) return schema.boolean;
    const SchemaValue* const type = schema.find("type");
    if (type != nullptr && (type_bits(*type) & type_of(value)) == 0) return false;
    switch (value.kind) {
      case Kind::number: return holds_for_number({&schema}, value);
      case Kind::string: return holds_for_string({&schema}, value.text);
      case Kind::array: return holds_for_array({&schema}, value);
      case Kind::object: return holds_for_object({&schema}, value);
      default: return true;
    }
  }

  [[nodiscard]] bool holds_for_number(const Conjunction& schema, const SchemaValue& value) const {
    const auto [lower, upper] = bounds(schema);
    const Decimal number = parse_decimal(value.text);
    if (lower) {
      const int order = compare(number, lower->value);
      if (order < 0 || (order == 0 && lower->is_exclusive)) return false;
    }
    if (!upper) return true;
    const int order = compare(number, upper->value);
    return order < 0 || (order == 0 && !upper->is_exclusive);
  }

  [[nodiscard]] bool holds_for_string(const Conjunction& schema, std::string_view text) {
    std::uint64_t length = 0;
    for (std::size_t at = 0; at < text.size(); ++length) at += decode_utf8(text, at).length;
    const auto [min, max] = limits(schema, "minLength", "maxLength");
    if (length < min || (max != kUnbounded && length > max)) return false;
    for (const char* key : {"pattern", "format"}) {
      const SchemaValue* const value = schema.front()->find(key);
      if (value == nullptr) continue;
      Expressions expressions;
      const RuleId rule = expressions.add_rule(key);
      RegexOptions options;
      options.where = "JSON schema, at " + pointer_to(value);
      options.is_search = std::string_view(key) == "pattern";
      const std::string_view pattern = options.is_search ? std::string_view(value->text)
                                                         : format_pattern(*value);
      expressions.set_body(rule, parse_regex(pattern, expressions, options).expression);
      Automaton automaton(std::make_shared<const Program>(compile(expressions, rule)), 1);
      if (!automaton.accepts(automaton.next(automaton.start(), text))) return false;
    }
    return true;
  }

  [[nodiscard]] bool holds_for_array(const Conjunction& schema, const SchemaValue& value) {
    const auto [min, max] = limits(schema, "minItems", "maxItems");
    if (value.items.size() < min || (max != kUnbounded && value.items.size() > max)) return false;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      if (!holds_for_all(item_schemas(schema, i), value.items[i])) return false;
    }
    return true;
  }

  [[nodiscard]] bool holds_for_object(const Conjunction& schema, const SchemaValue& value) {
    for (const std::string& key : required_keys(schema)) {
      spend(value.keys.size());
      if (value.find(key) == nullptr) return false;
    }
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
      if (!holds_for_all(member_schemas(schema, value.keys[i]), value.items[i])) return false;
    }
    return true;
  }
};

}  // namespace tutti::grammar
