// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of grammar.hpp.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/grammar/detail/automaton.hpp"
#include "tutti/text/grammar/detail/expressions.hpp"
#include "tutti/text/grammar/detail/gbnf_parser.hpp"
#include "tutti/text/grammar/detail/json_schema.hpp"
#include "tutti/text/grammar/detail/program.hpp"
#include "tutti/text/grammar/detail/regex_parser.hpp"
#include "tutti/text/grammar/grammar.hpp"

namespace tutti {

namespace grammar {

/// Larger inputs are refused.
inline constexpr std::size_t kMaxGrammarBytes = std::size_t{1} << 22;

inline void check_size(std::string_view text, std::string_view what) {
  require<GrammarError>(text.size() <= kMaxGrammarBytes, "the ", what, " has ", text.size(),
                        " bytes, at most ", kMaxGrammarBytes, " are read");
}

[[nodiscard]] inline Program compile_expression(Expressions& expressions, ExprId expression,
                                                std::string name) {
  const RuleId rule = expressions.add_rule(std::move(name));
  expressions.set_body(rule, expression);
  return compile(expressions, rule);
}

}  // namespace grammar

TUTTI_INLINE Grammar::Grammar(grammar::Program program)
    : program_(std::make_shared<grammar::Program>(std::move(program))) {
  const grammar::Automaton automaton(program_, 1);
  require<GrammarError>(automaton.start() != grammar::Automaton::kDead,
                        "a text can begin in more than ", grammar::Automaton::kMaxStacks,
                        " ways, or only nested deeper than ", grammar::Automaton::kMaxDepth,
                        " levels: simplify the grammar");
}

TUTTI_INLINE Grammar Grammar::json_schema(std::string_view schema, JsonSchemaOptions options) {
  grammar::check_size(schema, "JSON schema");
  grammar::Expressions expressions;
  const grammar::JsonSchemaResult root = grammar::read_json_schema(schema, options, expressions);
  try {
    return Grammar(grammar::compile(expressions, root.rule));
  } catch (const UnsatisfiableGrammar&) {
    fail<UnsatisfiableGrammar>("JSON schema: no value is valid",
                               root.conflict.empty()
                                   ? std::string(": every value would have to contain itself")
                                   : ", " + root.conflict);
  }
}

TUTTI_INLINE Grammar Grammar::gbnf(std::string_view text) {
  grammar::check_size(text, "grammar");
  grammar::Expressions expressions;
  const grammar::RuleId root = grammar::parse_gbnf(text, expressions);
  return Grammar(grammar::compile(expressions, root));
}

TUTTI_INLINE Grammar Grammar::regex(std::string_view pattern) {
  grammar::check_size(pattern, "regular expression");
  grammar::Expressions expressions;
  const grammar::ExprId expression = grammar::parse_regex(pattern, expressions, {}).expression;
  return Grammar(grammar::compile_expression(expressions, expression, "regular expression"));
}

TUTTI_INLINE Grammar Grammar::choice(std::span<const std::string> texts) {
  require<UnsatisfiableGrammar>(!texts.empty(), "a list of 0 choices: give at least one text");
  grammar::Expressions expressions;
  const grammar::ExprId expression = expressions.literals(
      std::vector<std::string>(texts.begin(), texts.end()));
  return Grammar(grammar::compile_expression(expressions, expression, "choice"));
}

TUTTI_INLINE bool Grammar::matches(std::string_view text) const {
  grammar::Automaton automaton(program_, 1);
  return automaton.accepts(automaton.next(automaton.start(), text));
}

}  // namespace tutti
