// SPDX-License-Identifier: Apache-2.0
#pragma once
// The functions that problems in the string language ask for: minimal, not trivial, and of one
// split each.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "programs/behavior.hpp"
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
      for (std::size_t i = 0; i < entries.size(); ++i) {
        if (is_natural(entries[i].statement))
          by_operation_.back()[entries[i].statement.operation].push_back(i);
      }
    }
  }

  /// A function of the split that needs `length` expressions, if the program drawn is one. @pre 1
  /// <= length <= kLongest
  [[nodiscard]] std::optional<Function> draw(Random& random, std::size_t length,
                                             Split split) const {
    const std::size_t table = random.below(tables_.size());
    Function function{{{{Type::text}, Type::text}, {}}, kListDomains + table, 0};
    std::vector<std::string> outputs(kProbes);
    for (const char constant : draw_pattern(random, length)) {
      const ExpressionTable::Entry* entry = constant != kPart ? find_constant(constant, table)
                                                              : draw_part(random, table);
      if (entry == nullptr || !goes_with(function.program.statements, entry->statement))
        return std::nullopt;
      function.program.statements.push_back(entry->statement);
      for (std::size_t i = 0; i < kProbes; ++i) outputs[i] += entry->outputs[i];
    }
    const std::vector<Value> values(outputs.begin(), outputs.end());
    function.behavior = hash_values(values);
    if (split_of_hash(function.behavior) != split || !is_interesting(outputs, function.domain))
      return std::nullopt;
    if (length > 1 && tables_[table].shortest(outputs, length - 1)) return std::nullopt;
    if (split_of(function.program, function.behavior) != split) return std::nullopt;
    return function;
  }

 private:
  static constexpr char kPart = '?';

  [[nodiscard]] static bool takes_all(const Statement& statement) {
    return statement.operation == detail::kText || statement.operation == detail::kReplace;
  }

  /// What people would ask for: parts at either end of a text rather than in the middle of words,
  /// usual punctuation.
  [[nodiscard]] static bool is_natural(const Statement& statement) {
    const auto [first, second] = statement.arguments;
    if (statement.operation == detail::kSubstring)
      return (first == 1 && second > 0 && second <= 5) ||
             (second == -1 && first < 0 && first >= -5);
    if (statement.operation == detail::kReplace)
      return std::string_view(" .,-/_:").find(static_cast<char>(second)) != std::string_view::npos;
    return true;
  }

  /// Whether nobody would wonder at `next` behind `others`: no part twice, the whole text only with
  /// constants.
  [[nodiscard]] static bool goes_with(const std::vector<Statement>& others, const Statement& next) {
    if (next.operation == detail::kConstant) return true;
    return std::none_of(others.begin(), others.end(), [&](const Statement& other) {
      if (other.operation == detail::kConstant) return false;
      return takes_all(other) || takes_all(next) ||
             (other.operation == next.operation && other.arguments == next.arguments);
    });
  }

  /// A part of the text for each kPart, a constant for each other character: most often something
  /// between two parts, sometimes a mark before or brackets around one.
  [[nodiscard]] static std::string draw_pattern(Random& random, std::size_t length) {
    constexpr std::string_view kBetween = "   ...,,---//__:@#";
    constexpr std::string_view kBefore = "#@+-.";
    if (length == 1) return {kPart};
    const char between = random.pick(kBetween);
    const char before = random.pick(kBefore);
    const std::size_t kind = random.below(10);
    if (length == 2)
      return kind < 5   ? std::string{kPart, kPart}
             : kind < 8 ? std::string{kPart, between}
                        : std::string{before, kPart};
    if (kind < 6) return {kPart, between, kPart};
    if (kind < 7) return {'(', kPart, ')'};
    if (kind < 8) return {before, kPart, kPart};
    return kind < 9 ? std::string{kPart, kPart, between} : std::string{kPart, kPart, kPart};
  }

  [[nodiscard]] const ExpressionTable::Entry* find_constant(char character,
                                                            std::size_t table) const {
    for (const std::size_t i : by_operation_[table][detail::kConstant]) {
      const ExpressionTable::Entry& entry = tables_[table].entries()[i];
      if (entry.statement.arguments[0] == character) return &entry;
    }
    return nullptr;
  }

  /// Operations in the proportions that people use them in, rather than by the number of their
  /// arguments.
  [[nodiscard]] const ExpressionTable::Entry* draw_part(Random& random, std::size_t table) const {
    using namespace detail;
    constexpr std::array<StringOperation, 20> kMix{
        kWord,      kWord,      kWord,     kWord,   kWord,    kWord, kNumber,
        kNumber,    kNumber,    kUpTo,     kUpTo,   kFrom,    kFrom, kSubstring,
        kSubstring, kSubstring, kCapitals, kDigits, kReplace, kText};
    const std::vector<std::size_t>& places = by_operation_[table][random.pick(kMix)];
    return places.empty() ? nullptr : &tables_[table].entries()[random.pick(places)];
  }

  /// Whether a text function is worth asking for: many different outputs, none of them the input.
  [[nodiscard]] static bool is_interesting(const std::vector<std::string>& outputs,
                                           std::size_t domain) {
    const std::vector<Inputs>& probes = domains()[domain].probes;
    std::size_t repeats = 0;
    for (std::size_t i = 0; i < kProbes; ++i)
      repeats += outputs[i] == std::get<std::string>(probes[i][0]) ? 1U : 0U;
    return std::unordered_set<std::string>(outputs.begin(), outputs.end()).size() >= kProbes / 4 &&
           repeats * 4 <= kProbes;
  }

  std::vector<ExpressionTable> tables_;  ///< One for each domain of texts.
  /// [table][operation]: places in the table
  std::vector<std::array<std::vector<std::size_t>, kStringOperations.size()>> by_operation_;
};

}  // namespace programs
