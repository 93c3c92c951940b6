// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads GBNF, llama.cpp's grammar language.

#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/grammar/detail/expressions.hpp"

namespace tutti::grammar {

/// @returns the rule "root".
/// @throws GrammarError with line and column.
[[nodiscard]] TUTTI_INLINE RuleId parse_gbnf(std::string_view text, Expressions& expressions);

}  // namespace tutti::grammar

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/detail/gbnf_parser-inl.hpp"
#endif
