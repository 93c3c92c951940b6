// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a JSON Schema: a subset of draft 2020-12, see docs/structured_output.md.

#include <string>
#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/grammar/detail/expressions.hpp"
#include "tutti/text/grammar/json_schema_options.hpp"

namespace tutti::grammar {

struct JsonSchemaResult {
  RuleId rule{};  ///< Matches the valid JSON texts.
  /// The first part of the schema that no value satisfies, with the reason; empty if none was seen.
  std::string conflict;
};

/// @throws GrammarError with a JSON pointer for what is malformed or not supported.
[[nodiscard]] TUTTI_INLINE JsonSchemaResult read_json_schema(std::string_view schema,
                                                             const JsonSchemaOptions& options,
                                                             Expressions& expressions);

}  // namespace tutti::grammar

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/detail/json_schema-inl.hpp"
#endif
