// SPDX-License-Identifier: Apache-2.0
#pragma once
// Regular expressions of tokenizer files, matched by PCRE2. Patterns come from untrusted files:
// time and memory of a match are limited, and a pattern that needs more ends in an exception.
// General categories are those of PCRE2's Unicode (14.0 in Debian 12), so newer code points may be
// cut differently than by tokenizers.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/pre_tokenizer/split.hpp"

namespace tutti {

/// A compiled pattern. Copies share it; const methods may run in any number of threads.
class RegexPattern {
 public:
  /// @throws FormatError when the pattern is malformed, longer than kMaxBytes, or uses syntax that
  /// Oniguruma and PCRE2 read differently.
  explicit RegexPattern(std::string pattern);

  [[nodiscard]] const std::string& pattern() const { return pattern_; }

  /// The matches in `text` and the ranges between them, as the Split of tokenizers finds them: from
  /// left to right, an empty match only where no match has just ended. `invert` swaps matches and
  /// the rest. Time O(n) with a large constant: up to about 10,000 matching steps per byte.
  /// @throws OptionError when the text is not valid UTF-8; FormatError when the pattern exceeds the
  /// limit of steps or of memory.
  [[nodiscard]] std::vector<MatchedSpan> spans(std::string_view text, bool invert = false) const;

  static constexpr std::size_t kMaxBytes = 16'384;

 private:
  class Code;
  class Search;

  std::shared_ptr<const Code> code_;
  std::string pattern_;
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/pre_tokenizer/regex_pattern-inl.hpp"
#endif
