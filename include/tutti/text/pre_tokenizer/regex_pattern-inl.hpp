// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of regex_pattern.hpp, the only code that uses PCRE2.

#include <cstdint>
#include <utility>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/pre_tokenizer/detail/onig_to_pcre2.hpp"
#include "tutti/text/pre_tokenizer/regex_pattern.hpp"
#include "tutti/text/unicode/utf8.hpp"

#if TUTTI_TEXT_LIBRARIES
#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>
#endif

namespace tutti {

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

class RegexPattern::Code {
 public:
  explicit Code(pcre2_code_8* code) : code_(code) {}

  [[nodiscard]] const pcre2_code_8* get() const { return code_.get(); }

 private:
  detail::Pcre2Pointer<pcre2_code_8, pcre2_code_free_8> code_;
};

/// The state of one call of `spans`: matches at one position after the other and counts the steps.
class RegexPattern::Search {
 public:
  Search(const RegexPattern& regex, std::string_view text)
      : regex_(regex),
        text_(text),
        budget_(kBudget + kBudgetPerByte * text.size()),
        context_(pcre2_match_context_create_8(nullptr)),
        data_(pcre2_match_data_create_8(1, nullptr)) {
    require<CapacityError>(context_ != nullptr && data_ != nullptr, "PCRE2 cannot allocate memory");
    pcre2_set_heap_limit_8(context_.get(), kHeapKilobytes);
  }

  /// End of the match that begins at byte `at`, or npos.
  [[nodiscard]] std::size_t match_end(std::size_t at) {
    // Almost every match needs few steps. One that needs more is repeated with a higher limit, as
    // long as the budget of the whole text lasts.
    for (std::uint32_t limit = kCheapSteps;; limit *= 10) {
      pcre2_set_match_limit_8(context_.get(), limit);
      const int result = pcre2_match_8(
          regex_.code_->get(), reinterpret_cast<PCRE2_SPTR8>(text_.data()), text_.size(), at,
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
  static constexpr std::uint64_t kBudgetPerByte = 1'000;
  static constexpr std::uint32_t kHeapKilobytes = 65'536;

  [[nodiscard]] std::size_t checked_end(std::size_t at) const {
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer_8(data_.get());
    // \K moves the beginning of a match.
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

TUTTI_INLINE RegexPattern::RegexPattern(std::string pattern) : pattern_(std::move(pattern)) {
  require<FormatError>(pattern_.size() <= kMaxBytes, "a pattern of ", pattern_.size(),
                       " bytes, at most ", kMaxBytes, " are supported");
  const std::string rewritten = detail::OnigToPcre2(pattern_).run();
  const detail::Pcre2Pointer<pcre2_compile_context_8, pcre2_compile_context_free_8> context(
      pcre2_compile_context_create_8(nullptr));
  require<CapacityError>(context != nullptr, "PCRE2 cannot allocate memory");
  pcre2_set_newline_8(context.get(), PCRE2_NEWLINE_LF);
  // In Ruby's syntax ^ and $ match at every line. PCRE2's start optimizations scan ahead without
  // counting steps.
  constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE |
                                     PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_START_OPTIMIZE;
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code_8* code = pcre2_compile_8(reinterpret_cast<PCRE2_SPTR8>(rewritten.data()),
                                       rewritten.size(), kOptions, &error, &offset, context.get());
  require<FormatError>(code != nullptr, "the pattern ", in_quotes(pattern_),
                       " is not supported: ", detail::pcre2_message(error));
  code_ = std::make_shared<const Code>(code);
}

TUTTI_INLINE std::vector<MatchedSpan> RegexPattern::spans(std::string_view text,
                                                          bool invert) const {
  require<OptionError>(is_valid_utf8(text), "a text of ", text.size(),
                       " bytes is not valid UTF-8; repair it first (replace_invalid_utf8)");
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

TUTTI_INLINE RegexPattern::RegexPattern(std::string pattern) : pattern_(std::move(pattern)) {
  fail<FormatError>("the pattern ", in_quotes(pattern_),
                    " needs PCRE2, which this program is compiled without; compile it without ",
                    "TUTTI_WITHOUT_TEXT_LIBRARIES");
}

TUTTI_INLINE std::vector<MatchedSpan> RegexPattern::spans(std::string_view, bool) const {
  return {};
}

#endif

}  // namespace tutti
