// SPDX-License-Identifier: Apache-2.0
#pragma once
// All expressions of the string language on given texts, and the search for the shortest
// concatenation of them that gives wanted outputs, as FlashFill's trace expressions do it: an
// expression must be a prefix of every output, the rest follows.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "programs/behavior.hpp"
#include "programs/string_language.hpp"

namespace programs {

namespace detail {

/// The values that an argument can have, the simplest first.
[[nodiscard]] inline std::vector<std::int16_t> argument_values(Argument kind) {
  std::vector<std::int16_t> values;
  if (kind == Argument::none) values.push_back(0);
  const std::string_view characters = kind == Argument::delimiter   ? kDelimiters
                                      : kind == Argument::character ? kCharacters
                                                                    : "";
  for (const char character : characters) values.push_back(character);
  const int last = kind == Argument::position ? kLastPosition
                   : kind == Argument::index  ? kLastIndex
                                              : 0;
  for (int i = 1; i <= last; ++i) values.push_back(static_cast<std::int16_t>(i));
  for (int i = 1; i <= last; ++i) values.push_back(static_cast<std::int16_t>(-i));
  return values;
}

}  // namespace detail

/// Every expression of the language: those without a modifier first, then in the order of the
/// table.
[[nodiscard]] inline const std::vector<Statement>& all_expressions() {
  static const std::vector<Statement> all = [] {
    std::vector<Statement> expressions;
    for (std::size_t m = 0; m < kModifierNames.size(); ++m) {
      for (std::size_t o = 0; o < kStringOperations.size(); ++o) {
        for (const std::int16_t a : detail::argument_values(kStringOperations[o].arguments[0])) {
          for (const std::int16_t b : detail::argument_values(kStringOperations[o].arguments[1])) {
            expressions.push_back({static_cast<std::uint8_t>(o), static_cast<Modifier>(m), {a, b}});
          }
        }
      }
    }
    return expressions;
  }();
  return all;
}

/// The expressions that are defined on all of some texts, one for each different behavior: the
/// first in all_expressions().
class ExpressionTable {
 public:
  struct Entry {
    Statement statement;
    std::vector<std::string> outputs;
  };

  explicit ExpressionTable(std::span<const Inputs> inputs) : count_(inputs.size()) {
    std::vector<std::string> outputs;
    for (const Statement& statement : all_expressions()) {
      if (!evaluate(statement, inputs, outputs)) continue;
      const std::vector<std::string_view> views(outputs.begin(), outputs.end());
      if (places_.emplace(hash(views), entries_.size()).second)
        entries_.push_back({statement, outputs});
    }
  }

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

  /// The first found of the shortest programs, of at most `longest` expressions, with these
  /// outputs.
  [[nodiscard]] std::optional<std::vector<Statement>> shortest(std::span<const std::string> outputs,
                                                               std::size_t longest) const {
    const std::vector<std::string_view> wanted(outputs.begin(), outputs.end());
    std::vector<Statement> reversed;
    for (std::size_t length = 1; length <= longest; ++length) {
      if (write(wanted, length, reversed))
        return std::vector<Statement>(reversed.rbegin(), reversed.rend());
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] static bool evaluate(const Statement& statement, std::span<const Inputs> inputs,
                                     std::vector<std::string>& outputs) {
    outputs.clear();
    for (const Inputs& each : inputs) {
      Value value = apply_string_expression(statement, std::get<std::string>(each[0]));
      if (is_nothing(value)) return false;
      outputs.push_back(std::get<std::string>(std::move(value)));
    }
    return true;
  }

  [[nodiscard]] static std::uint64_t hash(std::span<const std::string_view> texts) {
    std::uint64_t hash = 0;
    for (const std::string_view text : texts)
      hash = detail::mix(hash, std::hash<std::string_view>{}(text));
    return hash;
  }

  /// Whether exactly `length` expressions write `wanted`; they are appended to `reversed`, the last
  /// first.
  [[nodiscard]] bool write(std::span<const std::string_view> wanted, std::size_t length,
                           std::vector<Statement>& reversed) const {
    if (length == 1) {
      const auto found = places_.find(hash(wanted));
      if (found != places_.end()) reversed.push_back(entries_[found->second].statement);
      return found != places_.end();
    }
    std::vector<std::string_view> rest(count_);
    for (const Entry& entry : entries_) {
      if (!strip(entry, wanted, rest) || !write(rest, length - 1, reversed)) continue;
      reversed.push_back(entry.statement);
      return true;
    }
    return false;
  }

  /// What is left of `wanted` behind the entry's outputs; false if it does not begin with them or
  /// nothing is left.
  [[nodiscard]] bool strip(const Entry& entry, std::span<const std::string_view> wanted,
                           std::span<std::string_view> rest) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (wanted[i].size() <= entry.outputs[i].size() || !wanted[i].starts_with(entry.outputs[i]))
        return false;
      rest[i] = wanted[i].substr(entry.outputs[i].size());
    }
    return true;
  }

  std::size_t count_;
  std::vector<Entry> entries_;
  std::unordered_map<std::uint64_t, std::size_t> places_;
};

}  // namespace programs
