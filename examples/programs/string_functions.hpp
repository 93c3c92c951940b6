// SPDX-License-Identifier: Apache-2.0
#pragma once
// The functions that problems in the string language ask for: minimal, not trivial, and of one split each.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "programs/behaviour.hpp"
#include "programs/list_functions.hpp"
#include "programs/string_search.hpp"

namespace programs {

class StringFunctions {
 public:
  static constexpr std::size_t kLongest = 3;

  StringFunctions() {
    for (std::size_t d = kListDomains; d < domains().size(); ++d) {
      tables_.emplace_back(domains()[d].probes);
      by_operation_.emplace_back();
      const std::vector<ExpressionTable::Entry>& entries = tables_.back().entries();
      for (std::size_t i = 0; i < entries.size(); ++i) by_operation_.back()[entries[i].statement.operation].push_back(i);
    }
  }

  /// A function of the split that needs `length` expressions, if the program drawn is one. @pre 1 <= length <= kLongest
  [[nodiscard]] std::optional<Function> draw(Random& random, std::size_t length, Split split) const {
    const std::size_t table = random.below(tables_.size());
    Function function{{{{Type::text}, Type::text}, {}}, kListDomains + table, 0};
    std::vector<std::string> outputs(kProbes);
    for (const bool constant : draw_constants(random, length)) {
      const ExpressionTable::Entry* entry = constant ? draw_constant(random, table) : draw_part(random, table);
      if (entry == nullptr) return std::nullopt;
      function.program.statements.push_back(entry->statement);
      for (std::size_t i = 0; i < kProbes; ++i) outputs[i] += entry->outputs[i];
    }
    const std::vector<Value> values(outputs.begin(), outputs.end());
    function.behaviour = hash_values(values);
    if (split_of_hash(function.behaviour) != split || !is_interesting(outputs, function.domain)) return std::nullopt;
    if (length > 1 && tables_[table].shortest(outputs, length - 1)) return std::nullopt;
    if (split_of(function.program, function.behaviour) != split) return std::nullopt;
    return function;
  }

 private:
  /// Which expressions are constants: never two beside each other, seldom the first, most often between two parts of the input.
  [[nodiscard]] static std::vector<bool> draw_constants(Random& random, std::size_t length) {
    if (length == 1) return {false};
    if (length == 2) return random.pick(std::array<std::vector<bool>, 3>{{{false, false}, {false, true}, {true, false}}});
    return random.pick(std::array<std::vector<bool>, 6>{{{false, true, false},
                                                         {false, true, false},
                                                         {false, true, false},
                                                         {true, false, true},
                                                         {false, false, true},
                                                         {true, false, false}}});
  }

  /// Mostly punctuation, as between the parts of a text.
  [[nodiscard]] const ExpressionTable::Entry* draw_constant(Random& random, std::size_t table) const {
    const char character = random.chance(85) ? random.pick(kDelimiters) : random.pick(kCharacters);
    for (const std::size_t i : by_operation_[table][detail::kConstant]) {
      const ExpressionTable::Entry& entry = tables_[table].entries()[i];
      if (entry.statement.arguments[0] == character) return &entry;
    }
    return nullptr;
  }

  /// Operations in the proportions that people use them in, rather than by the number of their arguments.
  [[nodiscard]] const ExpressionTable::Entry* draw_part(Random& random, std::size_t table) const {
    using namespace detail;
    constexpr std::array<StringOperation, 20> kMix{kWord,      kWord,      kWord,     kWord,   kWord,    kWord, kNumber,
                                                   kNumber,    kNumber,    kUpTo,     kUpTo,   kFrom,    kFrom, kSubstring,
                                                   kSubstring, kSubstring, kCapitals, kDigits, kReplace, kText};
    const std::vector<std::size_t>& places = by_operation_[table][random.pick(kMix)];
    return places.empty() ? nullptr : &tables_[table].entries()[random.pick(places)];
  }

  /// Whether a text function is worth asking for: many different outputs, none of them the input.
  [[nodiscard]] static bool is_interesting(const std::vector<std::string>& outputs, std::size_t domain) {
    const std::vector<Inputs>& probes = domains()[domain].probes;
    std::size_t repeats = 0;
    for (std::size_t i = 0; i < kProbes; ++i) repeats += outputs[i] == std::get<std::string>(probes[i][0]) ? 1U : 0U;
    return std::unordered_set<std::string>(outputs.begin(), outputs.end()).size() >= kProbes / 4 && repeats * 4 <= kProbes;
  }

  std::vector<ExpressionTable> tables_;                                                       ///< One for each domain of texts.
  std::vector<std::array<std::vector<std::size_t>, kStringOperations.size()>> by_operation_;  ///< [table][operation]: places in the table
};

}  // namespace programs
