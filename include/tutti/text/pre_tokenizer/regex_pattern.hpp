// SPDX-License-Identifier: Apache-2.0
#pragma once
// Regular expressions of tokenizer files, matched by PCRE2. A pattern comes from a stranger's file:
// what it may cost is bounded, and one that wants more ends in an exception. General categories are
// those of PCRE2's Unicode (14.0 in Debian 12), so code points that are younger may be cut
// otherwise than by tokenizers.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/pre_tokenizer/detail/onig_to_pcre2.hpp"
#include "tutti/text/pre_tokenizer/split.hpp"
#include "tutti/text/unicode/utf8.hpp"

#if TUTTI_TEXT_LIBRARIES
#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>
#endif

namespace tutti {

/// A compiled pattern. Copies share it; const methods may run in any number of threads.
class RegexPattern {
 public:
  /// @throws FormatError when the pattern is malformed, longer than kMaxBytes, or uses what
  /// Oniguruma and PCRE2 read differently.
  explicit RegexPattern(std::string pattern);

  [[nodiscard]] const std::string& pattern() const { return pattern_; }

  /// The matches in `text` and the stretches between them, as tokenizers' Split finds them: from
  /// left to right, an empty match only where no match has just ended. `invert` swaps what counts
  /// as match. Time at most O(n) with a large constant: about 10,000 steps of matching for each
  /// byte.
  /// @throws OptionError when the text is no valid UTF-8; FormatError when the pattern needs more
  /// steps or more memory.
  [[nodiscard]] std::vector<MatchedSpan> spans(std::string_view text, bool invert = false) const;

  static constexpr std::size_t kMaxBytes = 16'384;

 private:
#if TUTTI_TEXT_LIBRARIES
  class Search;

  std::shared_ptr<const pcre2_code_8> code_;
#endif
  std::string pattern_;
};

#if TUTTI_TEXT_LIBRARIES

namespace detail {

template <class T, void (*kFree)(T*)>
struct Pcre2Free {
  void operator()(T* object) const { kFree(object); }
};

template <class T, void (*kFree)(T*)>
using Pcre2Pointer = std::unique_ptr<T, Pcre2Free<T, kFree>>;

[[nodiscard]] inline std::string pcre2_message(int code) {
  std::string text(256, '\0');
  const int length = pcre2_get_error_message_8(code, reinterpret_cast<PCRE2_UCHAR8*>(text.data()),
                                               text.size());
  text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return text;
}

}  // namespace detail

/// The state of one call: matches at one place after the other, and counts what that costs.
class RegexPattern::Search {
 public:
  Search(const RegexPattern& regex, std::string_view text)
      : regex_(regex),
        text_(text),
        budget_(kBudget + kBudgetOfByte * text.size()),
        context_(pcre2_match_context_create_8(nullptr)),
        data_(pcre2_match_data_create_8(1, nullptr)) {
    require<CapacityError>(context_ != nullptr && data_ != nullptr, "no memory left for PCRE2");
    pcre2_set_heap_limit_8(context_.get(), kHeapKilobytes);
  }

  /// Where a match that begins at byte `at` ends, or npos.
  [[nodiscard]] std::size_t match_end(std::size_t at) {
    // Almost every match is cheap. What is not is tried again with more, as long as the whole
    // text's budget lasts.
    for (std::uint32_t limit = kCheapSteps;; limit *= 10) {
      pcre2_set_match_limit_8(context_.get(), limit);
      const int result = pcre2_match_8(
          regex_.code_.get(), reinterpret_cast<PCRE2_SPTR8>(text_.data()), text_.size(), at,
          PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, data_.get(), context_.get());
      if (result == PCRE2_ERROR_NOMATCH) return std::string_view::npos;
      if (result >= 0) return checked_end(at);
      const bool more = result == PCRE2_ERROR_MATCHLIMIT && limit < kMaxSteps &&
                        budget_ >= 10 * std::uint64_t{limit};
      require<FormatError>(more, "the pattern ", in_quotes(regex_.pattern_), " gave up at byte ",
                           at, " of a text of ", text_.size(),
                           " bytes: ", detail::pcre2_message(result),
                           "; the tokenizer's pattern is too costly");
      budget_ -= 10 * std::uint64_t{limit};
    }
  }

 private:
  static constexpr std::uint32_t kCheapSteps = 1'000;
  static constexpr std::uint32_t kMaxSteps = 10'000'000;
  static constexpr std::uint64_t kBudget = 20'000'000;
  static constexpr std::uint64_t kBudgetOfByte = 1'000;
  static constexpr std::uint32_t kHeapKilobytes = 65'536;

  [[nodiscard]] std::size_t checked_end(std::size_t at) const {
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer_8(data_.get());
    // \K can move the beginning.
    require<FormatError>(ends[0] == at && ends[1] >= at, "the pattern ", in_quotes(regex_.pattern_),
                         " moves the beginning of its match");
    return ends[1];
  }

  const RegexPattern& regex_;
  std::string_view text_;
  std::uint64_t budget_;
  detail::Pcre2Pointer<pcre2_match_context_8, pcre2_match_context_free_8> context_;
  detail::Pcre2Pointer<pcre2_match_data_8, pcre2_match_data_free_8> data_;
};

inline RegexPattern::RegexPattern(std::string pattern) : pattern_(std::move(pattern)) {
  require<FormatError>(pattern_.size() <= kMaxBytes, "a pattern of ", pattern_.size(),
                       " bytes, at most ", kMaxBytes, " are supported");
  const std::string rewritten = detail::OnigToPcre2(pattern_).run();
  const detail::Pcre2Pointer<pcre2_compile_context_8, pcre2_compile_context_free_8> context(
      pcre2_compile_context_create_8(nullptr));
  require<CapacityError>(context != nullptr, "no memory left for PCRE2");
  pcre2_set_newline_8(context.get(), PCRE2_NEWLINE_LF);
  // In Ruby's syntax ^ and $ match at every line. The start optimizations look ahead in the text
  // without counting steps.
  constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE |
                                     PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_START_OPTIMIZE;
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code_8* code = pcre2_compile_8(reinterpret_cast<PCRE2_SPTR8>(rewritten.data()),
                                       rewritten.size(), kOptions, &error, &offset, context.get());
  require<FormatError>(code != nullptr, "the pattern ", in_quotes(pattern_),
                       " is not supported: ", detail::pcre2_message(error));
  code_.reset(code, pcre2_code_free_8);
}

inline std::vector<MatchedSpan> RegexPattern::spans(std::string_view text, bool invert) const {
  require<OptionError>(is_valid_utf8(text), "a text of ", text.size(),
                       " bytes is no valid UTF-8; repair it first (replace_invalid_utf8)");
  Search search(*this, text);
  std::vector<MatchedSpan> spans;
  std::size_t done = 0;
  std::size_t last_end = std::string_view::npos;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = search.match_end(at);
    if (end == std::string_view::npos || (end == at && last_end == at)) {
      at += at < text.size() ? decode_utf8(text, at).length : 1;
      continue;
    }
    if (at > done) spans.push_back({done, at, invert});
    spans.push_back({at, end, !invert});
    done = at = last_end = end;
  }
  if (done < text.size()) spans.push_back({done, text.size(), invert});
  return spans;
}

#else

inline RegexPattern::RegexPattern(std::string pattern) : pattern_(std::move(pattern)) {
  fail<FormatError>("the pattern ", in_quotes(pattern_),
                    " needs PCRE2, which this program is compiled without; compile it without ",
                    "TUTTI_WITHOUT_TEXT_LIBRARIES");
}

inline std::vector<MatchedSpan> RegexPattern::spans(std::string_view, bool) const { return {}; }

#endif

}  // namespace tutti
