// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of json_text.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/grammar/detail/json_text.hpp"
#include "tutti/text/grammar/detail/number_range.hpp"
#include "tutti/text/grammar/detail/schema_value.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::grammar {

/// What a string contains as it is: everything but quotes, backslashes and control characters.
[[nodiscard]] inline const CodePointSet& unescaped_characters() {
  static const CodePointSet set = CodePointSet{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}.complement();
  return set;
}

TUTTI_INLINE JsonText::JsonText(Expressions& expressions, JsonWhitespace whitespace)
    : expressions_(expressions), whitespace_(whitespace) {
  space_ = expressions.empty();
  ExprId after = space_;
  if (whitespace == JsonWhitespace::spaced) after = expressions.bytes(" ");
  if (whitespace == JsonWhitespace::flexible) {
    const ExprId lines = expressions.repeat(expressions.bytes("\n"), 1, 2);
    const ExprId blanks = expressions.repeat(expressions.characters({{'\t', '\t'}, {' ', ' '}}), 0,
                                             20);
    // A rule, so that its counters are in one place.
    const RuleId rule = expressions.add_rule("white space");
    expressions.set_body(rule, expressions.choice({expressions.empty(), expressions.bytes(" "),
                                                   expressions.sequence({lines, blanks})}));
    space_ = expressions.rule(rule);
    after = space_;
  }
  comma_ = expressions.sequence({expressions.bytes(","), after});
  colon_ = expressions.sequence({expressions.bytes(":"), after});
}

TUTTI_INLINE ExprId JsonText::any_character() {
  Expressions& e = expressions_;
  const CodePointSet digits{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
  const ExprId hex = e.characters(digits);
  const ExprId two = e.repeat(hex, 2, 2);
  const ExprId three = e.repeat(hex, 3, 3);
  const ExprId d = e.characters({{'D', 'D'}, {'d', 'd'}});
  const ExprId not_d = e.characters(digits.without({{'D', 'D'}, {'d', 'd'}}));
  const ExprId basic = e.choice(
      {e.sequence({not_d, three}), e.sequence({d, e.characters({{'0', '7'}}), two})});
  // A code point above U+FFFF is a pair of escapes; half of one is no text.
  const ExprId pair = e.sequence({d, e.characters({{'8', '9'}, {'A', 'B'}, {'a', 'b'}}), two,
                                  e.bytes("\\u"), d, e.characters({{'C', 'F'}, {'c', 'f'}}), two});
  const ExprId unicode = e.sequence({e.bytes("u"), e.choice({basic, pair})});
  const ExprId letter = e.characters({{'"', '"'},
                                      {'/', '/'},
                                      {'\\', '\\'},
                                      {'b', 'b'},
                                      {'f', 'f'},
                                      {'n', 'n'},
                                      {'r', 'r'},
                                      {'t', 't'}});
  const ExprId escape = e.sequence({e.bytes("\\"), e.choice({letter, unicode})});
  return e.choice({e.characters(unescaped_characters()), escape});
}

TUTTI_INLINE ExprId JsonText::string(std::uint32_t min, std::uint32_t max) {
  if (min > max) return expressions_.nothing();
  const auto [entry, is_new] = strings_.try_emplace({min, max});
  if (is_new) {
    const RuleId rule = expressions_.add_rule("string");
    const ExprId quote = expressions_.bytes("\"");
    expressions_.set_body(
        rule,
        expressions_.sequence({quote, expressions_.repeat(any_character(), min, max), quote}));
    entry->second = expressions_.rule(rule);
  }
  return entry->second;
}

TUTTI_INLINE ExprId JsonText::character(const CodePointSet& set) {
  std::vector<std::string> escapes;
  for (char32_t c = 0; c <= U'\\'; ++c) {
    if (unescaped_characters().contains(c) || !set.contains(c)) continue;
    const std::string quoted = json_string(std::string(1, static_cast<char>(c)));
    std::string escape = quoted.substr(1, quoted.size() - 2);
    escapes.push_back(escape);
    if (escape.size() < 6) continue;
    std::transform(escape.begin() + 2, escape.end(), escape.begin() + 2, [](char digit) {
      return digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit;
    });
    escapes.push_back(escape);
  }
  return expressions_.choice(
      {expressions_.characters(set.without(unescaped_characters().complement())),
       expressions_.literals(std::move(escapes))});
}

TUTTI_INLINE ExprId JsonText::other_string(const std::vector<std::string>& texts) {
  if (texts.empty()) return string(0, kUnbounded);
  // A trie of the texts over code points; each node is a rule for the ways to differ from here on.
  struct TrieNode {
    std::map<char32_t, std::size_t> children;
    bool is_text = false;
  };
  const CodePointSet& allowed = unescaped_characters();
  std::vector<TrieNode> trie(1);
  for (const std::string& text : texts) {
    std::size_t node = 0;
    bool needs_escape = false;
    for (std::size_t at = 0; at < text.size() && !needs_escape;) {
      const DecodedCodePoint decoded = decode_utf8(text, at);
      at += decoded.length;
      needs_escape = !allowed.contains(decoded.code_point);
      const auto [child, is_new] = trie[node].children.try_emplace(decoded.code_point, trie.size());
      node = child->second;
      if (is_new) trie.emplace_back();
    }
    trie[node].is_text = trie[node].is_text || !needs_escape;
  }
  std::vector<RuleId> rules;
  for (std::size_t i = 0; i < trie.size(); ++i) rules.push_back(expressions_.add_rule("other key"));
  const ExprId rest = expressions_.repeat(expressions_.characters(allowed), 0, kUnbounded);
  for (std::size_t i = 0; i < trie.size(); ++i) {
    std::vector<CodePointSet::Range> taken;
    std::vector<ExprId> ways{trie[i].is_text ? expressions_.nothing() : expressions_.empty()};
    for (const auto& [c, child] : trie[i].children) {
      taken.push_back({c, c});
      ways.push_back(expressions_.sequence(
          {expressions_.characters(allowed.without(CodePointSet{{c, c}}.complement())),
           expressions_.rule(rules[child])}));
    }
    ways.push_back(expressions_.sequence(
        {expressions_.characters(allowed.without(CodePointSet(std::move(taken)))), rest}));
    expressions_.set_body(rules[i], expressions_.choice(ways));
  }
  const ExprId quote = expressions_.bytes("\"");
  return expressions_.sequence({quote, expressions_.rule(rules[0]), quote});
}

TUTTI_INLINE ExprId JsonText::list(ExprId item, std::uint32_t min, std::uint32_t max) {
  if (max == 0) return min == 0 ? expressions_.empty() : expressions_.nothing();
  const std::uint32_t others_min = min == 0 ? 0 : min - 1;
  const std::uint32_t others_max = max == kUnbounded ? max : max - 1;
  const ExprId others = expressions_.repeat(expressions_.sequence({comma_, item}), others_min,
                                            others_max);
  const ExprId all = expressions_.sequence({item, others});
  return min == 0 ? expressions_.choice({expressions_.empty(), all}) : all;
}

TUTTI_INLINE ExprId JsonText::value() {
  if (value_ != expressions_.nothing()) return value_;
  const RuleId rule = expressions_.add_rule("value");
  value_ = expressions_.rule(rule);
  const ExprId items = list(item(value_), 0, kUnbounded);
  const ExprId members = list(member(string(0, kUnbounded), value_), 0, kUnbounded);
  expressions_.set_body(rule,
                        expressions_.choice({expressions_.literals({"null", "true", "false"}),
                                             any_number(expressions_, false), string(0, kUnbounded),
                                             array(items), object(members)}));
  return value_;
}

}  // namespace tutti::grammar
