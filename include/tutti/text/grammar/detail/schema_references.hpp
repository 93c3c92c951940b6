// SPDX-License-Identifier: Apache-2.0
#pragma once
// $ref, allOf, anyOf and oneOf of a schema: which schemas hold for the same value. A base of
// SchemaReader.

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/grammar/detail/schema_document.hpp"
#include "tutti/text/grammar/detail/text_cursor.hpp"

namespace tutti::grammar {

class SchemaReferences : protected SchemaDocument {
 protected:
  using SchemaDocument::SchemaDocument;

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

 private:
  static constexpr std::size_t kMaxAlternatives = 1024;
  static constexpr std::size_t kMaxChain = 256;

  std::map<const SchemaValue*, bool> marks_;  ///< Whether refuse_cycles is within the schema.
};

}  // namespace tutti::grammar
