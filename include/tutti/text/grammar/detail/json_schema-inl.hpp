// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of json_schema.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/grammar/detail/json_schema.hpp"
#include "tutti/text/grammar/detail/json_text.hpp"
#include "tutti/text/grammar/detail/number_range.hpp"
#include "tutti/text/grammar/detail/regex_parser.hpp"
#include "tutti/text/grammar/detail/schema_branches.hpp"

namespace tutti::grammar {

/// Translates a schema to rules, one for each set of schemas that hold for the same value.
class SchemaReader : private SchemaBranches {
 public:
  SchemaReader(std::string_view schema, const JsonSchemaOptions& options, Expressions& expressions)
      : SchemaBranches(schema), expressions_(expressions), json_(expressions, options.whitespace) {}

  JsonSchemaResult read() {
    const RuleId root = expressions_.add_rule("#");
    const ExprId body = value_of({&root_});
    while (!pending_.empty()) {
      auto [rule, conjunction] = std::move(pending_.back());
      pending_.pop_back();
      expressions_.set_body(rule, compile_conjunction(conjunction));
    }
    expressions_.set_body(root, body);
    return {root, conflict_};
  }

 private:
  /// The empty language, for a reason.
  template <class... Parts>
  [[nodiscard]] ExprId conflict(const Conjunction& at, const Parts&... parts) {
    if (conflict_.empty()) {
      const detail::MessagePart list[] = {detail::MessagePart(parts)...};
      conflict_ = "at " + pointer_to(at.front()) + ": " + detail::message_of(list);
    }
    return expressions_.nothing();
  }

  /// The expression of a value for which all of these schemas hold.
  ExprId value_of(const Conjunction& conjunction) {
    std::vector<ExprId> ways;
    const std::vector<Conjunction> alternatives = expand(conjunction);
    ways.reserve(alternatives.size());
    for (const SchemaValue* const schema : conjunction) check_one_of(schema, 0);
    for (const Conjunction& one : alternatives) ways.push_back(rule_of(one));
    return expressions_.choice(ways);
  }

  ExprId rule_of(const Conjunction& conjunction) {
    if (conjunction.empty()) return json_.value();
    Conjunction key = conjunction;
    std::sort(key.begin(), key.end(), std::less<>());
    const auto [entry, is_new] = rules_.try_emplace(std::move(key));
    if (is_new) {
      const RuleId rule = expressions_.add_rule("schema");
      entry->second = expressions_.rule(rule);
      pending_.emplace_back(rule, conjunction);
    }
    return entry->second;
  }

  /// Types that the keywords speak of, for schemas without `type`.
  [[nodiscard]] static unsigned types_of_keywords(const Conjunction& conjunction) {
    constexpr std::pair<std::string_view, unsigned> kKeywords[] = {
        {"properties", kObjectType},
        {"required", kObjectType},
        {"additionalProperties", kObjectType},
        {"items", kArrayType},
        {"prefixItems", kArrayType},
        {"minItems", kArrayType},
        {"maxItems", kArrayType},
        {"minLength", kStringType},
        {"maxLength", kStringType},
        {"pattern", kStringType},
        {"format", kStringType},
        {"minimum", kNumberTypes},
        {"maximum", kNumberTypes},
        {"exclusiveMinimum", kNumberTypes},
        {"exclusiveMaximum", kNumberTypes}};
    unsigned types = 0;
    for (const SchemaValue* const schema : conjunction) {
      if (schema->find("type") != nullptr) return kAllTypes;
      for (const auto& [key, bits] : kKeywords) types |= schema->find(key) != nullptr ? bits : 0;
    }
    return types == 0 ? unsigned{kAllTypes} : types;
  }

  ExprId compile_conjunction(const Conjunction& conjunction) {
    if (const auto values = constants(conjunction)) return compile_constants(conjunction, *values);
    const unsigned types = explicit_types(conjunction);
    if (types == 0) return conflict(conjunction, "no type is allowed, or the schema is false");
    const unsigned written = types & types_of_keywords(conjunction);
    std::vector<ExprId> ways;
    if ((written & kNullType) != 0) ways.push_back(expressions_.bytes("null"));
    if ((written & kBooleanType) != 0) ways.push_back(expressions_.literals({"true", "false"}));
    if ((written & kNumberTypes) != 0)
      ways.push_back(compile_number(conjunction, (written & kFractionType) == 0));
    if ((written & kStringType) != 0) ways.push_back(compile_string(conjunction));
    if ((written & kArrayType) != 0) ways.push_back(compile_array(conjunction));
    if ((written & kObjectType) != 0) ways.push_back(compile_object(conjunction));
    return expressions_.choice(ways);
  }

  ExprId compile_constants(const Conjunction& conjunction,
                           const std::vector<const SchemaValue*>& values) {
    std::vector<std::string> texts;
    std::vector<ExprId> ways;
    for (const SchemaValue* const value : values) {
      // That they are in all lists of constants is known.
      const bool is_valid = std::all_of(
          conjunction.begin(), conjunction.end(),
          [&](const SchemaValue* schema) { return own_keywords_hold(*schema, *value); });
      if (!is_valid) continue;
      if (json_.is_flexible() && !value->items.empty()) {
        ways.push_back(compile_constant(*value));
      } else {
        texts.push_back(json_text(*value, json_.after_separator()));
      }
    }
    if (texts.empty() && ways.empty())
      return conflict(conjunction, "none of ", values.size(), " constants satisfies the schema");
    ways.push_back(expressions_.literals(std::move(texts)));
    return expressions_.choice(ways);
  }

  /// A constant with white space wherever it may be.
  ExprId compile_constant(const SchemaValue& value) {
    if (value.items.empty()) return expressions_.bytes(json_text(value, ""));
    std::vector<ExprId> parts;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      if (i > 0) parts.push_back(json_.comma());
      const ExprId item = compile_constant(value.items[i]);
      parts.push_back(value.is(Kind::array)
                          ? json_.item(item)
                          : json_.member(expressions_.bytes(json_string(value.keys[i])), item));
    }
    const ExprId all = expressions_.sequence(parts);
    return value.is(Kind::array) ? json_.array(all) : json_.object(all);
  }

  ExprId compile_number(const Conjunction& conjunction, bool is_integer) {
    const auto [lower, upper] = bounds(conjunction);
    for (const std::optional<NumberBound>& bound : {lower, upper}) {
      if (!bound || is_integer || bound->value.is_integer()) continue;
      const std::size_t digits = std::max<std::size_t>(bound->value.integer.size(), 1) +
                                 bound->value.fraction.size();
      if (digits > kMaxBoundedDigits) {
        refuse_all(conjunction, "a bound of a number has ", digits, " digits, at most ",
                   kMaxBoundedDigits, " are supported");
      }
    }
    const ExprId number = number_between(expressions_, lower, upper, is_integer);
    return number != expressions_.nothing()
               ? number
               : conflict(conjunction, "no ", is_integer ? "integer" : "number",
                          " is within the bounds");
  }

  ExprId compile_string(const Conjunction& conjunction) {
    const auto [min, max] = limits(conjunction, "minLength", "maxLength");
    const SchemaValue* pattern = nullptr;
    bool is_format = false;
    for (const SchemaValue* const schema : conjunction) {
      for (const char* key : {"pattern", "format"}) {
        const SchemaValue* const found = schema->find(key);
        if (found == nullptr) continue;
        const bool found_format = std::string_view(key) == "format";
        if (pattern != nullptr && (found_format != is_format || found->text != pattern->text)) {
          refuse(found, "a pattern or format beside another one (", pointer_to(pattern),
                 ") is not supported: write one pattern for both");
        }
        pattern = found;
        is_format = found_format;
      }
    }
    if (min > max) return conflict(conjunction, "minLength ", min, " is above maxLength ", max);
    if (pattern == nullptr) return json_.string(min, max);
    RegexOptions options;
    options.where = "JSON schema, at " + pointer_to(pattern);
    options.is_search = !is_format;
    options.write = [this](const CodePointSet& set) { return json_.character(set); };
    const RegexResult regex = parse_regex(
        is_format ? format_pattern(*pattern) : std::string_view(pattern->text), expressions_,
        options);
    const ExprId quote = expressions_.bytes("\"");
    return expressions_.sequence({quote, within_limits(regex, min, max, pattern), quote});
  }

  ExprId within_limits(const RegexResult& regex, std::uint32_t min, std::uint32_t max,
                       const SchemaValue* pattern) {
    const std::uint64_t longest = max == kUnbounded ? RegexResult::kMaxLength : max;
    if (regex.min_length >= min && regex.max_length <= longest) return regex.expression;
    if (regex.max_length < min || regex.min_length > longest)
      return conflict({pattern}, "no text that matches has ", min, " to ", longest, " characters");
    if (regex.repeated_character) {
      const auto count = [](std::uint64_t length) {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(length, kUnbounded));
      };
      return expressions_.repeat(*regex.repeated_character, std::max(min, count(regex.min_length)),
                                 std::min(max, count(regex.max_length)));
    }
    refuse(pattern,
           "minLength or maxLength beside a pattern is supported only where the pattern "
           "repeats one class of characters, or implies them: put the lengths into the "
           "pattern");
  }

  ExprId compile_array(const Conjunction& conjunction) {
    auto [min, max] = limits(conjunction, "minItems", "maxItems");
    std::size_t prefix = 0;
    bool has_items = false;
    for (const SchemaValue* const schema : conjunction) {
      if (const SchemaValue* const list = schema->find("prefixItems"); list != nullptr)
        prefix = std::max(prefix, list->items.size());
      has_items = has_items || schema->find("items") != nullptr;
    }
    // As objects have only their properties, arrays have only their prefix, unless more is said.
    if (prefix > 0 && !has_items && min <= prefix)
      max = std::min(max, static_cast<std::uint32_t>(prefix));
    if (min > max) return conflict(conjunction, "minItems ", min, " is above maxItems ", max);
    prefix = std::min<std::size_t>(prefix, max);
    const auto written = static_cast<std::uint32_t>(prefix);
    const std::uint32_t rest_min = min > written ? min - written : 0;
    const std::uint32_t rest_max = max == kUnbounded ? max : max - written;
    const ExprId rest_item = rest_max == 0
                                 ? expressions_.nothing()
                                 : json_.item(value_of(item_schemas(conjunction, prefix)));
    if (prefix == 0) return json_.array(json_.list(rest_item, rest_min, rest_max));
    ExprId after = expressions_.repeat(expressions_.sequence({json_.comma(), rest_item}), rest_min,
                                       rest_max);
    for (std::size_t i = prefix; i-- > 0;) {
      const ExprId item = json_.item(value_of(item_schemas(conjunction, i)));
      const ExprId comma = i > 0 ? json_.comma() : expressions_.empty();
      after = expressions_.sequence({comma, item, after});
      if (i >= min) after = expressions_.optional(after);
      // A rule each: the tail of a long prefix must not be nested that deeply.
      const RuleId rule = expressions_.add_rule("items");
      expressions_.set_body(rule, after);
      after = expressions_.rule(rule);
    }
    return json_.array(after);
  }

  /// The keys that are written, in the order of the schemas, and then what else is required.
  [[nodiscard]] static std::vector<std::string> written_keys(
      const Conjunction& conjunction, const std::vector<std::string>& required) {
    std::vector<std::string> keys;
    std::set<std::string, std::less<>> known;
    const auto add = [&](const std::string& key) {
      if (known.insert(key).second) keys.push_back(key);
    };
    for (const SchemaValue* const schema : conjunction) {
      const SchemaValue* const properties = schema->find("properties");
      if (properties == nullptr) continue;
      for (const std::string& key : properties->keys) add(key);
    }
    for (const std::string& key : required) add(key);
    return keys;
  }

  ExprId compile_object(const Conjunction& conjunction) {
    const std::vector<std::string> required = required_keys(conjunction);
    const std::set<std::string, std::less<>> is_required(required.begin(), required.end());
    const std::vector<std::string> keys = written_keys(conjunction, required);
    const ExprId others = compile_other_members(conjunction, keys);
    // Two chains of rules: no member has been written yet, or one has, and a comma comes first.
    ExprId first = others == expressions_.nothing() ? expressions_.empty()
                                                    : json_.list(others, 0, kUnbounded);
    ExprId after = expressions_.repeat(expressions_.sequence({json_.comma(), others}), 0,
                                       kUnbounded);
    for (std::size_t i = keys.size(); i-- > 0;) {
      const ExprId value = value_of(member_schemas(conjunction, keys[i]));
      const ExprId member = as_rule("member",
                                    json_.member(expressions_.bytes(json_string(keys[i])), value));
      ExprId with_first = expressions_.sequence({member, after});
      ExprId with_after = expressions_.sequence({json_.comma(), member, after});
      if (is_required.find(keys[i]) == is_required.end()) {
        with_first = expressions_.choice({with_first, first});
        with_after = expressions_.choice({with_after, after});
      }
      first = as_rule("members", with_first);
      after = as_rule("members", with_after);
    }
    return json_.object(first);
  }

  ExprId as_rule(const char* name, ExprId body) {
    const RuleId rule = expressions_.add_rule(name);
    expressions_.set_body(rule, body);
    return expressions_.rule(rule);
  }

  /// A member with another key; `nothing` if there may be none.
  ExprId compile_other_members(const Conjunction& conjunction,
                               const std::vector<std::string>& keys) {
    Conjunction additional;
    bool has_properties = false;
    for (const SchemaValue* const schema : conjunction) {
      const SchemaValue* const found = schema->find("additionalProperties");
      if (found != nullptr) additional.push_back(found);
      has_properties = has_properties || schema->find("properties") != nullptr;
    }
    if (additional.empty() && has_properties) return expressions_.nothing();
    const ExprId value = value_of(additional);
    if (value == expressions_.nothing()) return value;
    return as_rule("other member", json_.member(json_.other_string(keys), value));
  }

  Expressions& expressions_;
  JsonText json_;
  std::map<Conjunction, ExprId> rules_;  ///< By sorted conjunction.
  std::vector<std::pair<RuleId, Conjunction>> pending_;
  std::string conflict_;
};

TUTTI_INLINE JsonSchemaResult read_json_schema(std::string_view schema,
                                               const JsonSchemaOptions& options,
                                               Expressions& expressions) {
  return SchemaReader(schema, options, expressions).read();
}

}  // namespace tutti::grammar
