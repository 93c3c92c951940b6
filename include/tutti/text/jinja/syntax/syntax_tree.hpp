// SPDX-License-Identifier: Apache-2.0
#pragma once
// A parsed template: statements that write text, and the expressions in them. Nodes are generic
// (kind, name, children), since most kinds need little more.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tutti/text/jinja/python/operator.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

/// Brackets, unary operators and tags nested deeper than this are refused, and so are expressions
/// of more levels.
inline constexpr std::size_t kMaxSyntaxDepth = 100;

struct Filter;  // filters.hpp
struct Test;    // tests.hpp
struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class ExpressionKind : std::uint8_t {
  literal,
  name,
  list,
  tuple,
  dict,       ///< children: key, value, key, value ...
  attribute,  ///< children[0].name
  item,       ///< children[0][children[1]]
  slice,      ///< children[0][children[1]:children[2]:children[3]], each of the three may be null
  call,       ///< children[0](arguments)
  filter,     ///< children[0]|name(arguments); children[0] is null at the beginning of a block
  test,       ///< children[0] is name(arguments)
  logical_not,
  negation,
  identity,    ///< +x
  arithmetic,  ///< children combined from left to right by `operators`
  concatenation,
  comparison,  ///< a < b < c
  logical_and,
  logical_or,
  conditional,  ///< children[1] if children[0] else children[2], which may be null
};

struct Expression {
  ExpressionKind kind = ExpressionKind::literal;
  std::size_t line = 1;
  std::size_t depth = 1;  ///< Levels of expressions in this one.
  Value literal;
  std::string name;
  std::vector<ExpressionPtr> children;
  std::vector<Operator> operators;
  std::vector<std::string> keywords;  ///< Names of the last arguments.
  const Filter* filter = nullptr;
  const Test* test = nullptr;
};

struct Statement;
using Block = std::vector<Statement>;

enum class StatementKind : std::uint8_t {
  text,
  output,     ///< {{ expression }}
  for_loop,   ///< expressions: iterable, condition or null; blocks: body, else
  if_else,    ///< blocks[i] for the first true expressions[i], else the last block
  set,        ///< target = expressions[0]
  set_block,  ///< target = blocks[0], filtered by expressions[0] unless it is null
  macro,
  call_block,    ///< expressions[0] is the call; `macro` and blocks[0] are its caller
  filter_block,  ///< blocks[0], filtered by expressions[0]
  with,          ///< targets = expressions, within blocks[0]
  scope,         ///< blocks[0] with variables of its own, as {% generation %} has them
  break_loop,
  continue_loop,
};

/// The parameters of a macro.
struct Signature {
  std::string name;
  std::vector<std::string> parameters;
  std::vector<ExpressionPtr> defaults;  ///< Of the last parameters.
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
};

struct Statement {
  StatementKind kind = StatementKind::text;
  std::size_t line = 1;
  Value text;
  std::vector<ExpressionPtr> targets;
  std::vector<ExpressionPtr> expressions;
  std::vector<Block> blocks;
  std::unique_ptr<const Signature> macro;
};

struct SyntaxTree {
  Block body;
};

}  // namespace tutti::jinja
