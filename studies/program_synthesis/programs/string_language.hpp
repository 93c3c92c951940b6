// SPDX-License-Identifier: Apache-2.0
#pragma once
// A string language after FlashFill (Gulwani, "Automating string processing in spreadsheets using
// input-output examples", POPL 2011) in the form of RobustFill (Devlin et al., ICML 2017, appendix
// A): a program is the concatenation of expressions of the input, each a constant, a part of the
// input, or the input changed, with one modifier before it at most.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "programs/language.hpp"
#include "programs/value.hpp"

namespace programs {

/// The simplest first: of two expressions that do the same, the first is the one that problems ask
/// for. Families: 4 for words and numbers, 5 for places, 6 for the whole text, 7 for constants.
inline constexpr std::array<Operation, 10> kStringOperations{{
    {"WORD", {Argument::index}, Type::text, 4},      // GetToken(Word, i): runs of letters
    {"NUMBER", {Argument::index}, Type::text, 4},    // GetToken(Number, i): runs of digits
    {"TEXT", {}, Type::text, 6},                     // the input
    {"CAPITALS", {}, Type::text, 6},                 // GetAll(AllCaps): every capital letter
    {"DIGITS", {}, Type::text, 6},                   // GetAll(Digit)
    {"UPTO", {Argument::delimiter}, Type::text, 5},  // what is before the first c
    {"FROM", {Argument::delimiter}, Type::text, 5},  // what is after the first c
    {"SUBSTR",
     {Argument::position, Argument::position},
     Type::text,
     5},  // SubStr(i, j), both ends included
    {"REPLACE",
     {Argument::delimiter, Argument::delimiter},
     Type::text,
     6},                                              // Replace(c, d), every c
    {"CONST", {Argument::character}, Type::text, 7},  // ConstStr(c)
}};

namespace detail {

enum StringOperation : std::uint8_t {
  kWord,
  kNumber,
  kText,
  kCapitals,
  kDigits,
  kUpTo,
  kFrom,
  kSubstring,
  kReplace,
  kConstant
};
static_assert(kStringOperations[kSubstring].name == "SUBSTR" &&
              kStringOperations[kConstant].name == "CONST");

// Of ASCII, whatever the locale.
[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
[[nodiscard]] constexpr bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z'); }
[[nodiscard]] constexpr char to_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
[[nodiscard]] constexpr char to_lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The run of characters of one class that `index` counts, from the left if positive, else from the
/// right.
template <class Predicate>
[[nodiscard]] std::optional<std::string_view> find_run(std::string_view text, int index,
                                                       Predicate in_class) {
  const bool forwards = index > 0;
  int left = forwards ? index : -index;
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (begin < end) {
    // The next run from the side that counts, [first, last).
    std::size_t first = begin;
    std::size_t last = end;
    if (forwards) {
      while (first < end && !in_class(text[first])) ++first;
      for (last = first; last < end && in_class(text[last]);) ++last;
    } else {
      while (last > begin && !in_class(text[last - 1])) --last;
      for (first = last; first > begin && in_class(text[first - 1]);) --first;
    }
    if (first == last) return std::nullopt;
    if (--left == 0) return text.substr(first, last - first);
    (forwards ? begin : end) = forwards ? last : first;
  }
  return std::nullopt;
}

/// Characters i to j. Positions beyond either end mean that end; a start behind the end of the text
/// or of the part is undefined.
[[nodiscard]] inline std::optional<std::string_view> find_part(std::string_view text, int i,
                                                               int j) {
  const auto length = static_cast<int>(text.size());
  const int first = i > 0 ? i : std::max(1, length + 1 + i);
  const int last = j > 0 ? std::min(j, length) : length + 1 + j;
  if (first > last) return std::nullopt;
  return text.substr(static_cast<std::size_t>(first - 1),
                     static_cast<std::size_t>(last - first + 1));
}

template <class Predicate>
[[nodiscard]] std::string keep_characters(std::string_view text, Predicate in_class) {
  std::string kept;
  std::copy_if(text.begin(), text.end(), std::back_inserter(kept), in_class);
  return kept;
}

[[nodiscard]] inline std::optional<std::string> evaluate_expression(const Statement& statement,
                                                                    std::string_view text) {
  const auto [first, second] = statement.arguments;
  const auto owned = [](std::optional<std::string_view> part) {
    return part ? std::optional<std::string>(*part) : std::nullopt;
  };
  switch (statement.operation) {
    case kWord: return owned(find_run(text, first, is_letter));
    case kNumber: return owned(find_run(text, first, is_digit));
    case kSubstring: return owned(find_part(text, first, second));
    case kText: return std::string(text);
    case kCapitals: return keep_characters(text, is_upper);
    case kDigits: return keep_characters(text, is_digit);
    case kConstant: return std::string(1, static_cast<char>(first));
    default: break;
  }
  const std::size_t place = text.find(static_cast<char>(first));
  if (place == std::string_view::npos) return std::nullopt;
  if (statement.operation == kUpTo) return std::string(text.substr(0, place));
  if (statement.operation == kFrom) return std::string(text.substr(place + 1));
  std::string replaced(text);
  std::replace(replaced.begin(), replaced.end(), static_cast<char>(first),
               static_cast<char>(second));
  return replaced;
}

inline void modify(Modifier modifier, std::string& text) {
  if (modifier == Modifier::initial) text.resize(std::min<std::size_t>(text.size(), 1));
  if (modifier == Modifier::upper) std::transform(text.begin(), text.end(), text.begin(), to_upper);
  if (modifier == Modifier::lower || modifier == Modifier::proper)
    std::transform(text.begin(), text.end(), text.begin(), to_lower);
  if (modifier != Modifier::proper) return;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 0 || !is_letter(text[i - 1])) text[i] = to_upper(text[i]);
  }
}

}  // namespace detail

/// One expression of `text`; nothing where it is undefined or empty, so that no expression can be
/// there for nothing.
[[nodiscard]] inline Value apply_string_expression(const Statement& statement,
                                                   std::string_view text) {
  std::optional<std::string> part = detail::evaluate_expression(statement, text);
  if (!part || part->empty()) return Nothing{};
  detail::modify(statement.modifier, *part);
  return std::move(*part);
}

/// The concatenation of all expressions, nothing if one of them is. @pre the only input is a text.
[[nodiscard]] inline Value run_string_program(std::span<const Statement> statements,
                                              std::span<const Value> inputs,
                                              const Limits& limits = {}) {
  const std::string& text = std::get<std::string>(inputs[0]);
  if (text.size() * statements.size() > limits.steps) return Nothing{};
  std::string all;
  for (const Statement& statement : statements) {
    const Value part = apply_string_expression(statement, text);
    if (is_nothing(part) || all.size() + size_of(part) > limits.size) return Nothing{};
    all += std::get<std::string>(part);
  }
  return all;
}

}  // namespace programs
