// SPDX-License-Identifier: Apache-2.0
#pragma once
// What several schemas that all hold say together: types, constants, bounds, members, items. A base
// of SchemaReader.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/grammar/detail/number_range.hpp"
#include "tutti/text/grammar/detail/schema_references.hpp"

namespace tutti::grammar {

class SchemaFacts : protected SchemaReferences {
 protected:
  using SchemaReferences::SchemaReferences;

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
};

}  // namespace tutti::grammar
