// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether the branches of a oneOf exclude each other, in which case it is an anyOf. A base of
// SchemaReader.

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tutti/text/grammar/detail/schema_validity.hpp"

namespace tutti::grammar {

class SchemaBranches : protected SchemaValidity {
 protected:
  using SchemaValidity::SchemaValidity;

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

 private:
  std::set<const SchemaValue*> one_of_checked_;
};

}  // namespace tutti::grammar
