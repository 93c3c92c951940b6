// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a text must look like: a JSON Schema, a grammar in llama.cpp's GBNF, a regular expression or
// a list of choices, compiled to one automaton over bytes. GrammarFilter applies one to a request.
// docs/structured_output.md lists what is supported.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/grammar/grammar_error.hpp"
#include "tutti/text/grammar/json_schema_options.hpp"

namespace tutti {

namespace grammar {
struct Program;
}

/// Immutable and cheap to copy; threads may share one.
class Grammar {
 public:
  /// JSON texts that are valid under a schema: a subset of draft 2020-12, with local $ref. Members
  /// are written in the order of the schema's `properties`; without additionalProperties there are
  /// no others.
  /// @throws GrammarError with a JSON pointer into the schema for what is malformed or not
  /// supported; UnsatisfiableGrammar when no value is valid.
  [[nodiscard]] static Grammar json_schema(std::string_view schema, JsonSchemaOptions options = {});

  /// llama.cpp's grammar language; the start is the rule "root".
  /// @throws GrammarError with line and column, and for left recursion; UnsatisfiableGrammar.
  [[nodiscard]] static Grammar gbnf(std::string_view text);

  /// Texts that match `pattern` as a whole: ECMAScript's syntax without look-around, back
  /// references and word boundaries.
  /// @throws GrammarError with the column of what is malformed or not supported.
  [[nodiscard]] static Grammar regex(std::string_view pattern);

  /// One of several texts.
  /// @throws UnsatisfiableGrammar when there are none.
  [[nodiscard]] static Grammar choice(std::span<const std::string> texts);

  /// Whether `text`, the whole of it, is in the language. For tests and for checking texts that
  /// were written without the grammar; computes everything anew.
  [[nodiscard]] bool matches(std::string_view text) const;

  [[nodiscard]] const std::shared_ptr<const grammar::Program>& program() const { return program_; }

 private:
  explicit Grammar(grammar::Program program);

  std::shared_ptr<const grammar::Program> program_;
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/grammar-inl.hpp"
#endif
