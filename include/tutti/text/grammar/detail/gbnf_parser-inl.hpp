// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of gbnf_parser.hpp.

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/grammar/detail/gbnf_parser.hpp"
#include "tutti/text/grammar/detail/text_cursor.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::grammar {

class GbnfParser {
 public:
  GbnfParser(std::string_view text, Expressions& expressions)
      : cursor_(text, "GBNF"), expressions_(expressions) {}

  RuleId parse() {
    skip_space(true);
    while (!cursor_.at_end()) parse_rule();
    for (const auto& [name, symbol] : symbols_) {
      if (!symbol.is_defined)
        cursor_.fail_at(symbol.first_use, "rule ", in_quotes(name), " is used but not defined");
    }
    const auto root = symbols_.find("root");
    if (root == symbols_.end()) cursor_.fail("there is no rule \"root\", with which texts begin");
    return root->second.rule;
  }

 private:
  struct Symbol {
    RuleId rule{};
    std::size_t first_use = 0;
    bool is_defined = false;
  };

  /// Spaces and comments; line ends only where the rule cannot end.
  void skip_space(bool with_lines) {
    while (true) {
      const char c = cursor_.peek();
      if (c == '#') {
        while (!cursor_.at_end() && cursor_.peek() != '\n' && cursor_.peek() != '\r')
          cursor_.skip(1);
      } else if (c == ' ' || c == '\t' || (with_lines && (c == '\n' || c == '\r'))) {
        cursor_.skip(1);
      } else {
        return;
      }
    }
  }

  static bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  }

  std::string take_name() {
    const std::string_view rest = cursor_.rest();
    const auto end = std::find_if_not(rest.begin(), rest.end(), is_name_character);
    std::string name(rest.begin(), end);
    if (name.empty()) cursor_.fail("the name of a rule is expected here");
    cursor_.skip(name.size());
    return name;
  }

  Symbol& symbol(const std::string& name, std::size_t position) {
    const auto [entry, is_new] = symbols_.try_emplace(name);
    if (is_new) entry->second = {expressions_.add_rule(name), position, false};
    return entry->second;
  }

  void parse_rule() {
    const std::size_t position = cursor_.position();
    const std::string name = take_name();
    skip_space(false);
    if (!cursor_.take("::=")) cursor_.fail("\"::=\" is expected after ", in_quotes(name));
    skip_space(true);
    Symbol& defined = symbol(name, position);
    if (defined.is_defined)
      cursor_.fail_at(position, "rule ", in_quotes(name), " is defined twice");
    defined.is_defined = true;
    const RuleId rule = defined.rule;
    expressions_.set_body(rule, parse_alternatives(0));
    const char after = cursor_.peek();
    if (!cursor_.at_end() && after != '\n' && after != '\r')
      cursor_.fail("the end of the rule is expected here");
    skip_space(true);
  }

  ExprId parse_alternatives(std::size_t depth) {
    if (depth > kMaxNesting) cursor_.fail("groups are nested deeper than ", kMaxNesting);
    std::vector<ExprId> alternatives{parse_sequence(depth)};
    while (cursor_.take("|")) {
      skip_space(true);
      alternatives.push_back(parse_sequence(depth));
    }
    return expressions_.choice(alternatives);
  }

  ExprId parse_sequence(std::size_t depth) {
    std::vector<ExprId> items;
    while (true) {
      const char c = cursor_.peek();
      ExprId item;
      if (c == '"') {
        item = parse_literal();
      } else if (c == '[') {
        item = expressions_.characters(parse_class());
      } else if (c == '.') {
        cursor_.skip(1);
        item = expressions_.characters(CodePointSet::all());
      } else if (c == '(') {
        cursor_.skip(1);
        skip_space(true);
        item = parse_alternatives(depth + 1);
        if (!cursor_.take(")")) cursor_.fail("\")\" is expected here");
      } else if (is_name_character(c)) {
        const std::size_t position = cursor_.position();
        item = expressions_.rule(symbol(take_name(), position).rule);
      } else if (c == '<' || c == '!') {
        cursor_.fail("tokens (<[123]>, <name>, !<name>) are not supported: write texts");
      } else {
        return expressions_.sequence(items);
      }
      skip_space(depth > 0);
      items.push_back(parse_repetitions(item, depth));
    }
  }

  ExprId parse_repetitions(ExprId item, std::size_t depth) {
    while (true) {
      if (cursor_.take("*")) {
        item = expressions_.repeat(item, 0, kUnbounded);
      } else if (cursor_.take("+")) {
        item = expressions_.repeat(item, 1, kUnbounded);
      } else if (cursor_.take("?")) {
        item = expressions_.optional(item);
      } else if (cursor_.peek() == '{') {
        const std::size_t position = cursor_.position();
        cursor_.skip(1);
        item = parse_braces(item, position, depth);
      } else {
        return item;
      }
      skip_space(depth > 0);
    }
  }

  ExprId parse_braces(ExprId item, std::size_t position, std::size_t depth) {
    skip_space(depth > 0);
    const std::uint32_t min = cursor_.peek() == ',' ? 0 : cursor_.take_count();
    std::uint32_t max = min;
    skip_space(depth > 0);
    if (cursor_.take(",")) {
      skip_space(depth > 0);
      max = cursor_.peek() == '}' ? kUnbounded : cursor_.take_count();
      skip_space(depth > 0);
    }
    if (!cursor_.take("}")) cursor_.fail("\"}\" is expected here");
    if (min > max) {
      cursor_.fail_at(position, "a repetition of at least ", min, " and at most ", max,
                      " is not possible");
    }
    return expressions_.repeat(item, min, max);
  }

  char32_t take_character() {
    if (cursor_.at_end()) cursor_.fail("the text ends within a literal or a class");
    if (!cursor_.take("\\")) return cursor_.take_code_point();
    const char c = cursor_.peek();
    cursor_.skip(cursor_.at_end() ? 0 : 1);
    char32_t value = 0;
    switch (c) {
      case 'x': return cursor_.take_hexadecimal(2);
      case 'u': value = cursor_.take_hexadecimal(4); break;
      case 'U': value = cursor_.take_hexadecimal(8); break;
      case 't': return U'\t';
      case 'r': return U'\r';
      case 'n': return U'\n';
      case '\\':
      case '"':
      case '[':
      case ']': return static_cast<char32_t>(c);
      default:
        cursor_.fail("this escape is unknown: known are \\x \\u \\U \\t \\r \\n \\\\ \\\" \\[ \\]");
    }
    if (value > CodePointSet::kLast || (value >= 0xD800 && value < 0xE000))
      cursor_.fail("the escape is not a Unicode character");
    return value;
  }

  ExprId parse_literal() {
    cursor_.skip(1);
    std::string text;
    while (cursor_.peek() != '"') append_utf8(text, take_character());
    cursor_.skip(1);
    return expressions_.bytes(text);
  }

  CodePointSet parse_class() {
    cursor_.skip(1);
    const bool negated = cursor_.take("^");
    std::vector<CodePointSet::Range> ranges;
    while (cursor_.peek() != ']') {
      const std::size_t position = cursor_.position();
      const char32_t first = take_character();
      char32_t last = first;
      if (cursor_.peek() == '-' && !cursor_.starts_with("-]")) {
        cursor_.skip(1);
        last = take_character();
      }
      if (last < first) cursor_.fail_at(position, "the range ends before it begins");
      ranges.push_back({first, last});
    }
    cursor_.skip(1);
    const CodePointSet set(std::move(ranges));
    return negated ? set.complement() : set;
  }

  TextCursor cursor_;
  Expressions& expressions_;
  std::map<std::string, Symbol> symbols_;
};

TUTTI_INLINE RuleId parse_gbnf(std::string_view text, Expressions& expressions) {
  return GbnfParser(text, expressions).parse();
}

}  // namespace tutti::grammar
