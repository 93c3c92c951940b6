// SPDX-License-Identifier: Apache-2.0
#pragma once
// Patterns of tokenizer.json are written for Oniguruma (Ruby syntax). Syntax that PCRE2 reads
// differently is rewritten here or refused: a pattern that is almost right gives tokens that are
// almost right.

#include <cstddef>
#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/unicode/detail/unicode_ranges.hpp"

namespace tutti::detail {

class OnigToPcre2 {
 public:
  explicit OnigToPcre2(std::string_view pattern) : whole_(pattern), rest_(pattern) {}

  /// @throws FormatError when the pattern uses syntax that cannot be rewritten.
  [[nodiscard]] std::string run() {
    while (!rest_.empty()) {
      if (rest_.front() == '\\') {
        escape();
      } else if (in_class_) {
        class_character();
      } else {
        plain_character();
      }
    }
    return std::move(result_);
  }

 private:
  // Oniguruma's \w, determined by testing every code point: letters, marks, digits, connectors,
  // letter numbers, circled and squared letters, and the fractions and powers of Latin-1. PCRE2's
  // has no marks, all numbers, and of the connectors the underscore only.
  static constexpr std::string_view kWord =
      R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be}\x{24b6}-\x{24e9})"
      R"(\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";

  [[noreturn]] void refuse(std::string_view what) const {
    fail<FormatError>("the pattern ", in_quotes(whole_), " uses ", what,
                      ", which is not supported");
  }

  void take(std::size_t count) {
    result_ += rest_.substr(0, count);
    rest_.remove_prefix(count);
  }

  /// White space as a part of a character class, by the Unicode property; PCRE2's \s includes
  /// U+180E.
  static std::string white_space(bool negated) {
    std::ostringstream ranges;
    ranges << std::hex;
    char32_t next = 0;
    for (const CodePointRange& range : kWhiteSpaceRanges) {
      if (!negated) {
        ranges << "\\x{" << static_cast<unsigned>(range.first) << "}-\\x{"
               << static_cast<unsigned>(range.last) << '}';
      } else if (range.first > next) {
        ranges << "\\x{" << static_cast<unsigned>(next) << "}-\\x{"
               << static_cast<unsigned>(range.first) - 1 << '}';
      }
      next = range.last + 1;
    }
    if (negated) ranges << "\\x{" << static_cast<unsigned>(next) << "}-\\x{10ffff}";
    return ranges.str();
  }

  /// Writes a set of characters, by itself or as a part of the enclosing class.
  void put_set(std::string_view members, bool negated) {
    if (in_class_ && negated) refuse("\\W or \\H within [...]");
    if (in_class_) {
      result_ += members;
    } else {
      ((result_ += negated ? "[^" : "[") += members) += ']';
    }
  }

  void escape() {
    const char kind = rest_.size() > 1 ? rest_[1] : '\0';
    const bool braces = rest_.size() > 2 && rest_[2] == '{';
    if (braces && (kind == 'p' || kind == 'P' || kind == 'x')) {
      const std::size_t end = rest_.find('}');
      return take(end == std::string_view::npos ? rest_.size() : end + 1);
    }
    if (kind == 's' || kind == 'S') {
      put_set(white_space(kind == 'S'), false);
    } else if (kind == 'w' || kind == 'W') {
      put_set(kWord, kind == 'W');
    } else if (kind == 'h' || kind == 'H') {
      put_set("0-9a-fA-F", kind == 'H');  // a hexadecimal digit; in PCRE2 horizontal white space
    } else if (kind == 'v') {
      result_ += "\\x0b";  // a vertical tab; in PCRE2 any vertical white space
    } else if ((kind == 'b' || kind == 'B') && !in_class_) {
      put_word_boundary(kind == 'B');
    } else if (kind == 'u' && rest_.size() >= 6) {
      ((result_ += "\\x{") += rest_.substr(2, 4)) += '}';
      return rest_.remove_prefix(6);
    } else {
      return take(rest_.size() > 1 ? 2 : 1);
    }
    rest_.remove_prefix(2);
  }

  void put_word_boundary(bool negated) {
    const std::string word = '[' + std::string(kWord) + ']';
    // Whether a word character may follow a word character, and anything else.
    const std::string after_word = negated ? "=" : "!";
    const std::string after_other = negated ? "!" : "=";
    result_ += "(?:(?<=" + word + ")(?" + after_word + word + ")|(?<!" + word + ")(?" +
               after_other + word + "))";
  }

  void class_character() {
    if (rest_.starts_with("&&")) refuse("&& within [...]");
    if (rest_.starts_with("[:")) {
      const std::size_t end = rest_.find(":]");
      return take(end == std::string_view::npos ? rest_.size() : end + 2);
    }
    if (rest_.front() == '[') refuse("[...] within [...]");
    in_class_ = rest_.front() != ']';
    take(1);
  }

  void plain_character() {
    if (rest_.front() == '[') {
      in_class_ = true;
      take(1);
      if (rest_.starts_with('^')) take(1);
      if (rest_.starts_with(']')) take(1);  // in first place it is a member
    } else if (rest_.starts_with("(?")) {
      options();
    } else if (rest_.front() == '{') {
      repetition();
    } else {
      take(1);
    }
  }

  void options() {
    const std::size_t end = rest_.find_first_of(":)<=!>#", 2);
    // Oniguruma's m is PCRE2's s; it has no s.
    for (const char c : rest_.substr(2, end - 2)) {
      if (c != 'i' && c != 'x' && c != '-') refuse(in_quotes(rest_.substr(0, 8)));
    }
    // Without a colon they hold to the end of the group: in Oniguruma a|b of x(?i)a|b is one group
    // after x, in PCRE2 b is an alternative of its own.
    const bool at_start = rest_.size() == whole_.size();
    if (end != std::string_view::npos && rest_[end] == ')' && !at_start) {
      refuse(in_quotes(rest_.substr(0, end + 1)) + " after the start of the pattern");
    }
    take(2);
  }

  void repetition() {
    const std::size_t end = rest_.find('}');
    const std::string_view counts = rest_.substr(1, end == std::string_view::npos ? end : end - 1);
    if (end == std::string_view::npos ||
        counts.find_first_not_of("0123456789,") != std::string_view::npos)
      return take(1);
    const std::string_view next = rest_.substr(end + 1);
    if (next.starts_with('+'))
      refuse("{...}+");  // possessive in PCRE2, a repeated group in Oniguruma
    const std::size_t comma = counts.find(',');
    // In Oniguruma an optional group, in PCRE2 a lazy repetition.
    if (!counts.empty() && comma == std::string_view::npos && next.starts_with('?')) refuse("{n}?");
    take(1);
    // {,n} starts at 0; PCRE2 before 10.43 reads it as characters.
    if (comma == 0 && counts.size() > 1 && counts.find(',', 1) == std::string_view::npos)
      result_ += '0';
  }

  std::string_view whole_;
  std::string_view rest_;
  std::string result_;
  bool in_class_ = false;
};

}  // namespace tutti::detail
