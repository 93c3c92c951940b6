// SPDX-License-Identifier: Apache-2.0
#pragma once
// The exceptions of structured output.

#include "tutti/base/error.hpp"

namespace tutti {

/// A grammar, regular expression or JSON Schema is malformed, uses something that is not supported,
/// or exceeds a limit. The message says where: line and column, or a JSON pointer into the schema.
class GrammarError : public Error {
 public:
  using Error::Error;
};

/// No text satisfies the grammar: `false` as a schema, minItems > maxItems, a rule that never ends.
class UnsatisfiableGrammar : public GrammarError {
 public:
  using GrammarError::GrammarError;
};

/// A text cannot be continued: no token of the vocabulary is allowed, or a token that is not
/// allowed has been appended.
class GrammarDeadEnd : public GrammarError {
 public:
  using GrammarError::GrammarError;
};

}  // namespace tutti
