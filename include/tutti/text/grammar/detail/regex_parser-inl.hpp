// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of regex_parser.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/grammar/detail/regex_parser.hpp"
#include "tutti/text/grammar/detail/text_cursor.hpp"
#include "tutti/text/unicode/unicode_categories.hpp"

namespace tutti::grammar {

/// `\d`, `\w` and `\s` are ASCII, as in ECMAScript except for `\s`; their complements exclude what
/// any dialect counts as a digit, word character or space. What matches here therefore matches in
/// ECMAScript and in Python.
[[nodiscard]] inline const CodePointSet& regex_class(char name) {
  const auto united = [](const CodePointSet& set, const auto& table) {
    std::vector<CodePointSet::Range> ranges;
    ranges.reserve(table.size());
    for (const auto& range : table) ranges.push_back({range.first, range.last});
    return set.united(CodePointSet(std::move(ranges)));
  };
  static const CodePointSet digit{{'0', '9'}};
  static const CodePointSet word{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  static const CodePointSet space{{'\t', '\r'}, {' ', ' '}};
  static const CodePointSet not_digit = united(digit, detail::kNumberRanges).complement();
  static const CodePointSet not_word =
      united(united(word, detail::kNumberRanges), detail::kLetterRanges).complement();
  static const CodePointSet not_space =
      united(CodePointSet{{'\t', '\r'}, {0x1C, ' '}, {0xFEFF, 0xFEFF}}, detail::kWhiteSpaceRanges)
          .complement();
  switch (name) {
    case 'd': return digit;
    case 'w': return word;
    case 's': return space;
    case 'D': return not_digit;
    case 'W': return not_word;
    default: return not_space;
  }
}

class RegexParser {
 public:
  RegexParser(std::string_view pattern, Expressions& expressions, RegexOptions options)
      : cursor_(pattern, options.where), expressions_(expressions), options_(std::move(options)) {
    if (!options_.write) {
      options_.write = [this](const CodePointSet& set) { return expressions_.characters(set); };
    }
  }

  RegexResult parse() {
    if (cursor_.rest().size() > kMaxPatternBytes)
      cursor_.fail("the pattern has ", cursor_.rest().size(), " bytes, at most ", kMaxPatternBytes,
                   " are supported");
    const RegexResult result = parse_alternatives(0);
    if (cursor_.peek() == ')') cursor_.fail("\")\" without \"(\"");
    if (!cursor_.at_end()) cursor_.fail("the end of the pattern is expected here");
    return result;
  }

 private:
  static constexpr std::uint64_t kMaxLength = RegexResult::kMaxLength;

  static std::uint64_t add(std::uint64_t a, std::uint64_t b) {
    return a > kMaxLength - b ? kMaxLength : a + b;
  }
  static std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
    return a != 0 && b > kMaxLength / a ? kMaxLength : a * b;
  }

  RegexResult concatenate(const std::vector<RegexResult>& parts) {
    if (parts.size() == 1) return parts.front();
    RegexResult result;
    std::vector<ExprId> children;
    for (const RegexResult& part : parts) {
      children.push_back(part.expression);
      result.min_length = add(result.min_length, part.min_length);
      result.max_length = add(result.max_length, part.max_length);
    }
    result.expression = expressions_.sequence(children);
    return result;
  }

  RegexResult characters(const CodePointSet& set) {
    const ExprId character = options_.write(set);
    return {character, 1, 1, character};
  }

  RegexResult anything() {
    const ExprId character = options_.write(CodePointSet::all());
    return {expressions_.repeat(character, 0, kUnbounded), 0, kMaxLength, character};
  }

  RegexResult parse_alternatives(std::size_t depth) {
    if (depth > kMaxNesting) cursor_.fail("groups are nested deeper than ", kMaxNesting);
    std::vector<ExprId> alternatives;
    RegexResult result{ExprId{}, kMaxLength, 0, std::nullopt};
    do {
      const RegexResult one = parse_sequence(depth);
      if (alternatives.empty() && cursor_.peek() != '|') return one;
      alternatives.push_back(one.expression);
      result.min_length = std::min(result.min_length, one.min_length);
      result.max_length = std::max(result.max_length, one.max_length);
    } while (cursor_.take("|"));
    result.expression = expressions_.choice(alternatives);
    return result;
  }

  RegexResult parse_sequence(std::size_t depth) {
    std::vector<RegexResult> parts;
    const bool anchored_begin = depth == 0 && cursor_.take("^");
    bool anchored_end = false;
    if (depth == 0 && options_.is_search && !anchored_begin) parts.push_back(anything());
    while (!cursor_.at_end() && cursor_.peek() != '|' && cursor_.peek() != ')') {
      if (depth == 0 && cursor_.take("$")) {
        anchored_end = true;
        if (!cursor_.at_end() && cursor_.peek() != '|')
          cursor_.fail("$ is supported only at the end of the pattern or of an alternative");
        break;
      }
      const RegexResult atom = parse_atom(depth);
      parts.push_back(parse_quantifier(atom));
    }
    if (depth == 0 && options_.is_search && !anchored_end) parts.push_back(anything());
    return concatenate(parts);
  }

  RegexResult parse_atom(std::size_t depth) {
    const char c = cursor_.peek();
    switch (c) {
      case '(': return parse_group(depth);
      case '[': return characters(parse_class());
      case '.':
        cursor_.skip(1);
        return characters(CodePointSet{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}.complement());
      case '\\': return characters(parse_escape(false));
      case '^':
        cursor_.fail("^ is supported only at the start of the pattern or of an alternative");
      case '$': cursor_.fail("$ is supported only at the end of the pattern or of an alternative");
      case '*':
      case '+':
      case '?': cursor_.fail("there is nothing to repeat");
      case '{': cursor_.fail("\"{\" without something to repeat: for the character write \\{");
      default: break;
    }
    const char32_t character = cursor_.take_code_point();
    return characters({{character, character}});
  }

  RegexResult parse_group(std::size_t depth) {
    const std::size_t position = cursor_.position();
    cursor_.skip(1);
    if (cursor_.take("?") && !cursor_.take(":")) {
      const bool is_named = cursor_.take("P<") || cursor_.take("<");
      if (!is_named || cursor_.peek() == '=' || cursor_.peek() == '!') {
        cursor_.fail_at(position,
                        "look-ahead, look-behind, flags and conditions \"(?...\" are not "
                        "supported; (?:...) and (?<name>...) are");
      }
      while (!cursor_.at_end() && cursor_.peek() != '>') cursor_.skip(1);
      cursor_.take(">");
    }
    const RegexResult inner = parse_alternatives(depth + 1);
    if (!cursor_.take(")")) cursor_.fail_at(position, "\"(\" without \")\"");
    return inner;
  }

  RegexResult parse_quantifier(const RegexResult& atom) {
    std::uint32_t min = 1;
    std::uint32_t max = 1;
    const std::size_t position = cursor_.position();
    if (cursor_.take("*")) {
      min = 0;
      max = kUnbounded;
    } else if (cursor_.take("+")) {
      max = kUnbounded;
    } else if (cursor_.take("?")) {
      min = 0;
    } else if (cursor_.take("{")) {
      min = cursor_.peek() == ',' ? 0 : cursor_.take_count();
      max = min;
      if (cursor_.take(",")) max = cursor_.peek() == '}' ? kUnbounded : cursor_.take_count();
      if (!cursor_.take("}")) cursor_.fail("\"}\" is expected here");
      if (min > max) {
        cursor_.fail_at(position, "a repetition of at least ", min, " and at most ", max,
                        " is not possible");
      }
    } else {
      return atom;
    }
    cursor_.take("?");  // lazy: the same texts match
    const char next = cursor_.peek();
    if (next == '+') cursor_.fail("possessive quantifiers are not supported");
    if (next == '*' || next == '?' || next == '{')
      cursor_.fail("a repetition of a repetition: put the inner one in a group");
    const std::uint64_t longest = max == kUnbounded ? (atom.max_length == 0 ? 0 : kMaxLength)
                                                    : multiply(atom.max_length, max);
    const bool is_character = atom.repeated_character == atom.expression;
    return {expressions_.repeat(atom.expression, min, max), multiply(atom.min_length, min), longest,
            is_character ? atom.repeated_character : std::nullopt};
  }

  /// Precondition: a backslash comes next.
  CodePointSet parse_escape(bool in_class) {
    const std::size_t position = cursor_.position();
    cursor_.skip(1);
    if (cursor_.at_end()) cursor_.fail_at(position, "the pattern ends with a backslash");
    const char c = cursor_.peek();
    const auto one = [](char32_t character) { return CodePointSet{{character, character}}; };
    if (static_cast<unsigned char>(c) >= 0x80) cursor_.fail_at(position, "this escape is unknown");
    cursor_.skip(1);
    switch (c) {
      case 'd':
      case 'D':
      case 'w':
      case 'W':
      case 's':
      case 'S': return regex_class(c);
      case 'n': return one('\n');
      case 'r': return one('\r');
      case 't': return one('\t');
      case 'f': return one('\f');
      case 'v': return one('\v');
      case 'x': return one(cursor_.take_hexadecimal(2));
      case 'u': return one(take_unicode_escape(position));
      case 'b':
        if (in_class) return one('\b');
        [[fallthrough]];
      case 'B': cursor_.fail_at(position, "word boundaries \\b and \\B are not supported");
      case 'p':
      case 'P': cursor_.fail_at(position, "Unicode properties \\p and \\P are not supported");
      default: break;
    }
    const bool is_digit = c >= '0' && c <= '9';
    if (c == '0' && !(cursor_.peek() >= '0' && cursor_.peek() <= '9')) return one(U'\0');
    if (is_digit || c == 'k') cursor_.fail_at(position, "back references are not supported");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
      cursor_.fail_at(position, "the escape \\", c, " is not supported");
    return one(static_cast<char32_t>(c));
  }

  char32_t take_unicode_escape(std::size_t position) {
    char32_t value = 0;
    if (cursor_.take("{")) {
      std::size_t digits = 0;
      for (; TextCursor::hexadecimal_digit(cursor_.peek()) >= 0 && digits < 8; ++digits)
        value = value * 16 + cursor_.take_hexadecimal(1);
      if (digits == 0 || !cursor_.take("}")) cursor_.fail_at(position, "the escape is malformed");
    } else {
      value = cursor_.take_hexadecimal(4);
      if (value >= 0xD800 && value < 0xDC00 && cursor_.take("\\u")) {
        const char32_t low = cursor_.take_hexadecimal(4);
        if (low < 0xDC00 || low >= 0xE000) cursor_.fail_at(position, "half a surrogate pair");
        value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
      }
    }
    if (value > CodePointSet::kLast || (value >= 0xD800 && value < 0xE000))
      cursor_.fail_at(position, "the escape is not a Unicode character");
    return value;
  }

  /// One character or escape of a class; `range_end` is set when it is a single character.
  CodePointSet parse_class_atom() {
    if (cursor_.at_end()) cursor_.fail("\"[\" without \"]\"");
    if (cursor_.peek() == '\\') return parse_escape(true);
    const char32_t character = cursor_.take_code_point();
    return {{character, character}};
  }

  static bool is_single(const CodePointSet& set) {
    return set.ranges().size() == 1 && set.ranges()[0].first == set.ranges()[0].last;
  }

  CodePointSet parse_class() {
    cursor_.skip(1);
    const bool negated = cursor_.take("^");
    if (cursor_.peek() == ']')
      cursor_.fail("a class without characters: for the character ] write \\]");
    std::vector<CodePointSet::Range> ranges;
    while (!cursor_.take("]")) {
      const std::size_t position = cursor_.position();
      const CodePointSet first = parse_class_atom();
      CodePointSet item = first;
      if (cursor_.peek() == '-' && !cursor_.starts_with("-]")) {
        cursor_.skip(1);
        const CodePointSet last = parse_class_atom();
        if (!is_single(first) || !is_single(last))
          cursor_.fail_at(position, "a range needs one character on each side");
        const CodePointSet::Range range{first.ranges()[0].first, last.ranges()[0].first};
        if (range.last < range.first) cursor_.fail_at(position, "the range ends before it begins");
        item = CodePointSet({range});
      }
      ranges.insert(ranges.end(), item.ranges().begin(), item.ranges().end());
    }
    const CodePointSet set(std::move(ranges));
    return negated ? set.complement() : set;
  }

  TextCursor cursor_;
  Expressions& expressions_;
  RegexOptions options_;
};

TUTTI_INLINE RegexResult parse_regex(std::string_view pattern, Expressions& expressions,
                                     RegexOptions options) {
  return RegexParser(pattern, expressions, std::move(options)).parse();
}

}  // namespace tutti::grammar
