// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of json_schema.hpp.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/grammar/detail/automaton.hpp"
#include "tutti/text/grammar/detail/json_schema.hpp"
#include "tutti/text/grammar/detail/json_text.hpp"
#include "tutti/text/grammar/detail/number_range.hpp"
#include "tutti/text/grammar/detail/program.hpp"
#include "tutti/text/grammar/detail/regex_parser.hpp"
#include "tutti/text/grammar/detail/schema_value.hpp"
#include "tutti/text/grammar/detail/string_formats.hpp"
#include "tutti/text/unicode/utf8.hpp"

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

class SchemaReader {
 public:
  using Kind = SchemaValue::Kind;

  SchemaReader(std::string_view schema, const JsonSchemaOptions& options, Expressions& expressions)
      : root_(parse_schema_value(schema)),
        expressions_(expressions),
        json_(expressions, options.whitespace) {}

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
  static constexpr std::size_t kMaxAlternatives = 1024;
  static constexpr std::size_t kMaxChain = 256;
  static constexpr std::size_t kMaxSteps = std::size_t{1} << 25;

  // ------- Places and errors

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

  /// The empty language, for a reason.
  template <class... Parts>
  [[nodiscard]] ExprId conflict(const Conjunction& at, const Parts&... parts) {
    if (conflict_.empty()) {
      const detail::MessagePart list[] = {detail::MessagePart(parts)...};
      conflict_ = "at " + pointer_to(at.front()) + ": " + detail::message_of(list);
    }
    return expressions_.nothing();
  }

  /// Counts work that grows faster than the schema.
  void spend(std::size_t steps) const {
    steps_ += steps;
    require<GrammarError>(steps_ <= kMaxSteps, "JSON schema: reading it takes more than ",
                          kMaxSteps,
                          " steps: make its lists of constants, properties and branches shorter");
  }

  // ------- Keywords

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

  // ------- References, allOf, anyOf, oneOf

  [[nodiscard]] const SchemaValue& resolve(const SchemaValue& reference) const {
    std::string_view path = reference.text;
    if (!path.starts_with('#') || (path.size() > 1 && path[1] != '/')) {
      refuse(&reference, "the reference ", in_quotes(path),
             " is not supported: only \"#\" and \"#/...\" within the schema are");
    }
    const SchemaValue* at = &root_;
    path.remove_prefix(1);
    while (!path.empty()) {
      path.remove_prefix(1);
      const std::string_view raw = path.substr(0, path.find('/'));
      path.remove_prefix(raw.size());
      const std::string name = unescape_pointer(raw);
      const SchemaValue* next = nullptr;
      spend(at->keys.size());
      if (at->is(Kind::object)) next = at->find(name);
      if (at->is(Kind::array) && !name.empty() && name.size() < 9 &&
          name.find_first_not_of("0123456789") == std::string::npos &&
          std::stoul(name) < at->items.size())
        next = &at->items[std::stoul(name)];
      if (next == nullptr) {
        refuse(&reference, "the reference ", in_quotes(reference.text), " points to nothing at ",
               in_quotes(name));
      }
      at = next;
    }
    return *at;
  }

  static std::string unescape_pointer(std::string_view raw) {
    std::string name;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      const int high = i + 2 < raw.size() ? TextCursor::hexadecimal_digit(raw[i + 1]) : -1;
      const int low = i + 2 < raw.size() ? TextCursor::hexadecimal_digit(raw[i + 2]) : -1;
      if (raw[i] == '~' && i + 1 < raw.size() && (raw[i + 1] == '0' || raw[i + 1] == '1')) {
        name += raw[++i] == '0' ? '~' : '/';
      } else if (raw[i] == '%' && high >= 0 && low >= 0) {
        name += static_cast<char>(high * 16 + low);
        i += 2;
      } else {
        name += raw[i];
      }
    }
    return name;
  }

  /// The schemas that `schema` refers to without going into the value: they apply to the same
  /// value.
  template <class Visit>
  void visit_same_value(const SchemaValue& schema, const Visit& visit) const {
    if (const SchemaValue* const reference = schema.find("$ref"); reference != nullptr)
      visit(resolve(*reference));
    for (const char* key : {"allOf", "anyOf", "oneOf"}) {
      const SchemaValue* const list = schema.find(key);
      if (list == nullptr) continue;
      for (const SchemaValue& item : list->items) visit(item);
    }
  }

  /// @throws GrammarError for a schema that refers to itself for the same value.
  void refuse_cycles(const SchemaValue& schema, std::size_t depth) {
    check_keywords(schema);
    if (depth > kMaxChain)
      refuse(&schema, "more than ", kMaxChain, " references follow one another");
    const auto [mark, is_new] = marks_.try_emplace(&schema, true);
    if (!is_new && mark->second)
      refuse(&schema, "the schema refers to itself for the same value, without end");
    if (!is_new) return;
    visit_same_value(schema, [&](const SchemaValue& next) { refuse_cycles(next, depth + 1); });
    marks_[&schema] = false;
  }

  /// Adds `schema`, what it refers to and its allOf. Collects its anyOf and oneOf.
  void flatten(const SchemaValue* schema, Conjunction& all,
               std::vector<const SchemaValue*>& alternatives) const {
    spend(all.size());
    if (std::find(all.begin(), all.end(), schema) != all.end()) return;
    all.push_back(schema);
    if (!schema->is(Kind::object)) return;
    if (const SchemaValue* const reference = schema->find("$ref"); reference != nullptr)
      flatten(&resolve(*reference), all, alternatives);
    if (const SchemaValue* const list = schema->find("allOf"); list != nullptr) {
      for (const SchemaValue& item : list->items) flatten(&item, all, alternatives);
    }
    for (const char* key : {"anyOf", "oneOf"}) {
      const SchemaValue* const list = schema->find(key);
      if (list != nullptr) alternatives.push_back(list);
    }
  }

  /// The alternatives of a conjunction, each without references and alternatives of its own.
  [[nodiscard]] std::vector<Conjunction> expand(const Conjunction& conjunction) {
    for (const SchemaValue* const schema : conjunction) refuse_cycles(*schema, 0);
    std::vector<Conjunction> results;
    expand_further({}, {}, conjunction, results);
    return results;
  }

  void expand_further(Conjunction all, std::vector<const SchemaValue*> alternatives,
                      const Conjunction& added, std::vector<Conjunction>& results) {
    for (const SchemaValue* const schema : added) flatten(schema, all, alternatives);
    if (!alternatives.empty()) {
      const SchemaValue* const list = alternatives.back();
      alternatives.pop_back();
      for (const SchemaValue& item : list->items) {
        spend(all.size() + alternatives.size());
        expand_further(all, alternatives, {&item}, results);
      }
      return;
    }
    std::erase_if(all, [](const SchemaValue* schema) {
      return !has_constraints(schema) || (schema->is(Kind::boolean) && schema->boolean);
    });
    spend(results.size());
    if (std::find(results.begin(), results.end(), all) != results.end()) return;
    results.push_back(std::move(all));
    if (results.size() > kMaxAlternatives) {
      refuse_all(added, "anyOf and oneOf have more than ", kMaxAlternatives,
                 " combinations: simplify the schema");
    }
  }

  /// The expression of a value for which all of these schemas hold.
  ExprId value_of(const Conjunction& conjunction) {
    std::vector<ExprId> ways;
    const std::vector<Conjunction> alternatives = expand(conjunction);
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
      pending_.push_back({rule, conjunction});
    }
    return entry->second;
  }

  // ------- oneOf

  /// @throws GrammarError for a oneOf whose branches may hold at the same time.
  void check_one_of(const SchemaValue* schema, std::size_t depth) {
    if (!one_of_checked_.insert(schema).second || !schema->is(Kind::object)) return;
    visit_same_value(*schema, [&](const SchemaValue& next) { check_one_of(&next, depth + 1); });
    const SchemaValue* const list = schema->find("oneOf");
    if (list == nullptr) return;
    const SchemaValue* const type = schema->find("type");
    const unsigned types = type != nullptr ? type_bits(*type) : unsigned{kAllTypes};
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (are_disjoint({&list->items[j]}, {&list->items[i]}, types, 0)) continue;
        refuse(
            list, "branches ", j, " and ", i,
            " of oneOf may hold for the same value: use anyOf, or give them different types, or a "
            "required property with different constants");
      }
    }
  }

  /// @param types of values for which they must be disjoint.
  [[nodiscard]] bool are_disjoint(const Conjunction& a, const Conjunction& b, unsigned types,
                                  std::size_t depth) {
    if (depth > 8) return false;
    spend(16);
    const std::vector<Conjunction> of_a = expand(a);
    const std::vector<Conjunction> of_b = expand(b);
    return std::all_of(of_a.begin(), of_a.end(), [&](const Conjunction& x) {
      return std::all_of(of_b.begin(), of_b.end(), [&](const Conjunction& y) {
        return are_disjoint_conjunctions(x, y, types, depth);
      });
    });
  }

  [[nodiscard]] bool are_disjoint_conjunctions(const Conjunction& a, const Conjunction& b,
                                               unsigned types, std::size_t depth) {
    types &= explicit_types(a) & explicit_types(b);
    if (types == 0) return true;
    for (const auto& [x, y] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      const auto values = constants(*x);
      if (!values) continue;
      const bool none = std::none_of(values->begin(), values->end(), [&, other = y](auto* value) {
        return holds_for_all(*other, *value);
      });
      if (none) return true;
    }
    if ((types & ~unsigned{kNumberTypes}) == 0) return have_disjoint_bounds(a, b);
    if (types != kObjectType) return false;
    return have_disjoint_members(a, b, depth) || have_disjoint_members(b, a, depth);
  }

  [[nodiscard]] bool have_disjoint_bounds(const Conjunction& a, const Conjunction& b) const {
    Conjunction both = a;
    both.insert(both.end(), b.begin(), b.end());
    const auto [lower, upper] = bounds(both);
    if (!lower || !upper) return false;
    const int order = compare(lower->value, upper->value);
    return order > 0 || (order == 0 && (lower->is_exclusive || upper->is_exclusive));
  }

  /// Whether a member that `a` requires tells them apart.
  [[nodiscard]] bool have_disjoint_members(const Conjunction& a, const Conjunction& b,
                                           std::size_t depth) {
    const std::vector<std::string> required = required_keys(a);
    return std::any_of(required.begin(), required.end(), [&](const std::string& key) {
      const Conjunction of_b = member_schemas(b, key);
      if (of_b.empty()) return false;
      return are_disjoint(member_schemas(a, key), of_b, kAllTypes, depth + 1);
    });
  }

  [[nodiscard]] unsigned explicit_types(const Conjunction& conjunction) const {
    unsigned types = kAllTypes;
    for (const SchemaValue* const schema : conjunction) {
      if (schema->is(Kind::boolean)) return 0;
      if (const SchemaValue* const type = schema->find("type"); type != nullptr)
        types &= type_bits(*type);
    }
    if (const auto values = constants(conjunction)) {
      unsigned of_values = 0;
      for (const SchemaValue* const value : *values) of_values |= type_of(*value);
      types &= of_values;
    }
    return types;
  }

  // ------- Validity of a constant

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

  // ------- What a conjunction says

  /// The values of `enum` and `const`, those of the first list that are in all others.
  [[nodiscard]] std::optional<std::vector<const SchemaValue*>> constants(
      const Conjunction& conjunction) const {
    std::optional<std::vector<const SchemaValue*>> values;
    const auto restrict_to = [&values, this](std::span<const SchemaValue> list) {
      spend(list.size() * (values ? values->size() : 1));
      if (!values) {
        values.emplace();
        for (const SchemaValue& value : list) values->push_back(&value);
        return;
      }
      std::erase_if(*values, [list](const SchemaValue* value) {
        return std::none_of(list.begin(), list.end(),
                            [value](const SchemaValue& other) { return equal(*value, other); });
      });
    };
    for (const SchemaValue* const schema : conjunction) {
      if (const SchemaValue* const list = schema->find("enum"); list != nullptr)
        restrict_to(list->items);
      if (const SchemaValue* const value = schema->find("const"); value != nullptr)
        restrict_to(std::span(value, 1));
    }
    return values;
  }

  [[nodiscard]] static std::pair<std::optional<NumberBound>, std::optional<NumberBound>> bounds(
      const Conjunction& conjunction) {
    std::optional<NumberBound> lower;
    std::optional<NumberBound> upper;
    const auto tighten = [](std::optional<NumberBound>& bound, const SchemaValue* value,
                            bool is_exclusive, int sign) {
      if (value == nullptr) return;
      const Decimal number = parse_decimal(value->text);
      const int order = bound ? sign * compare(number, bound->value) : 1;
      if (order > 0 || (order == 0 && is_exclusive)) bound = NumberBound{number, is_exclusive};
    };
    for (const SchemaValue* const schema : conjunction) {
      tighten(lower, schema->find("minimum"), false, 1);
      tighten(lower, schema->find("exclusiveMinimum"), true, 1);
      tighten(upper, schema->find("maximum"), false, -1);
      tighten(upper, schema->find("exclusiveMaximum"), true, -1);
    }
    return {lower, upper};
  }

  /// @returns a minimum and a maximum, kUnbounded without one.
  [[nodiscard]] static std::pair<std::uint32_t, std::uint32_t> limits(
      const Conjunction& conjunction, const char* min_key, const char* max_key) {
    constexpr std::uint32_t kMaxLimit = 1'000'000'000;  // no text is longer
    const auto read = [](const SchemaValue& value) {
      const Decimal number = parse_decimal(value.text);
      if (number.integer.empty()) return std::uint32_t{0};
      return number.integer.size() > 9 ? kMaxLimit
                                       : static_cast<std::uint32_t>(std::stoul(number.integer));
    };
    std::uint32_t min = 0;
    std::uint32_t max = kUnbounded;
    for (const SchemaValue* const schema : conjunction) {
      if (const SchemaValue* const value = schema->find(min_key); value != nullptr)
        min = std::max(min, read(*value));
      if (const SchemaValue* const value = schema->find(max_key); value != nullptr)
        max = std::min(max, read(*value));
    }
    return {min, max};
  }

  [[nodiscard]] static std::vector<std::string> required_keys(const Conjunction& conjunction) {
    std::vector<std::string> keys;
    for (const SchemaValue* const schema : conjunction) {
      const SchemaValue* const list = schema->find("required");
      if (list == nullptr) continue;
      for (const SchemaValue& name : list->items) keys.push_back(name.text);
    }
    return keys;
  }

  /// The schemas of the member `key`.
  [[nodiscard]] Conjunction member_schemas(const Conjunction& conjunction,
                                           std::string_view key) const {
    Conjunction schemas;
    for (const SchemaValue* const schema : conjunction) {
      const SchemaValue* const properties = schema->find("properties");
      spend(properties != nullptr ? properties->keys.size() : 1);
      const SchemaValue* member = properties != nullptr ? properties->find(key) : nullptr;
      if (member == nullptr) member = schema->find("additionalProperties");
      if (member != nullptr) schemas.push_back(member);
    }
    return schemas;
  }

  /// The schemas of the item `at`.
  [[nodiscard]] Conjunction item_schemas(const Conjunction& conjunction, std::size_t at) const {
    Conjunction schemas;
    for (const SchemaValue* const schema : conjunction) {
      const SchemaValue* const prefix = schema->find("prefixItems");
      const SchemaValue* item = schema->find("items");
      if (item != nullptr && item->is(Kind::array))
        refuse(item, "\"items\" must be a schema; lists of schemas are \"prefixItems\"");
      if (prefix != nullptr && at < prefix->items.size()) item = &prefix->items[at];
      if (item != nullptr) schemas.push_back(item);
    }
    return schemas;
  }

  // ------- Expressions

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

  [[nodiscard]] std::string_view format_pattern(const SchemaValue& format) const {
    const std::string_view pattern = pattern_of_format(format.text);
    if (pattern.empty()) {
      refuse(&format, "the format ", in_quotes(format.text), " is not supported; ",
             kSupportedFormats, " are");
    }
    return pattern;
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

  SchemaValue root_;
  Expressions& expressions_;
  JsonText json_;
  std::map<Conjunction, ExprId> rules_;  ///< By sorted conjunction.
  std::vector<std::pair<RuleId, Conjunction>> pending_;
  std::set<const SchemaValue*> checked_;
  std::set<const SchemaValue*> one_of_checked_;
  std::string conflict_;
  mutable std::size_t steps_ = 0;
  std::map<const SchemaValue*, bool> marks_;  ///< Whether refuse_cycles is within the schema.
};

TUTTI_INLINE JsonSchemaResult read_json_schema(std::string_view schema,
                                               const JsonSchemaOptions& options,
                                               Expressions& expressions) {
  return SchemaReader(schema, options, expressions).read();
}

}  // namespace tutti::grammar
