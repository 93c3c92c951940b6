// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads regular expressions in the syntax that ECMAScript and Python share.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/grammar/detail/expressions.hpp"

namespace tutti::grammar {

/// Lengths in code points; kMaxLength means no limit.
struct RegexResult {
  static constexpr std::uint64_t kMaxLength = std::numeric_limits<std::uint64_t>::max();

  ExprId expression{};
  std::uint64_t min_length = 0;
  std::uint64_t max_length = 0;
  /// The whole pattern is min_length to max_length characters of one set, which is this.
  std::optional<ExprId> repeated_character;
};

/// Longer patterns are refused.
inline constexpr std::size_t kMaxPatternBytes = std::size_t{1} << 16;

struct RegexOptions {
  std::string where = "regular expression";  ///< Begins every message.
  /// Without ^ or $ more text may come before or after. Otherwise ^ and $ change nothing.
  bool is_search = false;
  /// How one character of a set is written, in a JSON string for instance; empty for UTF-8.
  std::function<ExprId(const CodePointSet&)> write;
};

/// @throws GrammarError with the column of what is malformed or not supported.
[[nodiscard]] TUTTI_INLINE RegexResult parse_regex(std::string_view pattern,
                                                   Expressions& expressions, RegexOptions options);

}  // namespace tutti::grammar

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/detail/regex_parser-inl.hpp"
#endif
