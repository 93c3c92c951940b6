// SPDX-License-Identifier: Apache-2.0
#pragma once
// The keywords of a schema, checked, and its errors with their places. A base of SchemaReader.

#include <algorithm>
#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/grammar/detail/schema_value.hpp"
#include "tutti/text/grammar/grammar_error.hpp"

namespace tutti::grammar {

/// A set of JSON types. Integers are numbers, so "number" is two bits.
enum TypeBits : unsigned {
  kNullType = 1,
  kBooleanType = 2,
  kIntegerType = 4,
  kFractionType = 8,
  kStringType = 16,
  kArrayType = 32,
  kObjectType = 64,
  kNumberTypes = kIntegerType | kFractionType,
  kAllTypes = 127,
};

/// Schemas that all hold, without references and alternatives: what remains are their own keywords.
using Conjunction = std::vector<const SchemaValue*>;
class SchemaDocument {
 protected:
  using Kind = SchemaValue::Kind;

  explicit SchemaDocument(std::string_view schema) : root_(parse_schema_value(schema)) {}

  static bool find_path(const SchemaValue& from, const SchemaValue* wanted, std::string& path) {
    if (&from == wanted) return true;
    for (std::size_t i = 0; i < from.items.size(); ++i) {
      const std::size_t length = path.size();
      path += '/';
      if (from.is(Kind::array)) path += std::to_string(i);
      for (const char c : from.is(Kind::object) ? from.keys[i] : std::string()) {
        if (c == '~' || c == '/') {
          path.append(c == '~' ? "~0" : "~1");
        } else {
          path += c;
        }
      }
      if (find_path(from.items[i], wanted, path)) return true;
      path.resize(length);
    }
    return false;
  }

  [[nodiscard]] std::string pointer_to(const SchemaValue* value) const {
    std::string path = "#";
    find_path(root_, value, path);
    return escaped(path, 200);
  }

  template <class... Parts>
  [[noreturn]] void refuse(const SchemaValue* at, const Parts&... parts) const {
    fail<GrammarError>("JSON schema, at ", pointer_to(at), ": ", parts...);
  }

  template <class... Parts>
  [[noreturn]] void refuse_all(const Conjunction& at, const Parts&... parts) const {
    refuse(at.empty() ? &root_ : at.front(), parts...);
  }

  /// Counts work that grows faster than the schema.
  void spend(std::size_t steps) const {
    steps_ += steps;
    require<GrammarError>(steps_ <= kMaxSteps, "JSON schema: reading it takes more than ",
                          kMaxSteps,
                          " steps: make its lists of constants, properties and branches shorter");
  }

  static bool is_one_of(std::string_view key, std::span<const std::string_view> names) {
    return std::find(names.begin(), names.end(), key) != names.end();
  }

  static bool is_annotation(std::string_view key) {
    constexpr std::string_view kNames[] = {"title",    "description", "default",    "examples",
                                           "$comment", "deprecated",  "readOnly",   "writeOnly",
                                           "$schema",  "$defs",       "definitions"};
    return is_one_of(key, kNames);
  }

  static bool is_constraint(std::string_view key) {
    constexpr std::string_view kNames[] = {"type",
                                           "enum",
                                           "const",
                                           "properties",
                                           "required",
                                           "additionalProperties",
                                           "items",
                                           "prefixItems",
                                           "minItems",
                                           "maxItems",
                                           "minLength",
                                           "maxLength",
                                           "pattern",
                                           "format",
                                           "minimum",
                                           "maximum",
                                           "exclusiveMinimum",
                                           "exclusiveMaximum"};
    return is_one_of(key, kNames);
  }

  static bool has_constraints(const SchemaValue* schema) {
    return !schema->is(Kind::object) ||
           std::any_of(schema->keys.begin(), schema->keys.end(), is_constraint);
  }

  void check_keywords(const SchemaValue& schema) {
    if (!checked_.insert(&schema).second) return;
    if (!schema.is(Kind::object)) {
      if (!schema.is(Kind::boolean)) refuse(&schema, "a schema is an object, true or false");
      return;
    }
    for (std::size_t i = 0; i < schema.keys.size(); ++i) {
      const std::string& key = schema.keys[i];
      const SchemaValue& value = schema.items[i];
      if (key == "$ref" || key == "allOf" || key == "anyOf" || key == "oneOf") continue;
      if (is_annotation(key) || is_constraint(key)) continue;
      if (key == "$id" && &schema == &root_) continue;
      if (key == "uniqueItems" && value.is(Kind::boolean) && !value.boolean) continue;
      refuse(&value, "the keyword ", in_quotes(key),
             " is not supported; docs/structured_output.md lists those that are");
    }
    check_types(schema);
  }

  void check_types(const SchemaValue& schema) const {
    const auto expect = [&](std::string_view key, Kind kind, const char* what) {
      const SchemaValue* const value = schema.find(key);
      if (value != nullptr && !value->is(kind)) refuse(value, in_quotes(key), " must be ", what);
      return value;
    };
    for (const char* key : {"allOf", "anyOf", "oneOf", "enum", "prefixItems", "required"})
      expect(key, Kind::array, "an array");
    for (const char* key : {"allOf", "anyOf", "oneOf"}) {
      const SchemaValue* const value = schema.find(key);
      if (value != nullptr && value->items.empty()) refuse(value, in_quotes(key), " is empty");
    }
    for (const char* key : {"$ref", "pattern", "format"}) expect(key, Kind::string, "a string");
    for (const char* key : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
      expect(key, Kind::number, "a number");
    for (const char* key : {"minItems", "maxItems", "minLength", "maxLength"}) {
      const SchemaValue* const value = expect(key, Kind::number, "a number");
      if (value == nullptr) continue;
      const Decimal number = parse_decimal(value->text);
      if (number.is_negative || !number.is_integer())
        refuse(value, in_quotes(key), " must be a whole number of at least 0");
    }
    expect("properties", Kind::object, "an object");
    if (const SchemaValue* const required = schema.find("required"); required != nullptr) {
      for (const SchemaValue& name : required->items) {
        if (!name.is(Kind::string)) refuse(&name, "\"required\" must list strings");
      }
    }
    if (const SchemaValue* const type = schema.find("type"); type != nullptr)
      static_cast<void>(type_bits(*type));
  }

  [[nodiscard]] unsigned type_bits(const SchemaValue& type) const {
    if (type.is(Kind::array)) {
      unsigned bits = 0;
      for (const SchemaValue& item : type.items) bits |= type_bits(item);
      return bits;
    }
    constexpr std::pair<std::string_view, unsigned> kTypes[] = {
        {"null", kNullType},      {"boolean", kBooleanType}, {"integer", kIntegerType},
        {"number", kNumberTypes}, {"string", kStringType},   {"array", kArrayType},
        {"object", kObjectType}};
    for (const auto& [name, bits] : kTypes) {
      if (type.is(Kind::string) && type.text == name) return bits;
    }
    refuse(&type, "\"type\" must be null, boolean, integer, number, string, array or object");
  }

  [[nodiscard]] static unsigned type_of(const SchemaValue& value) {
    switch (value.kind) {
      case Kind::null: return kNullType;
      case Kind::boolean: return kBooleanType;
      case Kind::number:
        return parse_decimal(value.text).is_integer() ? kIntegerType : kFractionType;
      case Kind::string: return kStringType;
      case Kind::array: return kArrayType;
      case Kind::object: return kObjectType;
    }
    return 0;
  }

  SchemaValue root_;

 private:
  static constexpr std::size_t kMaxSteps = std::size_t{1} << 25;

  std::set<const SchemaValue*> checked_;
  mutable std::size_t steps_ = 0;
};

}  // namespace tutti::grammar
