// SPDX-License-Identifier: Apache-2.0
#pragma once
// Programs of either language: their tables, their types, their results.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "programs/language.hpp"
#include "programs/list_language.hpp"
#include "programs/string_language.hpp"
#include "programs/value.hpp"

namespace programs {

[[nodiscard]] inline std::span<const Operation> operations_of(Language language) {
  return language == Language::list ? std::span<const Operation>(kListOperations)
                                    : std::span<const Operation>(kStringOperations);
}

[[nodiscard]] inline const Operation& operation_of(Language language, const Statement& statement) {
  return operations_of(language)[statement.operation];
}

/// What a well-typed program gives for `inputs`; nothing where it is undefined or exceeds `limits`.
/// It always returns.
[[nodiscard]] inline Value run(const Program& program, std::span<const Value> inputs,
                               const Limits& limits = {}) {
  if (program.statements.empty() || program.statements.size() > limits.statements) return Nothing{};
  return program.signature.language() == Language::list
             ? run_list_program(program.statements, inputs, limits)
             : run_string_program(program.statements, inputs, limits);
}

/// The family, 0 to 7, of a program: of its last operation in the list language, of its first
/// expression in the string language.
[[nodiscard]] inline int family_of(const Program& program) {
  const Language language = program.signature.language();
  return operation_of(language, language == Language::list ? program.statements.back()
                                                           : program.statements.front())
      .family;
}

/// The types of a list program's variables: its inputs, then one for each statement.
[[nodiscard]] inline std::vector<Type> variable_types(const Signature& signature,
                                                      std::span<const Statement> statements) {
  std::vector<Type> types = signature.inputs;
  for (const Statement& statement : statements)
    types.push_back(operation_of(signature.language(), statement).result);
  return types;
}

namespace detail {

[[nodiscard]] inline std::string argument_text(Argument kind, int value) {
  if (kind == Argument::number || kind == Argument::list)
    return std::string(1, static_cast<char>('a' + value));
  if (kind == Argument::delimiter || kind == Argument::character)
    return std::string("'") + static_cast<char>(value) + "'";
  return std::to_string(value);
}

}  // namespace detail

/// `c = SORT a; d = TAKE b c`, or `PROPER WORD 1 & CONST ','`, for people.
[[nodiscard]] inline std::string to_text(const Program& program) {
  const Language language = program.signature.language();
  std::string text;
  for (std::size_t i = 0; i < program.statements.size(); ++i) {
    const Statement& statement = program.statements[i];
    const Operation& operation = operation_of(language, statement);
    if (i > 0) text += language == Language::list ? "; " : " & ";
    if (language == Language::list)
      text += detail::argument_text(Argument::list,
                                    static_cast<int>(program.signature.inputs.size() + i)) +
              " = ";
    if (statement.modifier != Modifier::none)
      text.append(kModifierNames[static_cast<std::size_t>(statement.modifier)]) += ' ';
    text += operation.name;
    for (std::size_t k = 0; k < operation.arity(); ++k)
      text += ' ' + detail::argument_text(operation.arguments[k], statement.arguments[k]);
  }
  return text;
}

}  // namespace programs
