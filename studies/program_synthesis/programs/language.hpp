// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the two languages share: a program is one to four statements, each an operation with up to
// two arguments. list_language.hpp and string_language.hpp say which operations there are and what
// they compute.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "programs/value.hpp"

namespace programs {

enum class Language : std::uint8_t { list, string };

/// The types of a program's inputs and of its result. The inputs say which language a problem is to
/// be solved in.
struct Signature {
  std::vector<Type> inputs;
  Type output = Type::list;

  [[nodiscard]] Language language() const {
    return !inputs.empty() && inputs[0] == Type::text ? Language::string : Language::list;
  }
  friend bool operator==(const Signature&, const Signature&) = default;
};

/// What an argument is, and so which tokens may stand in its place.
enum class Argument : std::uint8_t {
  none,
  number,     ///< A variable that holds a number.
  list,       ///< A variable that holds a list.
  position,   ///< Of a character, from 1, or from -1 backwards. At most 9 either way.
  index,      ///< Of a word or number, from 1, or from -1 backwards. At most 3 either way.
  delimiter,  ///< A character that separates: one of kDelimiters.
  character,  ///< One of kCharacters.
};

/// One entry of a language's table. Eight families divide both languages' programs: 0 to 3 for
/// lists, 4 to 7 for texts.
struct Operation {
  std::string_view name;
  std::array<Argument, 2> arguments{};
  Type result = Type::list;
  int family = 0;

  [[nodiscard]] std::size_t arity() const {
    return (arguments[0] != Argument::none ? 1U : 0U) + (arguments[1] != Argument::none ? 1U : 0U);
  }
};

/// What is done with an expression of the string language before it is appended: a function of a
/// function, as RobustFill has it.
enum class Modifier : std::uint8_t { none, upper, lower, proper, initial };
inline constexpr std::array<std::string_view, 5> kModifierNames{"", "UPPER", "LOWER", "PROPER",
                                                                "INITIAL"};

/// Arguments are variables (0 is the first input), positions, indices or characters, as the
/// operation's entry says.
struct Statement {
  std::uint8_t operation = 0;
  Modifier modifier = Modifier::none;
  std::array<std::int16_t, 2> arguments{};

  friend auto operator<=>(const Statement&, const Statement&) = default;
};

/// List language: each statement defines a variable, and the last is the result. String language:
/// the results are concatenated.
struct Program {
  Signature signature;
  std::vector<Statement> statements;

  friend bool operator==(const Program&, const Program&) = default;
};

/// What a program may use. Neither language has loops, so these bound the time and memory of any
/// sequence of tokens.
struct Limits {
  std::size_t statements = 4;
  /// Of a candidate, the end token included: four statements of the longest kind, and some.
  std::size_t tokens = 20;
  std::size_t size = 64;  ///< Numbers or characters in a value; a larger result is nothing.
  /// Numbers or characters read, over all statements of one run; after that, the result is nothing.
  std::size_t steps = 1024;
};

/// Characters that separate the parts of a text.
inline constexpr std::string_view kDelimiters = " .,-/@:_#+()";
/// All characters that texts consist of.
inline constexpr std::string_view kCharacters =
    " .,-/@:_#+()0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

inline constexpr int kLastPosition = 9;
inline constexpr int kLastIndex = 3;

}  // namespace programs
