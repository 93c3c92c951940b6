// SPDX-License-Identifier: Apache-2.0
#pragma once
// One vocabulary for both languages: numbers, characters, operations and variables are one token
// each. Problems become prompts, programs become tokens, and any tokens become a program or the
// reason why they are none.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "programs/interpreter.hpp"
#include "programs/language.hpp"
#include "programs/problem.hpp"
#include "programs/value.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/text_codec.hpp"

namespace programs {

namespace detail {

/// Tokens first, first + 1, ... for the members of a set.
struct TokenRange {
  tutti::Token first = 0;
  std::size_t count = 0;

  [[nodiscard]] constexpr tutti::Token end() const {
    return first + static_cast<tutti::Token>(count);
  }
  [[nodiscard]] constexpr tutti::Token at(std::size_t i) const {
    return first + static_cast<tutti::Token>(i);
  }
  [[nodiscard]] constexpr bool contains(tutti::Token token) const {
    return token >= first && token < end();
  }
  [[nodiscard]] constexpr std::size_t index(tutti::Token token) const {
    return static_cast<std::size_t>(token - first);
  }
};

inline constexpr std::array<std::string_view, 9> kMarkNames{
    "BEGIN", "END", "PAD", "PROGRAM", "=", ";", "number", "list", "text"};

/// Two inputs and the results of four statements: a to f.
inline constexpr std::size_t kVariables = 6;

inline constexpr TokenRange kNumberTokens{0, kLargest - kSmallest + 1};
inline constexpr TokenRange kMarkTokens{kNumberTokens.end(), kMarkNames.size()};
inline constexpr TokenRange kCharacterTokens{kMarkTokens.end(), kCharacters.size()};
inline constexpr TokenRange kListOperationTokens{kCharacterTokens.end(), kListOperations.size()};
inline constexpr TokenRange kStringOperationTokens{kListOperationTokens.end(),
                                                   kStringOperations.size()};
inline constexpr TokenRange kModifierTokens{kStringOperationTokens.end(),
                                            kModifierNames.size() - 1};
inline constexpr TokenRange kVariableTokens{kModifierTokens.end(), kVariables};

}  // namespace detail

inline constexpr std::size_t kVocabularySize = static_cast<std::size_t>(
    detail::kVariableTokens.end());
inline constexpr tutti::Token kBeginToken = detail::kMarkTokens.at(0);
inline constexpr tutti::Token kEndToken = detail::kMarkTokens.at(1);
inline constexpr tutti::Token kPadToken = detail::kMarkTokens.at(2);
inline constexpr tutti::Token kProgramToken = detail::kMarkTokens.at(3);
inline constexpr tutti::Token kEqualsToken = detail::kMarkTokens.at(4);
inline constexpr tutti::Token kSeparatorToken = detail::kMarkTokens.at(5);

/// The longest prompt and the longest program with its end together; generated problems keep to it.
inline constexpr std::size_t kLongestSequence = 128;

/// `SORT`, `-3`, `a`. A space is shown as the open box that stands for it in print.
[[nodiscard]] inline std::string token_text(tutti::Token token) {
  using namespace detail;
  if (kNumberTokens.contains(token)) return std::to_string(token + kSmallest);
  if (kMarkTokens.contains(token)) return std::string(kMarkNames[kMarkTokens.index(token)]);
  if (kCharacterTokens.contains(token)) {
    const char character = kCharacters[kCharacterTokens.index(token)];
    return character == ' ' ? "\u2423" : std::string(1, character);
  }
  if (kListOperationTokens.contains(token))
    return std::string(kListOperations[kListOperationTokens.index(token)].name);
  if (kStringOperationTokens.contains(token))
    return std::string(kStringOperations[kStringOperationTokens.index(token)].name);
  if (kModifierTokens.contains(token))
    return std::string(kModifierNames[kModifierTokens.index(token) + 1]);
  if (kVariableTokens.contains(token))
    return std::string(1, static_cast<char>('a' + kVariableTokens.index(token)));
  return "?";
}

/// Tokens with spaces between them, as a model writes a program. It has no `encode`: prompts come
/// from encode_prompt().
[[nodiscard]] inline tutti::TextCodec program_codec() {
  tutti::TextCodec codec;
  codec.token_bytes = [](tutti::Token token) {
    return token == kEndToken || token == kPadToken ? std::string() : token_text(token) + ' ';
  };
  codec.end_of_text = {kEndToken};
  return codec;
}

namespace detail {

[[nodiscard]] inline tutti::Token number_token(int number) {
  return kNumberTokens.at(static_cast<std::size_t>(clip(number) - kSmallest));
}

/// @pre `character` is one of kCharacters.
[[nodiscard]] inline tutti::Token character_token(char character) {
  return kCharacterTokens.at(kCharacters.find(character));
}

inline void append_value(const Value& value, std::vector<tutti::Token>& tokens) {
  if (const int* number = std::get_if<int>(&value)) {
    tokens.insert(tokens.end(), {kMarkTokens.at(6), number_token(*number)});
  } else if (const List* list = std::get_if<List>(&value)) {
    tokens.push_back(kMarkTokens.at(7));
    std::transform(list->begin(), list->end(), std::back_inserter(tokens), number_token);
  } else if (const std::string* text = std::get_if<std::string>(&value)) {
    tokens.push_back(kMarkTokens.at(8));
    std::transform(text->begin(), text->end(), std::back_inserter(tokens), character_token);
  }
}

[[nodiscard]] inline tutti::Token argument_token(Argument kind, int value) {
  if (kind == Argument::number || kind == Argument::list)
    return kVariableTokens.at(static_cast<std::size_t>(value));
  if (kind == Argument::delimiter || kind == Argument::character)
    return character_token(static_cast<char>(value));
  return number_token(value);
}

}  // namespace detail

/// `inputs = output`, each value after the token of its type.
[[nodiscard]] inline std::vector<tutti::Token> encode_example(const Example& example) {
  std::vector<tutti::Token> tokens;
  for (const Value& input : example.inputs) detail::append_value(input, tokens);
  tokens.push_back(kEqualsToken);
  detail::append_value(example.output, tokens);
  return tokens;
}

/// BEGIN, each shown example with a separator behind it, PROGRAM.
[[nodiscard]] inline std::vector<tutti::Token> encode_prompt(const Problem& problem) {
  std::vector<tutti::Token> tokens{kBeginToken};
  for (const Example& example : problem.shown) {
    const std::vector<tutti::Token> part = encode_example(example);
    tokens.insert(tokens.end(), part.begin(), part.end());
    tokens.push_back(kSeparatorToken);
  }
  tokens.push_back(kProgramToken);
  return tokens;
}

/// The tokens after PROGRAM, END included.
[[nodiscard]] inline std::vector<tutti::Token> encode_program(const Program& program) {
  using namespace detail;
  const Language language = program.signature.language();
  std::vector<tutti::Token> tokens;
  for (const Statement& statement : program.statements) {
    const Operation& operation = operation_of(language, statement);
    if (statement.modifier != Modifier::none)
      tokens.push_back(kModifierTokens.at(static_cast<std::size_t>(statement.modifier) - 1));
    tokens.push_back((language == Language::list ? kListOperationTokens : kStringOperationTokens)
                         .at(statement.operation));
    for (std::size_t k = 0; k < operation.arity(); ++k)
      tokens.push_back(argument_token(operation.arguments[k], statement.arguments[k]));
  }
  tokens.push_back(kEndToken);
  return tokens;
}

/// A well-typed program, or why there is none.
struct ParsedProgram {
  std::optional<Program> program;
  std::string error;
};

namespace detail {

/// Reads one token after the other and stops at the first that no program could have there.
class ProgramParser {
 public:
  ProgramParser(const Signature& signature, std::span<const tutti::Token> tokens,
                const Limits& limits)
      : tokens_(tokens), limits_(limits), types_(signature.inputs) {
    program_.signature = signature;
  }

  [[nodiscard]] ParsedProgram parse() {
    if (tokens_.size() > limits_.tokens)
      return refuse(std::to_string(tokens_.size()) + " tokens, more than " +
                    std::to_string(limits_.tokens));
    // tutti::Candidate leaves the end token out, encode_program() does not.
    if (!tokens_.empty() && tokens_.back() == kEndToken)
      tokens_ = tokens_.first(tokens_.size() - 1);
    while (next_ < tokens_.size()) {
      if (program_.statements.size() == limits_.statements)
        return refuse("more than " + std::to_string(limits_.statements) + " statements");
      if (!read_statement())
        return refuse("token " + std::to_string(next_) + " cannot be " +
                      (next_ < tokens_.size() ? token_text(tokens_[next_]) : "the end"));
    }
    if (program_.statements.empty()) return refuse("no statement");
    if (language() == Language::list && types_.back() != program_.signature.output)
      return refuse("the result has another type than the outputs");
    return {std::move(program_), {}};
  }

 private:
  [[nodiscard]] Language language() const { return program_.signature.language(); }
  [[nodiscard]] static ParsedProgram refuse(std::string why) {
    return {std::nullopt, std::move(why)};
  }
  [[nodiscard]] bool at(const TokenRange& range) const {
    return next_ < tokens_.size() && range.contains(tokens_[next_]);
  }

  [[nodiscard]] bool read_statement() {
    Statement statement;
    if (language() == Language::string && at(kModifierTokens))
      statement.modifier = static_cast<Modifier>(kModifierTokens.index(tokens_[next_++]) + 1);
    const TokenRange& names = language() == Language::list ? kListOperationTokens
                                                           : kStringOperationTokens;
    if (!at(names)) return false;
    statement.operation = static_cast<std::uint8_t>(names.index(tokens_[next_++]));
    const Operation& operation = operation_of(language(), statement);
    for (std::size_t k = 0; k < operation.arity(); ++k) {
      if (!read_argument(operation.arguments[k], statement.arguments[k])) return false;
    }
    program_.statements.push_back(statement);
    types_.push_back(operation.result);
    return true;
  }

  [[nodiscard]] bool read_argument(Argument kind, std::int16_t& argument) {
    const std::optional<int> value = value_of(kind);
    if (!value) return false;
    argument = static_cast<std::int16_t>(*value);
    ++next_;
    return true;
  }

  /// What the next token means as an argument of this kind; nothing if it cannot be one.
  [[nodiscard]] std::optional<int> value_of(Argument kind) const {
    if (kind == Argument::number || kind == Argument::list) {
      if (!at(kVariableTokens)) return std::nullopt;
      const std::size_t variable = kVariableTokens.index(tokens_[next_]);
      const Type wanted = kind == Argument::number ? Type::number : Type::list;
      return variable < types_.size() && types_[variable] == wanted
                 ? std::optional<int>(static_cast<int>(variable))
                 : std::nullopt;
    }
    if (kind == Argument::delimiter || kind == Argument::character) {
      if (!at(kCharacterTokens)) return std::nullopt;
      const char character = kCharacters[kCharacterTokens.index(tokens_[next_])];
      const bool allowed = kind == Argument::character ||
                           kDelimiters.find(character) != std::string_view::npos;
      return allowed ? std::optional<int>(character) : std::nullopt;
    }
    if (!at(kNumberTokens)) return std::nullopt;
    const int number = tokens_[next_] + kSmallest;
    const int last = kind == Argument::position ? kLastPosition : kLastIndex;
    return number != 0 && number >= -last && number <= last ? std::optional<int>(number)
                                                            : std::nullopt;
  }

  std::span<const tutti::Token> tokens_;
  Limits limits_;
  std::vector<Type> types_;
  Program program_;
  std::size_t next_ = 0;
};

}  // namespace detail

/// The program that `tokens` say, in the language of the signature. The end token may be there or
/// left out, and nothing may follow it. Never throws, whatever the tokens.
[[nodiscard]] inline ParsedProgram parse_program(const Signature& signature,
                                                 std::span<const tutti::Token> tokens,
                                                 const Limits& limits = {}) {
  return detail::ProgramParser(signature, tokens, limits).parse();
}

}  // namespace programs
